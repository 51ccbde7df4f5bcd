package import Storage

/// Why the vault cannot do what was asked; each case says what the caller can do.
package enum VaultError: Error, Equatable, Sendable {
    case storage(StorageError)
    /// There is no vault in this directory.
    case noVault(directory: String)
    /// There is one already.
    case vaultExists(directory: String)
    /// Others than its owner may read a file with a key.
    case openKeyFile(path: String)
    /// A file is not what the vault has written.
    case damagedFile(path: String, String)
    /// The key of an epoch is missing, and what is wrapped under it cannot be opened.
    case noEpochKey(path: String)
    /// The keys were wrapped under another root.
    case otherRoot
    /// The command that guards the root has failed.
    case rootCommand(String)
    case noSubject(SubjectRef)
    /// The subject's data were erased; nothing is sealed for them unless it is authorised anew.
    case erased(SubjectRef)
    /// The subject's keys are there; there is nothing to authorise.
    case notErased(SubjectRef)
    case badClass(String)
    /// The subject has no data of this retention class.
    case noClass(RetentionClass, SubjectRef)
    /// What is told in the log for ever must be short, and a text that shows as it is.
    case badReason(String)
    /// What is to lead to a person must be one line that is not too long.
    case badIdentifier
    /// What is to be opened is no sealed value, belongs to another event, or was altered.
    case cannotOpen(String)
}

extension VaultError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .storage(let error): "\(error)"
        case .noVault(let directory):
            "there is no vault in \(directory); ascolto subject create makes one"
        case .vaultExists(let directory): "there is a vault in \(directory) already"
        case .openKeyFile(let path):
            "others than its owner may read the key in \(path): chmod 600 \(path)"
        case .damagedFile(let path, let why): "\(path): \(why)"
        case .noEpochKey(let path):
            "\(path) is missing, and what is wrapped under it cannot be read: restore the whole "
                + "vault from its backup"
        case .otherRoot:
            "the vault's keys were wrapped under another root key: put the right one in its place"
        case .rootCommand(let why): "the command that guards the vault's root has failed: \(why)"
        case .noSubject(let ref):
            "the vault has no subject \(ref): make one first"
        case .erased(let ref):
            "the data of the subject \(ref) were erased; nothing more is kept of them unless "
                + "ascolto subject authorise tells on which basis"
        case .notErased(let ref): "the subject \(ref) was not erased"
        case .badClass(let name):
            "a retention class has 1 to 32 lower-case letters, digits and hyphens, not \(name)"
        case .noClass(let retention, let ref):
            "the subject \(ref) has no data of the retention class \(retention)"
        case .badReason(let what):
            "\(what) must have 1 to 1024 bytes and no control characters; it stands in the log for "
                + "ever"
        case .badIdentifier:
            "an identifier has 1 to 512 bytes in one line, without control characters, and without "
                + "white space at its ends"
        case .cannotOpen(let why): "the sealed value cannot be opened: \(why)"
        }
    }
}

/// Runs `body` and wraps what goes wrong below into the vault's errors.
func wrapping<Result>(_ body: () throws -> Result) throws(VaultError) -> Result {
    do {
        return try body()
    } catch let error as VaultError {
        throw error
    } catch let error as StorageError {
        throw .storage(error)
    } catch {
        throw .damagedFile(path: "data.mdb", "\(error)")
    }
}
