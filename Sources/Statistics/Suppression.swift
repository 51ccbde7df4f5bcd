/// Which counts of a table with its margins may be published without giving small ones away.
///
/// Rows are groups, columns are what the units are counted by; every row and column is published
/// with its sum, so an entry that is hidden must also be beyond what the sums tell.
package struct Suppression: Equatable, Sendable {
    /// What is published of an entry.
    package enum Mark: String, Equatable, Sendable {
        case published
        /// The count itself is too small.
        case primary
        /// Published, it would tell a count that is too small.
        case complementary
    }

    /// Whether no unit at all is as telling as few.
    package enum Zeros: Equatable, Sendable {
        case published
        case suppressed
    }

    /// Counts from 1 to below this are too small; no hidden entry can be told more exactly.
    package static let cellMin = 10

    /// The counts with a last column of row sums and a last row of column sums.
    package let counts: [[Int]]
    /// The mark of each entry of ``counts``.
    package private(set) var marks: [[Mark]]

    /// Cost: a few searches of the whole table for every entry that is hidden.
    ///
    /// - Requires: rows of one length, with counts that are not negative.
    package init(of table: [[Int]], zeros: Zeros) {
        let width = table.first?.count ?? 0
        precondition(
            table.allSatisfy { $0.count == width && $0.allSatisfy { $0 >= 0 } },
            "rows have one length and hold counts")
        var counts = table.map { $0 + [$0.reduce(0, +)] }
        counts.append((0...width).map { column in counts.reduce(0) { $0 + $1[column] } })
        self.counts = counts
        let lowest = zeros == .suppressed ? 0 : 1
        marks = counts.map { row in
            row.map { (lowest..<Self.cellMin).contains($0) ? .primary : .published }
        }
        hideSingleEntries()
        while let exposed = exposedEntry() {
            hideSmallest(besides: exposed)
            hideSingleEntries()
        }
    }

    package func mark(row: Int, column: Int) -> Mark { marks[row][column] }

    /// Each hidden entry, with the lowest and highest count that all published ones allow.
    package func bounds() -> [Bounds] {
        entries.filter { isHidden($0) }.map { bounds(of: $0) }
    }

    package struct Bounds: Equatable, Sendable {
        package let row: Int
        package let column: Int
        package let low: Int
        /// Nil where nothing published limits it.
        package let high: Int?

        var isWide: Bool { high.map { $0 - low >= Suppression.cellMin } ?? true }
    }
}

extension Suppression {
    private struct Entry: Equatable {
        let row: Int
        let column: Int
    }

    private var entries: [Entry] {
        counts.indices.flatMap { row in
            counts[row].indices.map { Entry(row: row, column: $0) }
        }
    }

    private func isHidden(_ entry: Entry) -> Bool {
        marks[entry.row][entry.column] != .published
    }

    /// All rows and columns, each with its sum: one is the sum of the others in each.
    private var lines: [[Entry]] {
        let rows = counts.indices
        let columns = counts[0].indices
        return rows.map { row in columns.map { Entry(row: row, column: $0) } }
            + columns.map { column in rows.map { Entry(row: $0, column: column) } }
    }

    /// A line with exactly one hidden entry gives it away by subtraction.
    private mutating func hideSingleEntries() {
        let lines = lines.filter { $0.count > 1 }
        while let line = lines.first(where: { $0.count(where: { isHidden($0) }) == 1 }) {
            hideSmallest(in: [line])
        }
    }

    private mutating func hideSmallest(besides entry: Entry) {
        let crossing = lines.filter { $0.contains(entry) && $0.contains { !isHidden($0) } }
        // With nothing left beside it, more must be hidden elsewhere: the sums are still printed.
        hideSmallest(in: crossing.isEmpty ? lines : crossing)
    }

    /// Hides the smallest published entry, one that is not zero where there is any: a reader who
    /// guesses that a zero is a zero would undo the hiding.
    private mutating func hideSmallest(in lines: [[Entry]]) {
        let published = lines.joined().filter { !isHidden($0) }
        let filled = published.filter { counts[$0.row][$0.column] > 0 }
        let smallest = (filled.isEmpty ? published : filled)
            .min { counts[$0.row][$0.column] < counts[$1.row][$1.column] }
        guard let smallest else { return }
        marks[smallest.row][smallest.column] = .complementary
    }

    private func exposedEntry() -> Entry? {
        guard entries.contains(where: { !isHidden($0) }) else { return nil }
        return entries.first { isHidden($0) && !bounds(of: $0).isWide }
    }
}

// The audit. Rows and columns are the nodes of a network in which counts flow: an inner entry from
// its row to its column, the sum of a row into the row, the sum of a column out of it. A published
// entry is fixed, so a hidden one can change just by as much as flows around through other hidden
// ones. Sums of flows are exact, unlike the arithmetic of a linear programme.
extension Suppression {
    private func bounds(of entry: Entry) -> Bounds {
        let (start, end) = ends(of: entry)
        let count = counts[entry.row][entry.column]
        let down = Circulation.greatestFlow(
            from: start, to: end, arcs: arcs(besides: entry), limit: count)
        let up = Circulation.greatestFlow(
            from: end, to: start, arcs: arcs(besides: entry), limit: Circulation.unlimited)
        return Bounds(
            row: entry.row, column: entry.column, low: count - down,
            high: up == Circulation.unlimited ? nil : count + up)
    }

    private func ends(of entry: Entry) -> (start: Int, end: Int) {
        let sumRow = counts.count - 1
        let sumColumn = counts[0].count - 1
        let row = entry.row
        let column = counts.count + entry.column
        let isReversed = (entry.row == sumRow) != (entry.column == sumColumn)
        return isReversed ? (column, row) : (row, column)
    }

    private func arcs(besides left: Entry) -> [Circulation.Arc] {
        entries.filter { isHidden($0) && $0 != left }.map { entry in
            let (start, end) = ends(of: entry)
            return Circulation.Arc(
                start: start, end: end, count: counts[entry.row][entry.column])
        }
    }
}
