internal import ContactCentre
package import GRDB
internal import JSON
package import ProjectionKit

/// How the queues did: offered, answered, abandoned, waits and handle times, and who waits.
///
/// `README.md` beside this file defines every table and column.
package struct OperatorQueues: Projection {
    /// A wait up to this long, included, is within the threshold.
    package let serviceThreshold: Duration

    package static let defaultServiceThreshold: Duration = .seconds(20)
    /// Stands for a queue or an operator that the events do not name.
    package static let unknown = "unknown"

    /// A longer wait or handle time is taken for a clock's mistake, and so for unknown: 366 days.
    package static let durationMicrosecondsMax: Int64 = 366 * 86_400 * 1_000_000

    package init(serviceThreshold: Duration = defaultServiceThreshold) {
        self.serviceThreshold = serviceThreshold
    }

    package let name = "operator-queues"
    package let version = 7

    /// The time zone database is part of it: other offsets give other dates and half-hours.
    package var configuration: String {
        "service_threshold_us=\(thresholdMicroseconds) "
            + "time_zone_data=\(Zone.databaseRelease)"
    }

    var thresholdMicroseconds: Int64 {
        let (seconds, attoseconds) = serviceThreshold.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    package func fold(
        into database: Database, of log: LogReference
    ) throws -> any EventFold {
        try FoldContacts(
            into: database, zones: ZoneBook(logZone: log.zone),
            thresholdMicroseconds: thresholdMicroseconds)
    }
}
