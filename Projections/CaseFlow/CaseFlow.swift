internal import ContactCentre
package import GRDB
package import ProjectionKit

/// How cases went: taken in charge, handed over, resolved, reopened, closed, and the backlog.
///
/// `README.md` beside this file defines every table and column.
package struct CaseFlow: Projection {
    package init() {}

    package let name = "case-flow"
    package let version = 3

    /// The time zone database is part of it: other offsets give other dates.
    package var configuration: String { "time_zone_data=\(Zone.databaseRelease)" }

    package func fold(
        into database: Database, of log: LogReference
    ) throws -> any EventFold {
        try FoldCases(into: database, zones: ZoneBook(logZone: log.zone))
    }
}
