internal import ContactCentre
internal import EventLog
package import HTTPTypes
package import JSON
internal import ProjectionKit
internal import Storage
internal import Subjects
internal import Vault

/// Why a request was not done, as RFC 9457 tells it.
package struct Problem: Error, Sendable {
    package let status: HTTPResponse.Status
    /// What kind of problem it is; the last part of its `type`.
    package let kind: Kind
    /// What is wrong in this request, and what to do.
    package let detail: String
    /// What a program can read of it, such as a position or a stream.
    package var members: [(String, JSONNode)] = []
    /// Fields of the response beside the content type.
    package var fields = HTTPFields()

    /// The kinds of problems, each with the sentence that is the same for all of its kind.
    package enum Kind: String, CaseIterable, Sendable {
        case badRequest = "bad-request"
        case badEvent = "bad-event"
        case badParameter = "bad-parameter"
        case badQuery = "bad-query"
        case unauthorized = "unauthorized"
        case forbidden = "forbidden"
        case tooManyRequests = "too-many-requests"
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case notAcceptable = "not-acceptable"
        case conflict = "conflict"
        case cursorConflict = "cursor-conflict"
        case rejected = "rejected"
        case impossibleStep = "impossible-step"
        case refusedLines = "refused-lines"
        case tooLarge = "too-large"
        case unsupportedMediaType = "unsupported-media-type"
        case tooSlow = "too-slow"
        case overloaded = "overloaded"
        case unavailable = "unavailable"
        case clockJumped = "clock-jumped"
        case corruption = "corruption"
        case bug = "bug"

        package var title: String {
            switch self {
            case .badRequest: "The request cannot be read"
            case .badEvent: "The event cannot be read"
            case .badParameter: "A parameter is wrong"
            case .badQuery: "The query cannot be answered"
            case .unauthorized: "Nobody knows who is asking"
            case .forbidden: "This is not for the one who asks"
            case .tooManyRequests: "This client asks too often"
            case .notFound: "There is no such thing"
            case .methodNotAllowed: "The method does not fit"
            case .notAcceptable: "The answer is not made in a format that was asked for"
            case .conflict: "The condition does not hold; nothing was appended"
            case .cursorConflict: "The cursor cannot be had, or moved, so"
            case .rejected: "The append can never succeed as it is; nothing was appended"
            case .impossibleStep: "The event cannot follow where its stream stands"
            case .refusedLines: "Some lines were refused; the others were appended"
            case .tooLarge: "The request is too large"
            case .unsupportedMediaType: "The content type is not understood"
            case .tooSlow: "The query took too long"
            case .overloaded: "Too much is waiting"
            case .unavailable: "The log cannot be used now"
            case .clockJumped: "The clock of the server has run ahead"
            case .corruption: "Something on disk is not what was written"
            case .bug: "The server failed"
            }
        }
    }

    package init(
        _ status: HTTPResponse.Status, _ kind: Kind, _ detail: String,
        members: [(String, JSONNode)] = []
    ) {
        self.status = status
        self.kind = kind
        self.detail = detail
        self.members = members
    }

    /// The problem as `application/problem+json`.
    package var answer: Answer {
        let first: [(String, JSONNode)] = [
            ("type", .text("/problems#" + kind.rawValue)), ("title", .text(kind.title)),
            ("status", .count(status.code)), ("detail", .text(detail)),
        ]
        var answer = Answer(status, .object(first + members), type: "application/problem+json")
        answer.fields.append(contentsOf: fields)
        return answer
    }

    /// A parameter, or a field that is like one, cannot be understood.
    static func badParameter(_ detail: String) -> Problem {
        Problem(.badRequest, .badParameter, detail)
    }

    /// The same, with the news that the same request may succeed later.
    package func retryable() -> Problem {
        var problem = self
        problem.fields[.retryAfter] = String(ServerLimits.retryAfter.components.seconds)
        return problem
    }
}

// Each error of the modules below, once.
extension Problem {
    /// What an error of any module means to a client.
    package init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as LogError: self.init(error)
        case let error as VaultError: self.init(error)
        case let error as SealError: self.init(sealing: error)
        case let error as StorageError: self.init(storage: error)
        case let error as Corruption: self.init(.corruption(error))
        case let error as ReadModelError: self.init(error)
        case let error as EventError: self.init(.badRequest, .badEvent, "\(error)")
        default: self.init(.internalServerError, .bug, "an error that has no answer of its own")
        }
    }

    private init(_ error: LogError) {
        switch error {
        case .overloaded:
            self = Problem(.serviceUnavailable, .overloaded, "\(error)").retryable()
        case .cancelled, .writerStopped:
            self = Problem(.serviceUnavailable, .unavailable, "\(error)").retryable()
        case .clockJumped(let seconds):
            self = Problem(
                .serviceUnavailable, .clockJumped,
                "the clock of the server has run \(seconds) s ahead since the last append; set it "
                    + "right, or start the server anew with --accept-clock, and send the same again"
            ).retryable()
        case .storage(let error): self.init(storage: error)
        case .corruption, .behindHeadFile, .cursorDamaged:
            self.init(.internalServerError, .corruption, "\(error)")
        case .asOfBeyondLog, .noCursor, .noKey, .notCovered:
            self.init(.notFound, .notFound, "\(error)")
        case .badCursorName: self.init(.badRequest, .badParameter, "\(error)")
        case .cursorWentBack, .cursorOfOtherHistory:
            self.init(.conflict, .cursorConflict, "\(error)")
        case .noLog, .logExists, .readOnly, .noBackup, .backupOfOtherLog, .backupHoldsMore,
            .wouldLose, .badZone, .badOrigin, .hasKey, .openKeyFile, .badKeyFile, .refused,
            .ownEventRefused:
            self.init(.internalServerError, .bug, "\(error)")
        }
    }

    private init(_ error: VaultError) {
        switch error {
        case .noSubject, .noVault: self.init(.notFound, .notFound, "\(error)")
        case .notErased, .erased: self.init(.conflict, .conflict, "\(error)")
        case .badClass, .noClass, .badReason, .badIdentifier, .cannotOpen:
            self = .badBody("\(error)")
        case .storage(let error): self.init(storage: error)
        case .damagedFile: self.init(.internalServerError, .corruption, "\(error)")
        case .rootCommand:
            self = Problem(.serviceUnavailable, .unavailable, "\(error)").retryable()
        case .vaultExists, .openKeyFile, .noEpochKey, .otherRoot:
            self.init(.serviceUnavailable, .unavailable, "\(error)")
        }
    }

    /// Why personal data of an event could not be sealed, or opened.
    init(sealing error: SealError) {
        switch error {
        case .payload, .badSubject, .event, .vault(.noSubject), .vault(.cannotOpen):
            self.init(.badRequest, .badEvent, "\(error)")
        case .vault(.erased): self.init(.unprocessableContent, .rejected, "\(error)")
        case .log(let error): self.init(error)
        case .vault(let error): self.init(error)
        }
    }

    private init(storage error: StorageError) {
        switch error {
        case .corrupted: self.init(.internalServerError, .corruption, "\(error)")
        case .diskFull, .mapFull:
            self = Problem(
                .serviceUnavailable, .unavailable, "\(error); make room, then send the same again"
            ).retryable()
        case .locked, .inUse, .tooManyReaders, .openedInParentProcess, .system:
            self = Problem(.serviceUnavailable, .unavailable, "\(error)").retryable()
        case .missing, .notEmpty, .notPermitted, .networkFileSystem, .readOnlyMount, .tooLarge:
            self.init(.serviceUnavailable, .unavailable, "\(error)")
        }
    }

    private init(_ error: ReadModelError) {
        switch error {
        case .unknownTable: self.init(.notFound, .notFound, "\(error)")
        case .noMoment, .badCondition, .badQuery, .notReading, .repeatedColumn:
            self.init(.badRequest, .badQuery, "\(error)")
        case .tookTooLong: self.init(.badRequest, .tooSlow, "\(error)")
        case .asOfBeyondLog: self.init(.notFound, .notFound, "\(error)")
        case .notBuilt, .outdated, .stale, .locked, .busy, .inUse, .outOfMemory, .noRoom:
            self = Problem(.serviceUnavailable, .unavailable, "\(error)").retryable()
        case .missingEvent, .damaged, .otherLog, .aheadOfLog, .otherHistory, .storage,
            .sumTooLarge:
            self.init(.internalServerError, .corruption, "\(error)")
        }
    }
}
