internal import ContactCentre
package import EventLog
internal import JSON
internal import Storage

/// Which system wrote the XES logs that are imported together.
package struct XESSource: Sendable {
    package static let defaultNamespace = "urn:ascolto:xes"
    package static let defaultSource = "urn:xes"

    /// Ids and pseudonyms are derived within it.
    let namespace: String
    let source: Source

    /// - Parameters:
    ///   - namespace: Ids and pseudonyms are derived within it.
    ///   - source: Which system says so, in every event.
    package init(namespace: String = defaultNamespace, source: Source) {
        self.namespace = namespace
        self.source = source
    }
}

extension Importer {
    /// Imports IEEE 1849 (XES) logs in one order over all files.
    ///
    /// First all files are read, so that one that is no XES stops the import with nothing
    /// appended; then the events are appended in the order of (latest time so far of the trace,
    /// file, place in the document). The path `-` is standard input. Memory grows by some 50
    /// bytes for each trace of one file, besides what sorting needs.
    /// - Throws: ``IntakeError``, `XMLError` or what the destination throws; within
    ///   ``ImportStopped`` once an event was read.
    package func importXES(_ paths: [String], from source: XESSource) async throws -> ImportReport {
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
        _ paths: [String], from source: XESSource, into spool: EventSpool, _ tally: ImportTally
    ) throws {
        let total = try totalBytes(of: paths)
        var bytesBefore = 0
        for (file, path) in paths.enumerated() {
            var reader = try XESReader(path)
            var narrator = XESNarrator(source, pseudonymSecret: pseudonymSecret)
            var partsRead = 0
            while let part = try reader.next() {
                if partsRead % ImportLimits.progressRows == 0 {
                    onProgress(.reading(bytes: bytesBefore + reader.bytesTaken, of: total))
                }
                partsRead += 1
                for told in narrator.tell(part, keys: reader.keys, log: reader.log) {
                    try take(told, file: file, into: spool, tally)
                }
            }
            bytesBefore += reader.bytesTaken
            onProgress(.reading(bytes: bytesBefore, of: total))
        }
    }

    private func take(
        _ told: XESStory, file: Int, into spool: EventSpool, _ tally: ImportTally
    ) throws(IntakeError) {
        let place = RowPlace(file: file, line: told.line)
        switch told.kind {
        case .row: tally.countRow()
        case .trace: tally.countTrace()
        case .moreOfTrace: break
        }
        switch told.content {
        case .nothing: break
        case .refused(let reason): tally.refuse(place, reason)
        case .skipped(let rule): tally.countSkipped(rule: rule)
        case .anomaly(let name): tally.countAnomaly(name)
        case .event(let event):
            if event.isBackward { tally.countAnomaly("backward_clock.activity_recorded") }
            try spool.add(event, of: place)
        }
    }
}
