internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import JSON
internal import Storage
internal import Workloads

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure this machine with a log that is made for it and removed.",
        discussion: """
            Appends are durable. Where a figure has a raw_lmdb twin, both were measured in turns \
            in the same run: the same event bytes, one put each into one database, through the C \
            interface alone. Rates are medians of the rounds.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(
        help: ArgumentHelp(
            "Where a fresh directory is made and removed. Default: beside the log.",
            valueName: "dir"))
    var dir: String?
    @Option(help: "Events of the log that is replayed, scanned, searched and checked.")
    var events = 1_000_000
    @Option(help: "How often ours and the raw baseline take turns.")
    var rounds = 15
    @Option(
        help: """
            Measure only this: appends, the log of calls, the size that a trickle of small \
            commits leaves behind, proofs: receipts, verification and what signing costs, \
            routing, or the kernel of simulations. The last four are measured only when they are \
            named.
            """)
    var only: Part?
    @Option(
        help: ArgumentHelp(
            "Events of that log, CloudEvents one a line, repeated with other ids and streams.",
            valueName: "file"))
    var input: String?
    @Option(help: "Another number makes other events.")
    var seed: UInt64 = 1

    enum Part: String, ExpressibleByArgument, CaseIterable {
        case appends
        case calls
        case trickle
        case proofs
        case routing
        case kernel

        /// What is measured where nothing is named.
        static let usual: Set<Part> = [.appends, .calls]
    }

    private static let eventsMin = 1_000

    func run() async throws {
        guard events >= Self.eventsMin else {
            throw UsageError("--events must be at least \(Self.eventsMin)")
        }
        guard (1...1_000).contains(rounds) else {
            throw UsageError("--rounds must be from 1 to 1000")
        }
        let parent = dir ?? FileSystem.parent(of: log.directory)
        let scratch = try Scratch(in: parent)
        // Whether it ends, fails or is interrupted, the directory goes.
        defer { scratch.remove() }
        let interruptions = Interruptions { scratch.remove() }
        defer { interruptions.cancel() }
        let place = MountedFileSystem(of: scratch.path)
        if place.isMemory {
            Standard.error(
                "ascolto: \(parent) is memory (\(place.kind)), where nothing is durable; "
                    + "name a directory on a disk with --dir")
        }
        var members: [(String, Cell)] = [
            ("file_system", .text(place.kind)),
            ("cores", .count(ProcessInfo.processInfo.processorCount)),
            ("events", .count(events)), ("rounds", .count(rounds)),
            ("seed", .text(String(seed))), ("line_bytes", .count(SizedEvents.lineBytes)),
        ]
        let parts = only.map { [$0] } ?? Part.usual
        if parts.contains(.appends) {
            members += try await AppendFigures(
                scratch: scratch, rounds: rounds, seed: seed
            ).measure()
        }
        if parts.contains(.calls) {
            members += try await LogFigures(
                scratch: scratch, events: events, input: BenchInput(file: input, seed: seed)
            ).measure()
        }
        if parts.contains(.trickle) {
            members += try await TrickleFigures(
                scratch: scratch, events: events, input: BenchInput(file: input, seed: seed)
            ).measure()
        }
        if parts.contains(.proofs) {
            members += try await ProofFigures(
                scratch: scratch, events: events, rounds: rounds,
                input: BenchInput(file: input, seed: seed)
            ).measure()
        }
        if parts.contains(.routing) {
            members += try await RoutingFigures(scratch: scratch, rounds: rounds).measure()
        }
        if parts.contains(.kernel) {
            members += KernelFigures(rounds: rounds, seed: seed).measure()
        }
        members += [
            ("lmdb_version", .text(Environment.libraryVersion)),
            ("zstd_version", .text(ZstdEncoder.libraryVersion)),
        ]
        Answer(object: members).write(as: output.chosen)
    }
}

/// Cleans up when the user, or the system, ends the process early.
private final class Interruptions {
    private let sources: [any DispatchSourceSignal]

    init(cleaning: @escaping @Sendable () -> Void) {
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(
                signal: number, queue: .global(qos: .userInitiated))
            source.setEventHandler {
                cleaning()
                // The shells' way to say which signal ended a program.
                Foundation._exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    func cancel() { for source in sources { source.cancel() } }
}

/// The file system on which a path lies, as the kernel tells it.
private struct MountedFileSystem {
    /// Its type, such as `ext4`; "unknown" where the kernel tells none.
    let kind: String

    init(of path: String) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        let device = (attributes?[.systemNumber] as? NSNumber)?.uint64Value
        let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
        // A line: id, parent, major:minor, root, mount point, options, then " - ", type, source.
        let found = mounts.split(separator: "\n").last { line in
            line.split(separator: " ").dropFirst(2).first.map(Self.number) == device
        }
        kind =
            found?.split(separator: " ").drop { $0 != "-" }.dropFirst().first.map(String.init)
            ?? "unknown"
    }

    var isMemory: Bool { ["tmpfs", "ramfs"].contains(kind) }

    /// The device number of `major:minor`, as the C library packs it.
    private static func number(_ text: Substring) -> UInt64? {
        let parts = text.split(separator: ":").compactMap { UInt64($0) }
        guard parts.count == 2 else { return nil }
        let (major, minor) = (parts[0], parts[1])
        return (major & 0xFFF) << 8 | (major & ~0xFFF) << 32 | minor & 0xFF | (minor & ~0xFF) << 12
    }
}
