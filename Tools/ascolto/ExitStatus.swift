internal import EventLog
internal import Intake
internal import Merkle
internal import ProjectionKit
internal import Reports
internal import Server
internal import Storage
internal import Subjects
internal import Vault
internal import YAML

/// The exit codes of the contract.
enum ExitStatus {
    static let no: Int32 = 1
    static let usage: Int32 = 2
    static let refused: Int32 = 3
    static let unavailable: Int32 = 4
    static let corruption: Int32 = 5
    static let bug: Int32 = 70
}

/// A mistake in what was typed, beyond what the parser of the command line sees.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The exit code that an error of our modules has; nil for errors of the parser, and for bugs.
func exitCodeOfContract(_ error: any Error) -> Int32? {
    switch error {
    case let error as LogError: exitCode(error)
    case let error as StorageError: exitCode(error)
    case is Corruption: ExitStatus.corruption
    case Refusal.badKey: ExitStatus.usage
    case is Refusal: ExitStatus.no
    case let error as ReadModelError: exitCode(error)
    case let error as ServeError: exitCode(error)
    case is TokenError: ExitStatus.no
    case let error as WitnessError: exitCode(error)
    case is SignedTokenError: ExitStatus.usage
    case is AnchorError, is AuthorityError: ExitStatus.no
    case let error as VaultError: exitCode(error)
    case let error as SealError: exitCode(error)
    case ReportError.noTable: ExitStatus.usage
    case is ReportError: ExitStatus.no
    case is UsageError, is YAMLError, is EventError: ExitStatus.usage
    case IntakeError.misplacedAttribute: ExitStatus.refused
    case is IntakeError: ExitStatus.usage
    case let error as XMLError: exitCode(error)
    case let error as InputFileError: exitCode(error)
    default: nil
    }
}

private func exitCode(_ error: LogError) -> Int32 {
    switch error {
    case .storage(let error): exitCode(error)
    case .noLog, .logExists, .clockJumped, .asOfBeyondLog, .noBackup, .backupOfOtherLog,
        .backupHoldsMore, .wouldLose, .noCursor, .cursorOfOtherHistory, .cursorWentBack, .noKey,
        .hasKey, .openKeyFile, .badKeyFile, .notCovered, .ownEventRefused, .refused:
        ExitStatus.no
    case .corruption, .behindHeadFile, .cursorDamaged: ExitStatus.corruption
    case .overloaded, .cancelled, .writerStopped: ExitStatus.unavailable
    case .readOnly: ExitStatus.bug
    case .badZone, .badOrigin, .badCursorName: ExitStatus.usage
    }
}

private func exitCode(_ error: StorageError) -> Int32 {
    switch error {
    case .corrupted: ExitStatus.corruption
    case .locked, .inUse, .tooManyReaders, .mapFull, .diskFull, .openedInParentProcess, .system:
        ExitStatus.unavailable
    case .missing, .notEmpty, .notPermitted, .networkFileSystem, .readOnlyMount, .tooLarge:
        ExitStatus.no
    }
}

private func exitCode(_ error: VaultError) -> Int32 {
    switch error {
    case .storage(let error): exitCode(error)
    case .noVault, .vaultExists, .openKeyFile, .noSubject, .erased, .notErased, .cannotOpen:
        ExitStatus.no
    case .damagedFile: ExitStatus.corruption
    case .rootCommand, .otherRoot, .noEpochKey: ExitStatus.unavailable
    case .badClass, .noClass, .badReason, .badIdentifier: ExitStatus.usage
    }
}

private func exitCode(_ error: SealError) -> Int32 {
    switch error {
    case .payload, .badSubject, .event: ExitStatus.refused
    case .vault(let error): exitCode(error)
    case .log(let error): exitCode(error)
    }
}

private func exitCode(_ error: ReadModelError) -> Int32 {
    switch error {
    case .locked, .busy, .inUse, .outOfMemory, .noRoom, .stale: ExitStatus.unavailable
    case .unknownTable, .noMoment, .badCondition, .badQuery, .notReading, .repeatedColumn:
        ExitStatus.usage
    case .missingEvent: ExitStatus.corruption
    case .notBuilt, .outdated, .otherLog, .aheadOfLog, .otherHistory, .damaged, .storage,
        .sumTooLarge, .asOfBeyondLog, .tookTooLong:
        ExitStatus.no
    }
}

private func exitCode(_ error: ServeError) -> Int32 {
    switch error {
    case .certificate, .key, .tls, .address: ExitStatus.usage
    case .addressTaken: ExitStatus.unavailable
    }
}

private func exitCode(_ error: WitnessError) -> Int32 {
    switch error {
    case .noName, .otherName, .notOfALog: ExitStatus.usage
    case .otherKind, .openKeyFile: ExitStatus.no
    case .damaged: ExitStatus.corruption
    }
}

private func exitCode(_ error: XMLError) -> Int32 {
    switch error {
    case .input(let error): exitCode(error)
    case .malformed, .documentType, .tooDeep, .tokenTooLong: ExitStatus.refused
    }
}

private func exitCode(_ error: InputFileError) -> Int32 {
    switch error {
    case .corrupt, .truncated: ExitStatus.refused
    case .cannotOpen, .cannotRead: ExitStatus.usage
    }
}
