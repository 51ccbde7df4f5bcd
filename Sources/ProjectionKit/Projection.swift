package import EventLog
package import GRDB

/// A function from events to a read model: what to fold, and the tables to write to.
///
/// The rows must be a pure function of the events in their order, of ``version`` and of
/// ``configuration``: where events are flushed in between must make no difference, or a read
/// model that grew with the log would differ from a rebuilt one.
package protocol Projection: Sendable {
    /// Lower-case letters, digits and hyphens; the read model's file is called after it.
    var name: String { get }
    /// Grows with every change of schema or meaning; a read model of another version is rebuilt.
    var version: Int { get }
    /// Everything besides the events that the rows depend on; another text means a rebuild.
    var configuration: String { get }
    /// The tables that users may rely on.
    var tables: [ReadTable] { get }
    /// Whether rows hold what the log holds sealed.
    var content: ReadModelContent { get }
    /// Statements that create all tables and indexes in an empty database, and their first rows.
    ///
    /// A view for each table with a ``ReadTable/moment`` or ``ReadTable/derivation`` is created
    /// after them.
    var schema: [String] { get }

    /// Resumes from the rows that are in `database`.
    func fold(into database: Database, of log: LogReference) throws -> any EventFold
}

/// What a read model may hold.
package enum ReadModelContent: Sendable {
    /// Nothing that is erased; the rows are a function of the events alone.
    case impersonal
    /// What keys open: the rows are a function of the events and of the keys that there are, and
    /// whoever destroys a key makes the read model anew.
    case personal
}

extension Projection {
    package var content: ReadModelContent { .impersonal }
}

/// Why a run of a projection cannot go on; it leaves what was committed before.
package enum FoldFailure: Error, Equatable, Sendable {
    /// The rows hold what no run of the projection writes.
    case damaged(String)
    /// A sum leaves what 64 bits hold.
    case tooLarge
}

/// The working state of a projection during one run.
///
/// It is used within one database access only and dropped after any error.
package protocol EventFold: AnyObject {
    /// Takes in the events at these places; events of no interest are passed over.
    ///
    /// Those that should have counted and cannot be read are reported to `unreadable`; they must
    /// have changed nothing.
    /// - Throws: ``FoldFailure`` and errors of the database, both of which end the run.
    func apply(
        _ columns: EventColumns, at places: Range<Int>,
        unreadable: (_ place: Int, _ reason: String) -> Void
    ) throws
    /// Writes out everything that changed since the last call; a commit follows.
    func flush() throws
}

/// A fold that looks at one event after the other: slower than columns, and simpler.
package protocol EventwiseFold: EventFold {
    /// Takes in the next event; events of no interest are passed over.
    ///
    /// What it finds unreadable must have changed nothing.
    /// - Throws: ``FoldFailure`` and errors of the database, both of which end the run.
    func apply(_ event: Event) throws -> Reading
}

extension EventwiseFold {
    package func apply(
        _ columns: EventColumns, at places: Range<Int>,
        unreadable: (_ place: Int, _ reason: String) -> Void
    ) throws {
        for (place, event) in zip(places, columns.events(at: Array(places))) {
            if case .unreadable(let reason) = try apply(event) { unreadable(place, reason) }
        }
    }
}

/// What became of an event that was offered to a projection.
package enum Reading: Equatable, Sendable {
    case done
    /// It should have counted, but this version cannot read it.
    case unreadable(reason: String)
}

/// The events that should have counted in a read model but could not be read, and so do not.
package struct UnreadableEvents: Equatable, Sendable {
    package internal(set) var count: UInt64 = 0
    /// Nil where there are none.
    package internal(set) var first: First?

    package struct First: Equatable, Sendable {
        package let position: Position
        package let reason: String
    }

    mutating func add(_ position: Position, reason: String) {
        count += 1
        if first == nil { first = First(position: position, reason: reason) }
    }
}
