package import GRDB
package import ProjectionKit

/// What citizens say: satisfaction and response rates by channel, service and group.
///
/// `README.md` beside this file defines every table and column.
package struct CitizenSatisfaction: Projection {
    package init() {}

    package let name = "citizen-satisfaction"
    package let version = 2
    package let configuration = ""

    package func fold(
        into database: Database, of log: LogReference
    ) throws -> any EventFold {
        FoldOpinions(into: database)
    }
}
