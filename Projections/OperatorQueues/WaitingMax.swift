internal import ContactCentre
internal import GRDB
internal import JSON
internal import ProjectionKit

/// Finds how many visits waited at once on a local date, at most.
///
/// A visit waits in [queued, left), on each local date of its own zone, and without an end while
/// it has not left. So a visit that leaves at a moment is not counted together with one that
/// comes at that moment.
struct WaitingMax {
    var zones: ZoneBook

    init(zones: ZoneBook) { self.zones = zones }

    /// Brings `waiting_max` up to date for those of the touched days that have a row.
    func update(_ touched: TouchedDays, in database: Database) throws {
        var days = touched.days
        if let first = touched.allFrom {
            let rows = try Row.fetchCursor(
                database, sql: "SELECT day_number FROM days WHERE day_number >= ?",
                arguments: [first])
            while let row = try rows.next().map({ StoredRow($0, of: "days") }) {
                let day = try row.int("day_number")
                guard LocalTime.days.contains(day) else { throw row.damage("day_number") }
                days.insert(day)
            }
        }
        var search = self
        let update = try database.cachedStatement(
            sql: "UPDATE days SET waiting_max = ? WHERE day_number = ?")
        let exists = try database.cachedStatement(
            sql: "SELECT 1 FROM days WHERE day_number = ?")
        for day in days.sorted() {
            guard try Int.fetchOne(exists, arguments: [day]) != nil else { continue }
            try update.run([try search.waitingMax(on: day, in: database), day])
        }
    }

    private mutating func waitingMax(on day: Int, in database: Database) throws -> Int {
        let statement = try database.cachedStatement(
            sql: """
                SELECT queued_us, left_us, from_day, to_day, zone FROM visits
                JOIN contacts ON contacts.id = visits.contact WHERE from_day = ?1
                UNION ALL
                SELECT queued_us, left_us, from_day, to_day, zone FROM visits
                JOIN contacts ON contacts.id = visits.contact
                WHERE from_day < ?1 AND (to_day IS NULL OR to_day >= ?1)
                AND \(OperatorQueues.outlastingItsDay)
                """)
        var begins: [Int64] = []
        var ends: [Int64] = []
        let date = CivilDate(daysSince1970: day)
        let nextDate = CivilDate(daysSince1970: day + 1)
        let rows = try Row.fetchCursor(statement, arguments: [day])
        while let row = try rows.next().map({ StoredRow($0, of: "visits") }) {
            let left = try row.optionalInstant("left_us")?.microseconds
            let to = try row.optionalInteger("to_day")
            let zone = try zones.stored(try row.optionalText("zone"))
            let begin =
                try row.int("from_day") == day
                ? try row.instant("queued_us").microseconds : zone.start(of: date).microseconds
            let end: Int64
            if let left, to == Int64(day) {
                end = left
            } else {
                end = zone.start(of: nextDate).microseconds
            }
            guard begin < end else { continue }
            begins.append(begin)
            ends.append(end)
        }
        return mostAtOnce(begins.sorted(), ends.sorted())
    }
}

/// The most intervals that cover one moment; `begins` and `ends` are sorted, ends excluded.
private func mostAtOnce(_ begins: [Int64], _ ends: [Int64]) -> Int {
    var most = 0
    var ended = 0
    for (index, begin) in begins.enumerated() {
        while ended < ends.count, ends[ended] <= begin { ended += 1 }
        most = max(most, index + 1 - ended)
    }
    return most
}
