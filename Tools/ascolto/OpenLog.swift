internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON

struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The log's directory. Default: $ASCOLTO_LOG, then ./ascolto-log.", valueName: "dir"))
    var log: String?
    @Flag(
        help: ArgumentHelp(
            """
            Nobody writes: read without a lock file, such as on a read-only mount. Refused while \
            somebody writes; keeps writers out meanwhile.
            """))
    var frozen = false

    var directory: String {
        log ?? ProcessInfo.processInfo.environment["ASCOLTO_LOG"] ?? "ascolto-log"
    }

    var projectionsDirectory: String { directory + "/projections" }

    static let defaultZone = "Europe/Rome"

    func openForReading() throws -> EventLog {
        try EventLog.open(at: directory, access: accessForReading)
    }

    var accessForReading: EventLog.Access { frozen ? .frozen : .reading }

    /// For verbs that change the log.
    func requireNotFrozen() throws {
        if frozen { throw UsageError("--frozen is for verbs that only read") }
    }

    /// Opens the log, creating it where there is none; under `rules`, appends are refused that
    /// break them.
    func openForWriting(
        clockPolicy: ClockPolicy = .refuseJumps, under rules: StreamRules? = nil
    ) throws -> EventLog {
        try requireNotFrozen()
        let clock = try Self.clock()
        if !EventLog.exists(at: directory) {
            do throws(LogError) {
                try EventLog.create(at: directory, zone: Self.defaultZone, clock: clock)
                Standard.error("created a log in \(directory)")
            } catch .logExists {
                // Another process was faster; its log is as good.
            }
        }
        return try EventLog.open(
            at: directory, access: .writing, clock: clock, clockPolicy: clockPolicy, under: rules)
    }

    /// The machine's clock, or the moment in `ASCOLTO_CLOCK`, with which two runs record the same.
    static func clock() throws -> LogClock {
        guard let text = ProcessInfo.processInfo.environment["ASCOLTO_CLOCK"] else {
            return .system
        }
        guard let moment = Instant(rfc3339: text) else {
            throw UsageError("ASCOLTO_CLOCK must be an RFC 3339 time, not \(text)")
        }
        return .fixed(moment)
    }
}

/// A moment on the command line.
extension Instant: ExpressibleByArgument {
    public init?(argument: String) { self.init(rfc3339: argument) }
}

extension Position: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = UInt64(argument) else { return nil }
        self.init(value)
    }
}

/// A position or a moment of recording.
extension AsOf: ExpressibleByArgument {
    public init?(argument: String) {
        if let position = Position(argument: argument) {
            self = .position(position)
        } else if let moment = Instant(rfc3339: argument) {
            self = .recorded(moment)
        } else {
            return nil
        }
    }
}
