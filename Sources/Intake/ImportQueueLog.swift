internal import ContactCentre
package import EventLog
internal import JSON
internal import Storage

/// Which telephone system wrote the queue logs that are imported together.
package struct QueueLogSource: Sendable {
    package static let defaultNamespace = "urn:ascolto:queue-log"
    package static let defaultSource = "urn:asterisk:queue-log"

    /// Ids and pseudonyms are derived within it.
    let namespace: String
    let source: Source
    /// The zone of the calls; nil leaves it to the log's.
    let zone: String?

    /// Nil where no zone has that name.
    /// - Parameters:
    ///   - namespace: Ids and pseudonyms are derived within it; another system needs another one.
    ///   - source: Which system says so, in every event.
    ///   - zone: The IANA name of the zone whose dates the calls belong to.
    package init?(
        namespace: String = defaultNamespace, source: Source, zone: String? = nil
    ) {
        if let zone, !Zone.exists(identifier: zone) { return nil }
        self.namespace = namespace
        self.source = source
        self.zone = zone
    }
}

enum QueueLogLimits {
    /// Longer lines are refused; a line of Asterisk's has some hundred bytes.
    static let lineBytesMax = 1 << 16
}

extension Importer {
    /// Imports Asterisk queue logs in one order over all files.
    ///
    /// First all lines are read, the files in the order of their first time stamps; then the
    /// events are appended in the order of (latest time so far of the call or member, file, line).
    /// Blank lines are stepped over. The path `-` is standard input; it and pipes are read last.
    /// - Throws: ``IntakeError``, `InputFileError` or what the destination throws; within
    ///   ``ImportStopped`` once a line was read.
    package func importQueueLog(
        _ paths: [String], from source: QueueLogSource
    ) async throws -> ImportReport {
        let tally = ImportTally(paths: paths, onRefusal: onRefusal)
        do {
            let spool = try EventSpool(directory: scratchDirectory, source: source.source)
            try self.spool(paths, from: source, into: spool, tally)
            try spool.sort()
            try await append(spool, tally)
        } catch {
            throw tally.stopped(by: error)
        }
        return tally.finished()
    }

    private func spool(
        _ paths: [String], from source: QueueLogSource, into spool: EventSpool,
        _ tally: ImportTally
    ) throws {
        let total = try totalBytes(of: paths)
        var narrator = QueueLogNarrator(source, pseudonymSecret: pseudonymSecret)
        var repeated = RepeatedLines(namespace: narrator.namespace)
        var bytesBefore = 0
        for file in try inOrderOfTime(paths) {
            var lines = try QueueLogReader(paths[file], file: file)
            narrator.beginFile()
            repeated.beginFile()
            try lines.spool(into: spool, &narrator, &repeated, tally) { bytes in
                onProgress(.reading(bytes: bytesBefore + bytes, of: total))
            }
            bytesBefore += lines.bytesTaken
        }
    }

    /// The places of the files, those with the earliest first time stamp first.
    private func inOrderOfTime(_ paths: [String]) throws(InputFileError) -> [Int] {
        var starts: [(start: Instant, file: Int)] = []
        for (file, path) in paths.enumerated() {
            var start = Instant.latest
            if canBeReadAgain(path) {
                var lines = try QueueLogReader(path, file: file)
                start = try lines.firstTime() ?? start
            }
            starts.append((start, file))
        }
        return starts.sorted { ($0.start, $0.file) < ($1.start, $1.file) }.map(\.file)
    }
}

/// The lines of one file.
private struct QueueLogReader: ~Copyable {
    private var reader: LineReader
    private let file: Int

    init(_ path: String, file: Int) throws(InputFileError) {
        reader = LineReader(try InputFile(at: path), bytesMax: QueueLogLimits.lineBytesMax)
        self.file = file
    }

    var bytesTaken: Int { reader.bytesTaken }

    mutating func firstTime() throws(InputFileError) -> Instant? {
        while let line = try reader.next() {
            guard case .whole(let bytes, _) = line else { continue }
            if let read = try? QueueLogLine(content(bytes)) { return read.time }
        }
        return nil
    }

    mutating func spool(
        into spool: EventSpool, _ narrator: inout QueueLogNarrator,
        _ repeated: inout RepeatedLines, _ tally: ImportTally, onProgress: (Int) -> Void
    ) throws {
        var linesRead = 0
        while let line = try reader.next() {
            if linesRead % ImportLimits.progressRows == 0 { onProgress(reader.bytesTaken) }
            linesRead += 1
            let place: RowPlace
            let story: Result<QueueLogStory, RowRefusal>
            switch line {
            case .tooLong(let bytes, let number):
                place = RowPlace(file: file, line: number)
                story = .failure(
                    .lineTooLong(bytes: bytes, most: QueueLogLimits.lineBytesMax))
            case .whole(let bytes, let number):
                let text = content(bytes)
                if text.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
                place = RowPlace(file: file, line: number)
                if repeated.isRepeated(text) {
                    if let line = try? QueueLogLine(text) { narrator.passOver(line) }
                    story = .success(.skipped(rule: "repeated_line"))
                } else {
                    story = told(text, by: &narrator)
                }
            }
            tally.countRow()
            switch story {
            case .failure(let reason): tally.refuse(place, reason)
            case .success(.skipped(let rule)): tally.countSkipped(rule: rule)
            case .success(.events(let events, let anomalies)):
                for anomaly in anomalies { tally.countAnomaly(anomaly) }
                for event in events { try spool.add(event, of: place) }
            }
        }
        onProgress(reader.bytesTaken)
    }

    private func told(
        _ text: ArraySlice<UInt8>, by narrator: inout QueueLogNarrator
    ) -> Result<QueueLogStory, RowRefusal> {
        do throws(RowRefusal) {
            return .success(try narrator.tell(try QueueLogLine(text)))
        } catch {
            return .failure(error)
        }
    }

    /// A line is the same whether lines end with LF or CRLF.
    private func content(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }
}
