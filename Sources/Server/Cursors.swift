internal import EventLog
internal import HTTPTypes
internal import Hummingbird
internal import JSON
internal import Storage
internal import Synchronization

/// The durable cursors of consumers that follow over HTTP.
///
/// A consumer says itself how far it has come; the server only keeps it.
final class CursorDesk: Sendable {
    private let log: EventLog
    private let readers: Readers
    /// Those that a subscription has taken.
    private let taken = Mutex<[String: DurableCursor]>([:])

    init(_ log: EventLog, _ readers: Readers) {
        self.log = log
        self.readers = readers
    }

    /// Takes a cursor for one subscription, creating it where there is none.
    func take(_ name: String) async throws -> CursorLease {
        try await readers.run { [self] in
            try taken.withLock { taken in
                guard taken[name] == nil else { throw Problem.cursorTaken(name) }
                let cursor = try opened(name)
                taken[name] = cursor
                return CursorLease(cursor: cursor, desk: self)
            }
        }
    }

    fileprivate func giveBack(_ name: String) { taken.withLock { $0[name] = nil } }

    /// Everything before `next` has been dealt with.
    func save(_ name: String, _ next: Position) async throws {
        try await readers.run { [self] in
            try taken.withLock { (taken: inout [String: DurableCursor]) in
                try (taken[name] ?? existing(name)).save(next)
            }
        }
    }

    func reset(_ name: String, to next: Position) async throws {
        try await readers.run { [self] in
            try taken.withLock { taken in
                guard taken[name] == nil else { throw Problem.cursorTaken(name) }
                try unlocked(name) { try log.resetCursor(name, to: next) }
            }
        }
    }

    func remove(_ name: String) async throws {
        try await readers.run { [self] in
            try taken.withLock { taken in
                guard taken[name] == nil else { throw Problem.cursorTaken(name) }
                try unlocked(name) { try log.removeCursor(name) }
            }
        }
    }

    private func existing(_ name: String) throws -> DurableCursor {
        // Tells of a name that is none, or that nobody has given.
        _ = try log.cursorStatus(name)
        return try opened(name)
    }

    private func opened(_ name: String) throws -> DurableCursor {
        try unlocked(name) { try log.cursor(name) }
    }

    private func unlocked<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch LogError.storage(.locked) {
            throw Problem.cursorTaken(name)
        }
    }
}

extension Problem {
    fileprivate static func cursorTaken(_ name: String) -> Problem {
        Problem(
            .conflict, .cursorConflict,
            "another consumer follows with the cursor \(quoted(name)); end it, or take another name"
        )
    }
}

/// A cursor that one subscription has, until nobody holds this any more.
final class CursorLease: Sendable {
    private let cursor: DurableCursor
    private let desk: CursorDesk

    init(cursor: DurableCursor, desk: CursorDesk) {
        self.cursor = cursor
        self.desk = desk
    }

    var next: Position { cursor.next }

    deinit { desk.giveBack(cursor.name) }
}

extension Responder {
    func cursors(_ query: Substring?) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let log = desk.log
        let rows = try await desk.readers.run {
            log.cursorNames().map { name -> JSONNode in
                // One cursor that cannot be used does not hide the others.
                do { return try log.cursorStatus(name).node } catch {
                    return .object([("name", .text(name)), ("problem", .text("\(error)"))])
                }
            }
        }
        return Answer(.ok, .array(rows))
    }

    func cursor(_ name: String, _ query: Substring?) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let log = desk.log
        return Answer(.ok, try await desk.readers.run { try log.cursorStatus(name).node })
    }

    /// `{"next":N}` says that everything before N has been dealt with; with `"reset":true` the
    /// cursor may go back.
    func moveCursor(_ name: String, _ query: Substring?, _ request: Request) async throws -> Answer
    {
        try QueryParameters(query: query).requireNothingLeft()
        let move = try await withBody(of: request, upTo: ServerLimits.sqlBytesMax) { body in
            try CursorMove(body)
        }
        if move.isReset {
            try await desk.cursors.reset(name, to: move.next)
        } else {
            try await desk.cursors.save(name, move.next)
        }
        return try await cursor(name, nil)
    }

    func removeCursor(_ name: String, _ query: Substring?) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        try await desk.cursors.remove(name)
        return Answer(.noContent)
    }
}

private struct CursorMove {
    let next: Position
    let isReset: Bool

    init(_ body: ArraySlice<UInt8>) throws(Problem) {
        var object = try RequestObject(body)
        guard let next = try object.number("next"), next >= 0 else {
            throw .badBody(
                "the body must be like {\"next\":12}, the first position that is still to be seen")
        }
        self.next = Position(UInt64(next))
        isReset = try object.truth("reset") ?? false
        try object.requireNothingLeft()
    }
}

extension CursorStatus {
    fileprivate var node: JSONNode {
        .object([
            ("name", .text(name)), ("position", position.map { .count($0.value) } ?? .null),
            ("next", .count(position.map { $0.value + 1 } ?? 0)),
            ("lag_events", .count(lagEvents)),
            ("lag_seconds", lagSeconds.map { .real($0) } ?? .null),
            ("updated", .text(updated.description)),
        ])
    }
}
