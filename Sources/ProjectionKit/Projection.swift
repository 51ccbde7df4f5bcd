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
    /// Statements that create all tables and indexes in an empty database, and their first rows.
    ///
    /// A view for each table with a ``ReadTable/moment`` is created after them.
    var schema: [String] { get }

    /// Resumes from the rows that are in `database`.
    func fold(into database: Database, of log: LogReference) throws -> any EventFold
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
    /// Takes in the next event; events of no interest are passed over.
    func apply(_ event: Event) throws
    /// Writes out everything that changed since the last call; a commit follows.
    func flush() throws
}
