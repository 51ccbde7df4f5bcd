internal import ContactCentre
internal import JSON

/// One line of an Asterisk queue log, split and read but not yet understood.
struct QueueLogLine {
    /// As it was written, for the line's id.
    let stamp: ArraySlice<UInt8>
    let time: Instant
    /// The unique id of the caller's channel; nil where the line is about no call.
    let call: String?
    let queue: String?
    let member: String?
    let event: QueueLogEvent
    private let parameters: [ArraySlice<UInt8>]

    /// Time stamp, call, queue, member and event stand in every line.
    private static let fieldsMin = 5
    /// What stands in place of a call where there is none.
    private static let noCalls = ["", "NONE", "REALTIME", "MANAGER"]
    private static let noNames = ["", "NONE"]

    /// - Throws: ``RowRefusal/queueLog(_:)``.
    init(_ line: ArraySlice<UInt8>) throws(RowRefusal) {
        let fields = line.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
        guard fields.count >= Self.fieldsMin else { throw .queueLog(.tooFewFields(fields.count)) }
        stamp = fields[0]
        guard let time = Instant(unixTime: stamp) else { throw .queueLog(.noTime(shown(stamp))) }
        self.time = time
        let call = try decoded(fields[1], of: "call")
        let queue = try decoded(fields[2], of: "queue")
        let member = try decoded(fields[3], of: "member")
        self.call = Self.noCalls.contains(call) ? nil : call
        self.queue = Self.noNames.contains(queue) ? nil : queue
        self.member = Self.noNames.contains(member) ? nil : member
        let name = try decoded(fields[4], of: "event")
        guard let event = QueueLogEvent(rawValue: name) else {
            throw .queueLog(.unknownEvent(shown(fields[4])))
        }
        self.event = event
        parameters = Array(fields[Self.fieldsMin...])
    }

    func requiredCall() throws(RowRefusal) -> String {
        guard let call else { throw .queueLog(.missing("call", event)) }
        return call
    }

    func requiredQueue() throws(RowRefusal) -> QueueID {
        guard let queue else { throw .queueLog(.missing("queue", event)) }
        guard let name = QueueID(queue) else {
            throw .queueLog(.badQueue(shown(Array(queue.utf8)[...])))
        }
        return name
    }

    func requiredMember() throws(RowRefusal) -> String {
        guard let member else { throw .queueLog(.missing("member", event)) }
        return member
    }

    /// The text of a parameter; nil where it is absent or empty.
    func text(at index: Int) throws(RowRefusal) -> String? {
        guard index < parameters.count, !parameters[index].isEmpty else { return nil }
        return try decoded(parameters[index], of: "parameter")
    }

    /// A duration that the line states in whole seconds, in microseconds; nil where it is absent.
    func seconds(at index: Int) throws(RowRefusal) -> Int64? {
        try number(at: index, of: "seconds").map { $0 * 1_000_000 }
    }

    /// A duration that the line states in whole milliseconds, in microseconds.
    func milliseconds(at index: Int) throws(RowRefusal) -> Int64? {
        try number(at: index, of: "milliseconds").map { $0 * 1_000 }
    }

    /// Where the last three parameters begin, whatever stands before them.
    ///
    /// An attended transfer names one bridge or application, or two channels.
    var lastThree: Int { max(0, parameters.count - 3) }

    private func number(at index: Int, of unit: String) throws(RowRefusal) -> Int64? {
        guard index >= 0, index < parameters.count, !parameters[index].isEmpty else { return nil }
        let text = String(decoding: parameters[index], as: UTF8.self)
        guard let number = Int64(text), Self.durations.contains(number) else {
            throw .queueLog(.notANumber(shown(parameters[index]), of: unit, event))
        }
        return number
    }

    /// Longer durations are none; it keeps microseconds far from what 64 bits hold.
    private static let durations = -1_000_000_000_000...1_000_000_000_000 as ClosedRange<Int64>
}

/// The events of a queue log, as Asterisk spells them.
enum QueueLogEvent: String, CaseIterable, Sendable {
    case abandon = "ABANDON"
    case addMember = "ADDMEMBER"
    case agentDump = "AGENTDUMP"
    case agentLogin = "AGENTLOGIN"
    case agentCallbackLogin = "AGENTCALLBACKLOGIN"
    case agentLogoff = "AGENTLOGOFF"
    case agentCallbackLogoff = "AGENTCALLBACKLOGOFF"
    case attendedTransfer = "ATTENDEDTRANSFER"
    case blindTransfer = "BLINDTRANSFER"
    case callOutbound = "CALLOUTBOUND"
    case completeAgent = "COMPLETEAGENT"
    case completeCaller = "COMPLETECALLER"
    case configReload = "CONFIGRELOAD"
    case connect = "CONNECT"
    case did = "DID"
    case enterQueue = "ENTERQUEUE"
    case exitEmpty = "EXITEMPTY"
    case exitWithKey = "EXITWITHKEY"
    case exitWithTimeout = "EXITWITHTIMEOUT"
    case full = "FULL"
    case info = "INFO"
    case joinEmpty = "JOINEMPTY"
    case joinUnavailable = "JOINUNAVAIL"
    case memberPenalty = "MEMBERPENALTY"
    case pause = "PAUSE"
    case pauseAll = "PAUSEALL"
    case penalty = "PENALTY"
    case queueStart = "QUEUESTART"
    case removeMember = "REMOVEMEMBER"
    case ringCanceled = "RINGCANCELED"
    case ringNoAnswer = "RINGNOANSWER"
    case systemIncompatible = "SYSCOMPAT"
    case transfer = "TRANSFER"
    case unpause = "UNPAUSE"
    case unpauseAll = "UNPAUSEALL"
}

/// Why a line is no line of a queue log.
package enum QueueLogFault: Error, Equatable, Sendable {
    case tooFewFields(Int)
    case noTime(String)
    case notUTF8(field: String)
    case unknownEvent(String)
    case noneGiven(String, event: String)
    /// No name of a queue has control characters.
    case badQueue(String)
    case badNumber(String, unit: String, event: String)

    static func missing(_ field: String, _ event: QueueLogEvent) -> Self {
        .noneGiven(field, event: event.rawValue)
    }

    static func notANumber(_ text: String, of unit: String, _ event: QueueLogEvent) -> Self {
        .badNumber(text, unit: unit, event: event.rawValue)
    }
}

extension QueueLogFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooFewFields(let count):
            "the line has \(count) of the five fields time, call, queue, member and event, "
                + "separated by |"
        case .noTime(let text): "\(text) is not a time in seconds since 1970"
        case .notUTF8(let field): "the \(field) is not UTF-8 text"
        case .unknownEvent(let name): "\(name) is no event of a queue log that is known here"
        case .noneGiven(let field, let event): "\(event) needs a \(field), and none is given"
        case .badQueue(let name): "the queue's name \(name) has control characters"
        case .badNumber(let text, let unit, let event):
            "\(event): \(text) is not a whole number of \(unit)"
        }
    }
}

private func decoded(
    _ field: ArraySlice<UInt8>, of name: String
) throws(RowRefusal) -> String {
    guard let text = String(validating: field, as: UTF8.self) else {
        throw .queueLog(.notUTF8(field: name))
    }
    return text
}

/// The beginning of a field, in quotes and with its control characters escaped.
private func shown(_ field: ArraySlice<UInt8>) -> String {
    jsonString(String(String(decoding: field.prefix(240), as: UTF8.self).prefix(60)))
}

extension Instant {
    /// Seconds since 1970, perhaps with a fraction, of which microseconds are kept.
    init?(unixTime text: ArraySlice<UInt8>) {
        let parts = text.split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        func isDigits(_ digits: ArraySlice<UInt8>) -> Bool {
            !digits.isEmpty
                && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        // Twelve digits reach past the year 9999.
        guard parts.allSatisfy(isDigits), parts[0].count <= 12,
            let seconds = Int64(String(decoding: parts[0], as: UTF8.self))
        else { return nil }
        var fraction: Int64 = 0
        if parts.count == 2 {
            let digits = parts[1].prefix(6)
            for digit in digits { fraction = fraction * 10 + Int64(digit - UInt8(ascii: "0")) }
            for _ in digits.count..<6 { fraction *= 10 }
        }
        self.init(microseconds: seconds * 1_000_000 + fraction)
        guard self <= .latest else { return nil }
    }
}
