package import GRDB
package import JSON

/// A row that this software wrote, read without trust: the file may have been changed since.
///
/// Every reading throws ``FoldFailure/damaged(_:)`` where the value is of another kind.
package struct StoredRow {
    private let row: Row
    private let table: String

    package init(_ row: Row, of table: String) {
        self.row = row
        self.table = table
    }

    package func optionalInteger(_ column: String) throws(FoldFailure) -> Int64? {
        switch value(column) {
        case .int64(let number): return number
        case .null: return nil
        default: throw damage(column)
        }
    }

    package func integer(_ column: String) throws(FoldFailure) -> Int64 {
        guard let number = try optionalInteger(column) else { throw damage(column) }
        return number
    }

    package func int(_ column: String) throws(FoldFailure) -> Int {
        Int(try integer(column))
    }

    /// A number that is not negative.
    package func count(_ column: String) throws(FoldFailure) -> UInt64 {
        guard let count = UInt64(exactly: try integer(column)) else { throw damage(column) }
        return count
    }

    /// One of a list of cases that are stored as numbers.
    package func optionalChoice<Choice: RawRepresentable<Int64>>(
        _ column: String
    ) throws(FoldFailure) -> Choice? {
        guard let number = try optionalInteger(column) else { return nil }
        guard let choice = Choice(rawValue: number) else { throw damage(column) }
        return choice
    }

    package func choice<Choice: RawRepresentable<Int64>>(
        _ column: String
    ) throws(FoldFailure) -> Choice {
        guard let choice: Choice = try optionalChoice(column) else { throw damage(column) }
        return choice
    }

    package func optionalText(_ column: String) throws(FoldFailure) -> String? {
        switch value(column) {
        case .string(let text): return text
        case .null: return nil
        default: throw damage(column)
        }
    }

    package func text(_ column: String) throws(FoldFailure) -> String {
        guard let text = try optionalText(column) else { throw damage(column) }
        return text
    }

    /// A moment that RFC 3339 can write, as those of all events are.
    package func optionalInstant(_ column: String) throws(FoldFailure) -> Instant? {
        guard let microseconds = try optionalInteger(column) else { return nil }
        let moment = Instant(microseconds: microseconds)
        guard (Instant.earliest...Instant.latest).contains(moment) else { throw damage(column) }
        return moment
    }

    package func instant(_ column: String) throws(FoldFailure) -> Instant {
        guard let moment = try optionalInstant(column) else { throw damage(column) }
        return moment
    }

    package func damage(_ column: String) -> FoldFailure {
        .damaged("\(table).\(column) holds what was never written there")
    }

    private func value(_ column: String) -> DatabaseValue.Storage {
        (row[column] as DatabaseValue?)?.storage ?? .null
    }
}
