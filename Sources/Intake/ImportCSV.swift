internal import Storage

extension Importer {
    /// Imports the rows of these files in one order over all of them.
    ///
    /// First all rows are read, so that an unreadable file or a missing column stops the import
    /// with nothing appended; then the events are appended in the order of (latest event time so
    /// far along the row's life cycle, rank in the life cycle, file, row). The path `-` is
    /// standard input.
    /// - Throws: ``IntakeError``, `InputFileError` or what the destination throws; within
    ///   ``ImportStopped`` once a row was read.
    package func importCSV(_ paths: [String], mapping: Mapping) async throws -> ImportReport {
        let tally = ImportTally(paths: paths, onRefusal: onRefusal)
        do {
            try await importCSV(paths, mapping, tally)
        } catch {
            throw tally.stopped(by: error)
        }
        return tally.finished()
    }

    private func importCSV(
        _ paths: [String], _ mapping: Mapping, _ tally: ImportTally
    ) async throws {
        let spool = try EventSpool(directory: scratchDirectory, source: mapping.source)
        let total = try totalBytes(of: paths)
        let firstRows = FirstRows()
        for path in paths where canBeReadAgain(path) {
            _ = try CSVImport(path, mapping, pseudonymSecret, firstRows, persons)
        }
        var bytesBefore = 0
        for (index, path) in paths.enumerated() {
            var rows = try CSVImport(path, mapping, pseudonymSecret, firstRows, persons)
            try rows.spool(file: index, into: spool, tally) { bytes in
                onProgress(.reading(bytes: bytesBefore + bytes, of: total))
            }
            bytesBefore += rows.bytesTaken
        }
        try spool.sort()
        try await append(spool, tally)
    }

    /// Appends what the spool holds, in its order.
    func append(_ spool: EventSpool, _ tally: ImportTally) async throws {
        var index = 0
        try await deliver(tally) {
            onProgress(.appending(events: index, of: spool.count))
            var chunk = ImportChunk()
            while index < spool.count && !chunk.isFull {
                let (event, row) = try spool.event(at: index)
                chunk.add(event, of: row)
                index += 1
            }
            return chunk.appends.isEmpty ? nil : chunk
        }
    }
}

extension CSVReader {
    /// The names of the columns, which the first row has.
    fileprivate mutating func header(path: String) throws -> [String] {
        switch try next()?.content {
        case nil: throw IntakeError.noHeader(path: path)
        case .fault(let fault): throw IntakeError.badHeader(path: path, fault)
        case .fields(let fields):
            return (0..<fields.count).map { String(decoding: fields[$0], as: UTF8.self) }
        }
    }
}

/// The rows of one file on their way into the spool.
private struct CSVImport: ~Copyable {
    private var reader: CSVReader
    private var mapper: RowMapper
    private let events: [EventDefinition]
    private let fieldCount: Int
    private let raggedRows: RaggedRows
    private let persons: PersonalIntake

    /// Opens the file and matches its header with the mapping.
    init(
        _ path: String, _ mapping: Mapping, _ pseudonymSecret: String, _ firstRows: FirstRows,
        _ persons: PersonalIntake
    ) throws {
        var reader = CSVReader(try InputFile(at: path), format: mapping.format)
        if let fault = try reader.begin() { throw IntakeError.unreadable(path: path, fault) }
        let header = try mapping.format.columns ?? reader.header(path: path)
        mapper = try RowMapper(
            mapping, header: header, path: path, pseudonymSecret: pseudonymSecret,
            firstRows: firstRows, persons: persons)
        self.persons = persons
        fieldCount = header.count
        events = mapping.events
        raggedRows = mapping.format.raggedRows
        self.reader = reader
    }

    var bytesTaken: Int { reader.bytesTaken }

    mutating func spool(
        file: Int, into spool: EventSpool, _ tally: ImportTally, onProgress: (Int) -> Void
    ) throws {
        var rowsRead = 0
        while let row = try reader.next() {
            if rowsRead % ImportLimits.progressRows == 0 { onProgress(reader.bytesTaken) }
            rowsRead += 1
            tally.countRow()
            let place = RowPlace(file: file, line: row.line)
            let mapped = mapped(row)
            try persons.requireNoFailure()
            switch mapped {
            case .failure(let reason): tally.refuse(place, reason)
            case .success(.skipped(let rule)): tally.countSkipped(rule: rule)
            case .success(.events(let events, let anomalies)):
                for anomaly in anomalies { tally.countAnomaly(anomaly) }
                for event in events {
                    if event.isBackward {
                        tally.countAnomaly("backward_clock.\(mapper.name(of: event))")
                    }
                    try spool.add(spooled(event), of: place)
                }
            }
        }
        onProgress(reader.bytesTaken)
    }

    private func spooled(_ event: MappedEvent) -> SpooledEvent {
        let definition = events[event.definition]
        return SpooledEvent(
            type: definition.type, schema: definition.schema, id: event.id, time: event.time,
            stream: event.stream, tags: event.tags, data: event.data, rank: event.rank,
            latest: event.latest)
    }

    private mutating func mapped(_ row: CSVRow) -> Result<MappedRow, RowRefusal> {
        switch row.content {
        case .fault(let fault): return .failure(.malformed(fault))
        case .fields(let fields):
            if raggedRows == .refuse && fields.count != fieldCount {
                return .failure(.malformed(.fieldCount(fields.count, expected: fieldCount)))
            }
            do throws(RowRefusal) { return .success(try mapper.map(fields)) } catch {
                return .failure(error)
            }
        }
    }
}
