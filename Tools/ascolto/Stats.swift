internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Merkle
internal import Storage

struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print sizes, versions, and the root over all events.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "How many events there were at a position or recorded time, and their root.")
    var asOf: AsOf?

    func run() throws {
        let opened = try log.openForReading()
        if let asOf {
            let size = try opened.size(asOf: asOf)
            return try Answer(object: members(of: opened, size: size)).write(as: output.chosen)
        }
        let statistics = try opened.statistics()
        let perEvent = Double(statistics.fileBytes) / Double(max(1, statistics.events))
        Answer(object: [
            ("events", .count(statistics.events)), ("root", .text(statistics.root.hex)),
            ("origin", .text(opened.identity.origin)),
            ("verifier_key", .optional(try SigningKeys(of: opened).verifierKey()?.text)),
            (
                "signed_events",
                try opened.signedCheckpoint().map {
                    .count(try Checkpoint(text: $0.text).size)
                } ?? .null
            ),
            ("log_id", .text(opened.identity.id.description)),
            ("zone", .text(opened.identity.zone)),
            ("file_bytes", .count(statistics.fileBytes)),
            ("bytes_per_event", .real((perEvent * 100).rounded() / 100)),
            ("blocks", .count(statistics.blocks)),
            ("tail_events", .count(statistics.tailEvents)),
            ("first_recorded", .text(statistics.firstRecorded.description)),
            ("last_recorded", .text(statistics.lastRecorded.description)),
            (
                "database_bytes",
                .object(statistics.databaseBytes.map { ($0.database, .count($0.bytes)) })
            ),
            ("free_bytes", .count(statistics.freeBytes)),
            ("lmdb_bytes", .count(statistics.lmdbBytes)),
            ("unused_bytes", .count(statistics.unusedBytes)),
            ("data_file_bytes", .count(statistics.dataFileBytes)),
            ("head_file_bytes", .count(statistics.headFileBytes)),
            ("map_bytes", .count(statistics.mapBytes)),
            ("readers", .count(statistics.readers.count)),
            ("oldest_reader", statistics.readers.first?.cell ?? .null),
            ("format_version", .count(opened.identity.formatVersion)),
            ("lmdb_version", .text(statistics.lmdbVersion)),
            ("zstd_version", .text(statistics.zstdVersion)),
        ]).write(as: output.chosen)
    }
}

extension Stats {
    /// What can be told of a prefix: bytes of disk have no past.
    private func members(of log: EventLog, size: UInt64) throws -> [(String, Cell)] {
        let last = try size == 0 ? nil : log.event(at: Position(size - 1))
        let first = try size == 0 ? nil : log.event(at: Position(0))
        return [
            ("events", .count(size)), ("root", .text(try log.root(atSize: size).hex)),
            ("origin", .text(log.identity.origin)),
            ("log_id", .text(log.identity.id.description)), ("zone", .text(log.identity.zone)),
            ("first_recorded", .optional(first?.recorded)),
            ("last_recorded", .optional(last?.recorded)),
        ]
    }
}

extension LogStatistics {
    /// Bytes of `data.mdb` behind its last page.
    fileprivate var unusedBytes: Int {
        dataFileBytes - freeBytes - lmdbBytes - databaseBytes.reduce(0) { $0 + $1.bytes }
    }
}

extension ActiveReader {
    fileprivate var cell: Cell {
        .object([("process", .count(process)), ("commits_behind", .count(commitsBehind))])
    }
}
