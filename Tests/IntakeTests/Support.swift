import EventLog
import Foundation
import Intake
import JSON
import Synchronization
import TestSupport
import Testing

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
