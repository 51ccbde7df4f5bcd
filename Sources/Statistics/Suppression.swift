/// Which counts of a table with its margins may be published without giving small ones away.
///
/// Rows are groups, columns are what the units are counted by; every row and column is published
/// with its sum, so an entry that is hidden must also be beyond what the sums tell. A row that has
/// units is known to have one, since it would not be named otherwise. Which sums of
/// columns are hidden follows from them alone, but where nothing else helps: other tables of the
/// same units, by other groups, show the same sums, and what one of them hid another would tell.
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

    /// Cost: two searches of the whole table for every entry that is hidden.
    ///
    /// - Parameters:
    ///   - table: Rows of one length, with counts that are not negative.
    ///   - zeros: Whether they count as small.
    ///   - hidden: Entries, or sums, that are hidden whatever they are, as other tables hide them.
    package init(of table: [[Int]], zeros: Zeros, hidden: Set<Entry> = []) {
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
        for entry in hidden where !isHidden(entry) {
            marks[entry.row][entry.column] = .complementary
        }
        hideSumsOfColumns()
        hideSingleEntries()
        var audited: Set<Entry> = []
        while let exposed = exposedEntry(&audited) {
            guard hideSmallest(besides: exposed) == .hidden else {
                // Too few units for so many rows: even their sums tell too much.
                for column in 0...width where !isHidden(Entry(row: table.count, column: column)) {
                    marks[table.count][column] = .complementary
                }
                return
            }
            hideSingleEntries()
        }
    }

    /// Whether the sum of all is published.
    package var showsTotal: Bool { marks.last?.last == .published }

    package func mark(row: Int, column: Int) -> Mark { marks[row][column] }

    /// A place of ``counts``.
    package struct Entry: Hashable, Sendable {
        package let row: Int
        package let column: Int

        package init(row: Int, column: Int) {
            self.row = row
            self.column = column
        }
    }

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
    }
}

extension Suppression {
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

    /// The sums of columns are a line of their own, in which a hidden sum can be anything from 0 to
    /// what all hidden ones add up to.
    private mutating func hideSumsOfColumns() {
        let last = counts.count - 1
        let total = counts[last].count - 1
        while marks[last][total] == .published {
            let hidden = (0..<total).filter { marks[last][$0] != .published }
            let sum = hidden.reduce(0) { $0 + counts[last][$1] }
            guard hidden.count == 1 || !hidden.isEmpty && sum < Self.cellMin else { return }
            let others = (0..<total).filter { marks[last][$0] == .published }
            let smallest = others.min { counts[last][$0] < counts[last][$1] }
            marks[last][smallest ?? total] = .complementary
        }
    }

    private enum Search {
        case hidden
        case nothingLeft
    }

    /// A line with exactly one hidden entry gives it away by subtraction.
    private mutating func hideSingleEntries() {
        let lines = lines.filter { $0.count > 1 }
        while let line = lines.first(where: {
            $0.count(where: { isHidden($0) }) == 1 && $0.contains(where: { canBeHidden($0) })
        }) {
            _ = hideSmallest(in: [line])
        }
    }

    private func canBeHidden(_ entry: Entry) -> Bool {
        !isHidden(entry) && entry.row < counts.count - 1
    }

    private mutating func hideSmallest(besides entry: Entry) -> Search {
        let crossing = lines.filter { $0.contains(entry) && $0.contains { canBeHidden($0) } }
        // With nothing left beside it, more must be hidden elsewhere.
        return hideSmallest(in: crossing.isEmpty ? lines : crossing)
    }

    /// Hides the smallest published entry, one that is not zero where there is any: a reader who
    /// guesses that a zero is a zero would undo the hiding.
    private mutating func hideSmallest(in lines: [[Entry]]) -> Search {
        let published = lines.joined().filter { canBeHidden($0) }
        let filled = published.filter { counts[$0.row][$0.column] > 0 }
        let smallest = (filled.isEmpty ? published : filled)
            .min { counts[$0.row][$0.column] < counts[$1.row][$1.column] }
        guard let smallest else { return .nothingLeft }
        marks[smallest.row][smallest.column] = .complementary
        return .hidden
    }

    /// A hidden entry that is told too exactly.
    ///
    /// Those that were `audited` before stay wide enough, since to hide more widens them further.
    private func exposedEntry(_ audited: inout Set<Entry>) -> Entry? {
        guard entries.contains(where: { !isHidden($0) }) else { return nil }
        for entry in entries where isHidden(entry) && !audited.contains(entry) {
            guard isWide(entry) else { return entry }
            audited.insert(entry)
        }
        return nil
    }
}

// The audit. Rows and columns are the nodes of a network in which counts flow: an inner entry from
// its row to its column, the sum of a row into the row, the sum of a column out of it. A published
// entry is fixed, so a hidden one can change just by as much as flows around through other hidden
// ones. Sums of flows are exact, unlike the arithmetic of a linear programme.
extension Suppression {
    private func bounds(of entry: Entry) -> Bounds {
        let network = network(besides: entry)
        let count = counts[entry.row][entry.column]
        let down = slack(of: entry, .down, in: network, limit: spare(of: entry))
        let up = slack(of: entry, .up, in: network, limit: Circulation.unlimited)
        return Bounds(
            row: entry.row, column: entry.column, low: count - down,
            high: up == Circulation.unlimited ? nil : count + up)
    }

    private func isWide(_ entry: Entry) -> Bool {
        let network = network(besides: entry)
        let downMax = min(spare(of: entry), Self.cellMin)
        let down = slack(of: entry, .down, in: network, limit: downMax)
        let up = slack(of: entry, .up, in: network, limit: Self.cellMin - down)
        return down + up == Self.cellMin
    }

    /// By how much the entry could be less, for all that a reader knows without the other entries.
    private func spare(of entry: Entry) -> Int {
        let count = counts[entry.row][entry.column]
        let isSumOfRow = entry.column == counts[0].count - 1 && entry.row < counts.count - 1
        return isSumOfRow && count > 0 ? count - 1 : count
    }

    private enum Change {
        case down
        case up
    }

    /// By how much the entry can change, for all that is published.
    private func slack(
        of entry: Entry, _ change: Change, in network: Circulation, limit: Int
    ) -> Int {
        let (start, end) = ends(of: entry)
        return switch change {
        case .down: network.greatestFlow(from: start, to: end, limit: limit)
        case .up: network.greatestFlow(from: end, to: start, limit: limit)
        }
    }

    private func ends(of entry: Entry) -> (start: Int, end: Int) {
        let sumRow = counts.count - 1
        let sumColumn = counts[0].count - 1
        let row = entry.row
        let column = counts.count + entry.column
        let isReversed = (entry.row == sumRow) != (entry.column == sumColumn)
        return isReversed ? (column, row) : (row, column)
    }

    private func network(besides left: Entry) -> Circulation {
        let arcs = entries.filter { isHidden($0) && $0 != left }.map { entry in
            let (start, end) = ends(of: entry)
            return Circulation.Arc(
                start: start, end: end, count: spare(of: entry))
        }
        return Circulation(nodes: counts.count + counts[0].count, arcs: arcs)
    }
}
