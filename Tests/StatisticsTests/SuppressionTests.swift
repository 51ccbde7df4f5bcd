import OwnThread
import Statistics
import TestSupport
import Testing

@Suite("Small counts stay hidden", .ownThread)
struct SuppressionTests {
    @Test("A small count hides others with it, in its row and its column")
    func complementary() {
        let release = Suppression(of: [[3, 40], [50, 60], [70, 80]], zeros: .published)
        #expect(release.marks[0][0] == .primary)
        #expect(release.marks[0][1] == .complementary)
        for row in release.marks { #expect(row.count { $0 != .published } != 1) }
        #expect(release.bounds().allSatisfy { ($0.high ?? .max) - $0.low >= 10 })
    }

    @Test("A table without small counts is published whole")
    func nothingToHide() {
        let release = Suppression(of: [[10, 0], [30, 40]], zeros: .published)
        #expect(release.marks.joined().allSatisfy { $0 == .published })
        #expect(release.bounds().isEmpty)
        let strict = Suppression(of: [[10, 0], [30, 40]], zeros: .suppressed)
        #expect(strict.marks[0][1] == .primary)
    }

    @Test("Rows of one unit each are not told by their sum")
    func rowsOfOneUnit() {
        let ones = [[Int]](repeating: [1, 0], count: 10)
        let release = Suppression(of: [[50, 50], [50, 50]] + ones, zeros: .published)
        #expect(release.mark(row: 0, column: 2) != .published)
        #expect(release.bounds().allSatisfy { ($0.high ?? .max) - $0.low >= 10 })
    }

    @Test func tablesWithoutCells() {
        for zeros in [Suppression.Zeros.published, .suppressed] {
            #expect(Suppression(of: [], zeros: zeros).counts == [[0]])
            #expect(
                Suppression(of: [[1]], zeros: zeros).marks.joined().allSatisfy { $0 == .primary })
        }
    }

    @Test(
        "A linear programme finds no hidden count more exactly than ten",
        .enabled(if: Python.estimates, "\(Python.needed)"), arguments: [UInt64(1), 2, 3, 4])
    func attack(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let releases = (0..<25).map { _ in Self.release(&numbers) }
        let input = releases.map { Self.published($0) + "\n" }.joined()
        let lines = try Python.run("attack_table.py", input: .text(input)).text
            .split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.count == releases.count + 1, "seed \(seed)")
        for (line, release) in zip(lines, releases) {
            let bounds = release.bounds()
            let limits = bounds.flatMap { ["\($0.low)", $0.high.map { "\($0)" } ?? "nil"] }
            #expect(limits.joined(separator: " ") == line, "seed \(seed): \(release)")
            // A table of which nothing is published gives nothing away but its shape.
            for bound in bounds {
                #expect((bound.high ?? .max) - bound.low >= 10, "seed \(seed): \(release)")
            }
        }
    }

    private static func release(_ numbers: inout SeededNumbers) -> Suppression {
        let columns = Int.random(in: 1...4, using: &numbers)
        let rows = Int.random(in: 1...8, using: &numbers)
        let table = (0..<rows).map { _ in
            (0..<columns).map { _ in
                let sizes = [12, 12, 100, 3000]
                let size = sizes[Int.random(in: sizes.indices, using: &numbers)]
                return Int.random(in: 0...size, using: &numbers)
            }
        }
        return Suppression(
            of: table, zeros: Bool.random(using: &numbers) ? .published : .suppressed)
    }

    private static func published(_ release: Suppression) -> String {
        let rows = zip(release.counts, release.marks).map { counts, marks in
            let cells = zip(counts, marks).map { $1 == .published ? "\($0)" : "null" }
            return cells
        }.enumerated().map { index, cells in
            // The reader knows of a row that it has a unit.
            let sum = cells.count - 1
            let isHidden = cells[sum] == "null" && index < release.counts.count - 1
            let isNamed = isHidden && release.counts[index][sum] > 0
            return "["
                + (cells.dropLast() + [isNamed ? "true" : cells[sum]])
                .joined(separator: ", ") + "]"
        }
        return "[" + rows.joined(separator: ", ") + "]"
    }
}
