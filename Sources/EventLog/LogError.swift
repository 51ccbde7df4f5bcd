package import Merkle
package import Storage

/// Why the log cannot do what was asked; each case says what the caller can do.
package enum LogError: Error, Sendable {
    case storage(StorageError)
    /// There is no log in this directory.
    case noLog(directory: String)
    /// A log is there already.
    case logExists(directory: String)
    /// What is on disk is not what was written; run `ascolto check`.
    case corruption(Corruption)
    /// The log is shorter than its head file remembers, so events have been lost.
    case behindHeadFile(size: UInt64, remembered: UInt64)
    /// More appends wait than the queue holds; try again later.
    case overloaded
    /// The caller's task was cancelled; whether the events were appended is unknown.
    case cancelled
    /// The writer has stopped after an error or was closed; open the log again.
    case writerStopped(reason: String)
    /// The log was opened for reading only.
    case readOnly
    /// The wall clock has run ahead; appends are refused until it is accepted.
    case clockJumped(aheadSeconds: Int64)
    /// What was known at a position that is not there yet is not known.
    case asOfBeyondLog(Position, size: UInt64)
    /// The file does not end as a backup does.
    case noBackup(path: String)
    /// The file is a backup of another log; it is not replaced.
    case backupOfOtherLog(path: String)
    /// The file is a backup that holds more events than the log; it is not replaced.
    case backupHoldsMore(path: String, events: UInt64, than: UInt64)
    /// What is in the directory is not a part of the backup; `--replace` moves it aside.
    case wouldLose(directory: String, reason: String)
    case badCursorName(String)
    case noCursor(String)
    /// The cursor has seen events that are not in this log, so the log was replaced; reset it.
    case cursorOfOtherHistory(String, at: Position)
    /// Neither slot of the cursor's file can be read; reset it.
    case cursorDamaged(String)
    /// A cursor goes forward unless it is reset.
    case cursorWentBack(String, from: Position, to: Position)
    case badZone(String)
    case badOrigin(String)
    /// There is no signing key, so nothing can be signed.
    case noKey
    /// There is a signing key already, with this public half.
    case hasKey(String)
    /// Others than its owner may read a file with a signing key.
    case openKeyFile(path: String)
    case badKeyFile(path: String, Refusal)
    /// The checkpoint does not cover a position, or the log has not so many events.
    case notCovered(Position, by: UInt64)
    /// An event of the log's own cannot be appended; nothing was.
    case ownEventRefused(String)
    /// What is there does not prove what it was to prove.
    case refused(Refusal)
}

/// Where something on disk is wrong, and what.
package struct Corruption: Error, Equatable, Sendable {
    /// First position that is affected, where one can be named.
    package let position: UInt64?
    package let what: String

    package init(at position: UInt64?, _ what: String) {
        self.position = position
        self.what = what
    }
}

extension Corruption: CustomStringConvertible {
    package var description: String {
        if let position {
            "corruption at position \(position): \(what)"
        } else {
            "corruption: \(what)"
        }
    }
}

extension LogError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .storage(let error): "\(error)"
        case .noLog(let directory): "there is no log in \(directory); ascolto init creates one"
        case .logExists(let directory): "there is a log in \(directory) already"
        case .corruption(let corruption): "\(corruption); run ascolto check"
        case .behindHeadFile(let size, let remembered):
            "the log holds \(size) events, but its head file remembers \(remembered): corruption, "
                + "or data.mdb was replaced by an older copy. Nothing is appended or signed. "
                + "Restore the newest backup that holds them (ascolto restore FILE); if they are "
                + "lost for ever, ascolto restore FILE --replace begins anew from an older one, "
                + "and moves the signing key aside with the history that it has signed"
        case .asOfBeyondLog(let position, let size):
            "position \(position) does not exist yet; the log has \(size) events"
        case .overloaded: "too many appends are waiting; try again later with the same ids"
        case .cancelled:
            "the append was cancelled, and may have happened or not; retry with the same ids"
        case .writerStopped(let reason):
            "the writer has stopped (\(reason)); open the log again, check it, and retry with the "
                + "same ids"
        case .readOnly: "the log was opened for reading only"
        case .clockJumped(let seconds):
            "the clock of this machine has run \(seconds) s ahead since the last append; set it "
                + "right, or append with --accept-clock"
        case .noBackup(let path): "\(path) is no backup of a log"
        case .backupOfOtherLog(let path): "\(path) is a backup of another log; give another file"
        case .backupHoldsMore(let path, let events, let size):
            "\(path) holds \(events) events and the log has \(size); the better backup is kept"
        case .wouldLose(let directory, let reason):
            "\(directory): \(reason); --replace moves what is there aside"
        case .badCursorName(let name):
            "a cursor's name has 1 to 64 letters, digits, dots, hyphens and underscores and begins "
                + "with a letter or digit; not \(quoted(name))"
        case .noCursor(let name): "there is no cursor \(name)"
        case .cursorOfOtherHistory(let name, let position):
            "the cursor \(name) stands at \(position) of a history that this log does not have, so "
                + "the log was replaced; reset the cursor"
        case .cursorDamaged(let name): "the file of the cursor \(name) is damaged; reset the cursor"
        case .cursorWentBack(let name, let old, let new):
            "the cursor \(name) stands at \(old) and does not go back to \(new) unless it is reset"
        case .badZone(let zone): "\(zone) is no IANA time zone such as Europe/Rome"
        case .badOrigin(let origin):
            "the origin \(quoted(origin)) must be a name like example.org/log without spaces and +"
        case .noKey: "the log has no signing key; ascolto keys generate makes one"
        case .hasKey(let key): "the log has a signing key already: \(key)"
        case .openKeyFile(let path):
            "others than its owner may read the signing key in \(path): chmod 600 \(path), and "
                + "rotate it (ascolto keys rotate) if somebody may have read it"
        case .badKeyFile(let path, let refusal): "\(path): \(refusal)"
        case .notCovered(let position, let size):
            "position \(position) is not among the \(size) events that are covered"
        case .ownEventRefused(let why): "the log cannot tell what was to be done: \(why)"
        case .refused(let refusal): "\(refusal)"
        }
    }
}

/// Runs `body` and wraps what goes wrong below into the log's errors.
func wrapping<Result>(_ body: () throws -> Result) throws(LogError) -> Result {
    do {
        return try body()
    } catch let error as LogError {
        throw error
    } catch let error as StorageError {
        throw .storage(error)
    } catch let error as Corruption {
        throw .corruption(error)
    } catch let error as Refusal {
        throw .refused(error)
    } catch {
        throw .corruption(Corruption(at: nil, "\(error)"))
    }
}
