internal import Admission
internal import ContactCentre
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
    /// Blank lines are stepped over; what another log has written itself, such as its
    /// `meta.log_created`, is skipped. A line without an id gets one that follows from its bytes,
    /// but for a CR at its end, so that a rerun finds it again. The members that a log sets are
    /// dropped. The path `-` is standard input. Memory grows by some 50 bytes for each distinct
    /// line without an id of one file, and by nothing for lines with one.
    /// - Throws: `InputFileError`, or what the destination throws, within ``ImportStopped`` once
    ///   a line was read; events up to there stay.
    package func importNDJSON(_ paths: [String]) async throws -> ImportReport {
        let tally = ImportTally(paths: paths, onRefusal: onRefusal)
        do {
            try await importNDJSON(paths, tally)
        } catch {
            throw tally.stopped(by: error)
        }
        return tally.finished()
    }

    private func importNDJSON(_ paths: [String], _ tally: ImportTally) async throws {
        let total = try totalBytes(of: paths)
        var bytesBefore = 0
        for (index, path) in paths.enumerated() {
            var lines = try NDJSONImport(path, file: index, persons)
            try await deliver(tally) {
                onProgress(.reading(bytes: bytesBefore + lines.bytesTaken, of: total))
                return try lines.nextChunk(tally)
            }
            bytesBefore += lines.bytesTaken
        }
    }
}

/// The lines of one file on their way to the log.
private struct NDJSONImport: ~Copyable {
    private var reader: LineReader
    private let file: Int
    private let persons: PersonalIntake
    /// How often each line without an id has stood in the file.
    private var occurrences: [EventID: Int] = [:]
    /// Why the file cannot be read on, kept back until the lines before it are handed over.
    private var readError: InputFileError?

    init(_ path: String, file: Int, _ persons: PersonalIntake) throws(InputFileError) {
        self.persons = persons
        reader = LineReader(try InputFile(at: path), bytesMax: NDJSONLimits.lineBytesMax)
        self.file = file
    }

    var bytesTaken: Int { reader.bytesTaken }

    mutating func nextChunk(_ tally: ImportTally) throws -> ImportChunk? {
        if let readError { throw readError }
        var chunk = ImportChunk()
        while !chunk.isFull, let line = try nextLine(orEndOf: chunk) {
            switch line {
            case .tooLong(let bytes, let number):
                tally.countRow()
                tally.refuse(
                    RowPlace(file: file, line: number),
                    .lineTooLong(bytes: bytes, most: NDJSONLimits.lineBytesMax))
            case .whole(let bytes, let number):
                if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
                tally.countRow()
                let row = RowPlace(file: file, line: number)
                do throws(RowRefusal) {
                    let event = try event(of: bytes)
                    if event.type.isWrittenByLog {
                        tally.countSkipped(rule: event.type.text)
                        continue
                    }
                    switch checkPayload(of: event) {
                    case .refused(let error): throw .payload(event: nil, error)
                    case .statesNoSchema: tally.countAnomaly("schema_missing")
                    case .passes: break
                    }
                    chunk.add(event, of: row)
                } catch {
                    try persons.requireNoFailure()
                    tally.refuse(row, error)
                }
            }
        }
        return chunk.appends.isEmpty ? nil : chunk
    }

    /// The event of a line, with an id and sealed.
    private mutating func event(
        of line: ArraySlice<UInt8>
    ) throws(RowRefusal) -> NewEvent {
        var event: NewEvent
        do throws(EventError) {
            event = try NewEvent(cloudEvent: line, logMembers: .dropped)
        } catch {
            throw .event(name: nil, error)
        }
        if event.type.isWrittenByLog { return event }
        if event.id == nil {
            // Whoever tries what a line may say would find out what it says.
            guard !PersonalFields.stand(in: event.data.object, of: event.type.text) else {
                throw .person(
                    "an event with personal data needs an id of its own: one that follows from its "
                        + "line would tell what stands there to whoever guesses it")
            }
            event.id = derivedID(of: line)
        }
        return try persons.admitted(event)
    }

    /// The next line; nil also where the file fails and the chunk has events to hand over first.
    private mutating func nextLine(
        orEndOf chunk: ImportChunk
    ) throws(InputFileError) -> LineReader.Line? {
        do throws(InputFileError) {
            return try reader.next()
        } catch {
            guard !chunk.appends.isEmpty else { throw error }
            readError = error
            return nil
        }
    }

    private mutating func derivedID(of line: ArraySlice<UInt8>) -> EventID {
        // A line is the same whether lines end with LF or CRLF.
        let content = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        let id = EventID(namespace: .lines, name: content)
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
