package import EventLog
internal import Foundation
internal import Storage

/// Brings foreign history into a log; running it again appends only what is new.
package struct Importer {
    /// Where the events go.
    package enum Destination: Sendable {
        /// Nowhere: a dry run, which does everything but append.
        case nowhere
        /// A log; the outcomes stand in the order of the appends.
        case log(@Sendable (_ appends: [Append]) async throws -> [AppendOutcome])
    }

    let destination: Destination
    let scratchDirectory: String
    let pseudonymSecret: String
    let persons: PersonalIntake
    let onRefusal: (RefusedRow) -> Void
    let onProgress: (ImportProgress) -> Void

    /// - Parameters:
    ///   - destination: Where the events go.
    ///   - scratchDirectory: Takes a temporary file of about the size of the events.
    ///   - pseudonymSecret: Goes into every pseudonym, so that nobody without it can find out
    ///     whose it is by trying names. Another secret makes other pseudonyms, and so a rerun
    ///     with it is refused by the log.
    ///   - persons: Seals what is personal.
    ///   - onRefusal: Hears of each row that is refused, as it happens.
    ///   - onProgress: Hears how far the import is, several times a second.
    package init(
        destination: Destination, scratchDirectory: String, pseudonymSecret: String = "",
        persons: PersonalIntake = .none(), onRefusal: @escaping (RefusedRow) -> Void,
        onProgress: @escaping (ImportProgress) -> Void = { _ in }
    ) {
        self.destination = destination
        self.scratchDirectory = scratchDirectory
        self.pseudonymSecret = pseudonymSecret
        self.persons = persons
        self.onRefusal = onRefusal
        self.onProgress = onProgress
    }
}

enum ImportLimits {
    /// Events of one call to the log.
    static let chunkEventsMax = 4_096
    /// Bytes of data after which a chunk is full.
    static let chunkBytesMax = 8 << 20
    /// Rows or lines between two reports of progress.
    static let progressRows = 1_024
    /// Streams whose state an import keeps at least; those not touched for longest are forgotten.
    ///
    /// It takes some 200 bytes for each, for up to twice as many. A contact is forgotten where
    /// that many others come between two of its events.
    static let openStreamsMin = 32_768
}

/// Events that are handed to the log in one call, each an append of its own.
struct ImportChunk {
    private(set) var appends: [Append] = []
    /// The row of each append.
    private(set) var rows: [RowPlace] = []
    private var bytes = 0

    var isFull: Bool {
        appends.count >= ImportLimits.chunkEventsMax || bytes >= ImportLimits.chunkBytesMax
    }

    mutating func add(_ event: NewEvent, of row: RowPlace) {
        bytes += event.data.content?.count ?? 0
        appends.append(Append([event]))
        rows.append(row)
    }
}

extension Importer {
    /// Hands chunks to the destination until `next` has none.
    ///
    /// The next chunk is made while one is under way. Only one call is under way at a time, since
    /// two would reach the log in either order.
    func deliver(
        _ tally: ImportTally, next: () throws -> ImportChunk?
    ) async throws {
        var waiting = try next()
        while let chunk = waiting {
            switch destination {
            case .nowhere:
                tally.countEvents(of: chunk)
                waiting = try next()
            case .log(let append):
                let appends = chunk.appends
                async let outcomes = append(appends)
                let following = Result { try next() }
                // Counted first: what the log has taken belongs in the report in any case.
                tally.count(try await outcomes, of: chunk)
                waiting = try following.get()
            }
        }
    }

    /// Bytes of all files on disk; nil where one of them is a pipe.
    func totalBytes(of paths: [String]) throws(InputFileError) -> Int? {
        var total: Int? = 0
        for path in paths {
            let bytes = canBeReadAgain(path) ? try InputFile(at: path).bytesTotal : nil
            total = if let bytes, let sum = total { sum + bytes } else { nil }
        }
        return total
    }

    /// False for standard input and pipes: opening one takes part of its content away.
    ///
    /// True where there is no file, so that opening it says so before anything is read.
    func canBeReadAgain(_ path: String) -> Bool {
        guard path != "-" else { return false }
        guard FileManager.default.fileExists(atPath: path) else { return true }
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let attributes = try? FileManager.default.attributesOfItem(atPath: target)
        return attributes?[.type] as? FileAttributeType == .typeRegular
    }
}
