import EventLog
import Foundation
import Intake
import JSON
import Synchronization
import Testing

/// A directory of its own for one test, removed with the value.
final class Scratch {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("intake-\(ProcessInfo.processInfo.globallyUniqueString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    func file(_ name: String, text: String) throws -> String { try file(name, text.utf8) }

    var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}

/// Takes appends as a log does and keeps their events.
final class Collector: Sendable {
    private let kept = Mutex<[NewEvent]>([])
    private let outcome: @Sendable (NewEvent) -> AppendOutcome?

    init(outcome: @escaping @Sendable (NewEvent) -> AppendOutcome? = { _ in nil }) {
        self.outcome = outcome
    }

    var events: [NewEvent] { kept.withLock { $0 } }

    func append(_ appends: [Append]) -> [AppendOutcome] {
        kept.withLock { kept in
            appends.flatMap(\.events).map { event in
                if let outcome = outcome(event) { return outcome }
                kept.append(event)
                let position = Position(UInt64(kept.count))
                return .appended(PositionRange(first: position, last: position))
            }
        }
    }

    var destination: Importer.Destination {
        .log { [self] appends in append(appends) }
    }
}

/// What came of an import.
struct Imported {
    let report: ImportReport
    let events: [NewEvent]
    let refused: [RefusedRow]

    /// The data of the events, as text.
    var data: [String] { events.map(\.dataText) }
}

extension NewEvent {
    var dataText: String {
        data.content.map { String(decoding: $0, as: UTF8.self) } ?? "removed"
    }

    var timeText: String? { time.map { String(decoding: $0.rfc3339Bytes, as: UTF8.self) } }
}

/// Imports tables by a mapping into a collector.
func importing(
    _ tables: [some Sequence<UInt8>], mapping: String, secret: String = "",
    into collector: Collector = Collector()
) async throws -> Imported {
    let scratch = try Scratch()
    var paths: [String] = []
    for (index, table) in tables.enumerated() {
        paths.append(try scratch.file("\(index).csv", table))
    }
    let refused = Mutex<[RefusedRow]>([])
    let importer = Importer(
        destination: collector.destination, scratchDirectory: scratch.path, pseudonymSecret: secret,
        onRefusal: { row in refused.withLock { $0.append(row) } })
    let report = try await importer.importCSV(paths, mapping: try Mapping(yaml: mapping))
    #expect(try scratch.files.count == tables.count, "the spool is gone")
    return Imported(
        report: report, events: collector.events, refused: refused.withLock { $0 })
}

func importing(_ table: String, mapping: String) async throws -> Imported {
    try await importing([table.utf8], mapping: mapping)
}

/// Random numbers that a seed repeats; the method is SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Where the package lies, and the real data beside it.
enum Places {
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    static let shared =
        ProcessInfo.processInfo.environment["ASCOLTO_SHARED"] ?? "\(package)/../shared"

    static func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(package)/\(path)", encoding: .utf8)
    }
}
