internal import EventLog
internal import Foundation
internal import GRDB
internal import JSON

/// Where the files of one read model are.
struct ReadModelPath {
    let directory: String
    let name: String

    /// The database that SQLite keeps in memory and in a file without a name.
    static let nameless = ""

    var live: String { directory + "/" + name + ".sqlite" }

    func building(version: Int) -> String {
        directory + "/" + name + "@" + String(version) + ".building.sqlite"
    }

    /// A database and what SQLite keeps beside it.
    static func withSideFiles(_ path: String) -> [String] { [path] + sideFiles(of: path) }

    static func sideFiles(of path: String) -> [String] {
        ["-journal", "-wal", "-shm"].map { path + $0 }
    }

    /// Removes what builds that were interrupted have left, of any version.
    func removeLeftovers() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for file in names where file.hasPrefix(name + "@") && file.contains(".building.sqlite") {
            try? FileManager.default.removeItem(atPath: directory + "/" + file)
        }
    }
}

/// What a connection to a read model is for.
enum ReadModelAccess {
    /// Alone with a file that nobody knows of yet; a crash makes it worthless.
    case building
    /// Beside readers; a crash leaves the last committed chunk.
    case updating
    /// Without changing anything but what a crash left half done.
    case inspecting
    /// To change how it is kept, or not at all where others have it open.
    case switching
    case reading
}

/// Opens a database, uses it and closes it; errors of SQLite and of folds come out as
/// ``ReadModelError``.
///
/// What takes longer than `patience` is broken off.
func withDatabase<Result>(
    at path: String, for access: ReadModelAccess, within patience: Duration? = nil,
    _ body: (Database) throws -> Result
) throws -> Result {
    do {
        var configuration = Configuration()
        configuration.readonly = access == .reading
        configuration.foreignKeysEnabled = false
        configuration.busyMode =
            access == .switching
            ? .immediateError : .timeout(ProjectionLimits.busyTimeoutSeconds)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let deadline = patience.map { QueryDeadline(queue, in: $0) }
        defer { deadline?.end() }
        let result = try queue.writeWithoutTransaction { database in
            for pragma in access.pragmas { try database.execute(sql: "PRAGMA " + pragma) }
            return try body(database)
        }
        deadline?.end()
        try queue.close()
        return result
    } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
        throw ReadModelError.tookTooLong(seconds: patience?.components.seconds ?? 0)
    } catch let error as DatabaseError {
        throw readModelError(error, path: path.isEmpty ? "the temporary read model" : path)
    } catch let failure as FoldFailure {
        throw readModelError(failure, path: path.isEmpty ? "the temporary read model" : path)
    }
}

extension ReadModelAccess {
    /// A read model can be derived again, so a power cut may cost it the last commits.
    fileprivate var pragmas: [String] {
        switch self {
        case .building:
            [
                "locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF",
                "cache_size = -\(ProjectionLimits.buildCacheKiB)",
            ]
        case .updating: ["synchronous = NORMAL"]
        case .inspecting, .switching, .reading: []
        }
    }
}

func readModelError(_ error: DatabaseError, path: String) -> ReadModelError {
    let reason = "\(error.message ?? "no reason") (SQLite \(error.extendedResultCode.rawValue))"
    if error.extendedResultCode == .SQLITE_CONSTRAINT_CHECK {
        return .sumTooLarge(path: path, reason: reason)
    }
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged(path: path, reason: reason)
    case .SQLITE_BUSY: return .busy(path: path)
    case .SQLITE_NOMEM: return .outOfMemory(path: path)
    case .SQLITE_FULL: return .noRoom(path: path)
    // Whoever opens a read model makes the index of its write-ahead log, of 32 KiB.
    case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE:
        return .noRoom(path: path)
    default: return .storage(path: path, reason: reason)
    }
}

func readModelError(_ failure: FoldFailure, path: String) -> ReadModelError {
    switch failure {
    case .damaged(let reason): .damaged(path: path, reason: reason)
    case .tooLarge: .sumTooLarge(path: path, reason: "integer overflow")
    }
}
