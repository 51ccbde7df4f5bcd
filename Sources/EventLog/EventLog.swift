package import Merkle

/// An ordered, provable log of events in one directory.
package final class EventLog: Sendable {
    package enum Access: Sendable {
        case reading
        case writing
    }

    /// Which log this is; position 0 says it.
    package let identity: LogIdentity

    init(identity: LogIdentity) { self.identity = identity }

    package static func create(
        at directory: String, origin: String? = nil, zone: String, clock: LogClock = .system
    ) throws(LogError) {
        throw .notImplemented
    }

    package static func open(
        at directory: String, access: Access, clock: LogClock = .system
    ) throws(LogError) -> EventLog {
        throw .notImplemented
    }

    /// Appends events that belong together.
    package func append(_ append: Append) async throws(LogError) -> AppendOutcome {
        throw .notImplemented
    }

    /// Hands over independent appends in one call; outcomes stand in the order of `appends`.
    package func append(each appends: [Append]) async throws(LogError) -> [AppendOutcome] {
        throw .notImplemented
    }

    /// Visits the selected events in their order (or backward) in bounded memory.
    package func read(_ selection: Selection, _ visit: (Event) throws -> ReadStep) throws {
        throw LogError.notImplemented
    }

    /// Size and root of the newest durable state.
    package func head() throws(LogError) -> Head {
        throw .notImplemented
    }

    package func close() {}
}

package struct LogIdentity: Equatable, Sendable {
    package let id: EventID
    package let origin: String
    /// IANA time zone of contacts that state none.
    package let zone: String
    package let formatVersion: Int
}

/// Size and root of the tree.
package struct Head: Equatable, Sendable {
    package let size: UInt64
    package let root: Hash
}
