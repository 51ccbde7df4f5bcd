internal import EventLog
internal import JSON
internal import Storage

enum NDJSONLimits {
    /// Longer lines are refused; an event with 1 MiB of data fits, its base64 and envelope too.
    static let lineBytesMax = 4 << 20
}

extension Importer {
    /// Imports lines that are CloudEvents or an export of ours, in their order.
    ///
    /// Blank lines are stepped over; the `meta.log_created` of another log is skipped. A line
    /// without an id gets one that follows from its bytes, so that a rerun finds it again.
    /// The members that a log sets are dropped. The path `-` is standard input.
    /// - Throws: `InputFileError`, or what the destination throws; events up to there stay.
    package func importNDJSON(_ paths: [String]) async throws -> ImportReport {
        let tally = ImportTally(paths: paths, onRefusal: onRefusal)
        let total = try totalBytes(of: paths)
        var bytesBefore = 0
        for (index, path) in paths.enumerated() {
            var lines = try NDJSONImport(path, file: index)
            try await deliver(tally) {
                onProgress(.reading(bytes: bytesBefore + lines.bytesTaken, of: total))
                return try lines.nextChunk(tally)
            }
            bytesBefore += lines.bytesTaken
        }
        return tally.finished()
    }
}

/// The lines of one file on their way to the log.
private struct NDJSONImport: ~Copyable {
    private var reader: LineReader
    private let file: Int
    /// How often each line without an id has stood in the file.
    private var occurrences: [EventID: Int] = [:]

    init(_ path: String, file: Int) throws(InputFileError) {
        reader = LineReader(try InputFile(at: path), bytesMax: NDJSONLimits.lineBytesMax)
        self.file = file
    }

    var bytesTaken: Int { reader.bytesTaken }

    mutating func nextChunk(_ tally: ImportTally) throws(InputFileError) -> ImportChunk? {
        var chunk = ImportChunk()
        while !chunk.isFull, let line = try reader.next() {
            switch line {
            case .tooLong(let bytes, let number):
                tally.countRow()
                tally.refuse(RowPlace(file: file, line: number), .lineTooLong(bytes: bytes))
            case .whole(let bytes, let number):
                if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
                tally.countRow()
                let row = RowPlace(file: file, line: number)
                do throws(EventError) {
                    var event = try NewEvent(cloudEvent: bytes, logMembers: .dropped)
                    if event.type.text == "meta.log_created" {
                        tally.countSkipped(rule: "meta.log_created")
                        continue
                    }
                    if event.id == nil { event.id = derivedID(of: bytes) }
                    chunk.add(event, of: row)
                } catch {
                    tally.refuse(row, .event(name: nil, error))
                }
            }
        }
        return chunk.appends.isEmpty ? nil : chunk
    }

    private mutating func derivedID(of line: ArraySlice<UInt8>) -> EventID {
        let id = EventID(namespace: .lines, name: line)
        let occurrence = occurrences[id, default: 0] + 1
        occurrences[id] = occurrence
        return EventID(namespace: id, name: String(occurrence).utf8)
    }
}

extension EventID {
    /// The namespace of ids that follow from a line.
    fileprivate static let lines = EventID(
        namespace: .urlNamespace, name: "urn:ascolto:import-ndjson".utf8)
}
