internal import ContactCentre
internal import GRDB
internal import JSON
internal import ProjectionKit

/// What the events since the last flush add to the counts over all cases.
struct CaseChanges {
    private var days: [Int: DayCounts] = [:]
    private var lines: [LineChange: Int64] = [:]
    private var waits: [ExactText: Waits] = [:]
    private var activities: [ExactText: Int64] = [:]

    private struct DayCounts {
        var opened: Int64 = 0
        var resolved: Int64 = 0
        var closed: Int64 = 0
        var reopened: Int64 = 0
        var openChange: Int64 = 0
        var unresolvedChange: Int64 = 0
    }

    private struct LineChange: Hashable {
        let from: Int64
        let to: Int64
    }

    private struct Waits {
        var count: Int64 = 0
        var unknown: Int64 = 0
        var microseconds: Int64 = 0
    }

    mutating func changeLine(from: Int64, to: Int64) {
        lines[LineChange(from: from, to: to), default: 0] += 1
    }

    /// Nil stands for a wait of unknown length.
    ///
    /// - Throws: ``FoldFailure/tooLarge`` where the sum leaves 64 bits.
    mutating func wait(for party: ExactText, _ microseconds: Int64?) throws {
        waits[party, default: Waits()].count += 1
        guard let microseconds else { return waits[party, default: Waits()].unknown += 1 }
        try waits[party, default: Waits()].microseconds.add(microseconds)
    }

    mutating func `do`(_ activity: ExactText) { activities[activity, default: 0] += 1 }

    /// Counts a move into or out of the backlog on a local date.
    mutating func move(_ move: CaseMove, on day: Int) {
        var counts = days[day] ?? DayCounts()
        switch move {
        case .opened:
            counts.opened += 1
            counts.openChange += 1
            counts.unresolvedChange += 1
        case .resolved:
            counts.resolved += 1
            counts.unresolvedChange -= 1
        case .closed(let before):
            counts.closed += 1
            counts.openChange -= 1
            if before == .open { counts.unresolvedChange -= 1 }
        case .reopened(let before):
            counts.reopened += 1
            counts.unresolvedChange += 1
            if before == .closed { counts.openChange += 1 }
        case .changedLine, .waited, .did: break
        }
        days[day] = counts
    }

    /// Rows are written in no particular order: they are sums, and the tables are sorted by key.
    func write(to database: Database) throws {
        for (day, counts) in days {
            try database.cachedStatement(
                sql: """
                    INSERT INTO moves VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET opened = opened + excluded.opened,
                    resolved = resolved + excluded.resolved, closed = closed + excluded.closed,
                    reopened = reopened + excluded.reopened,
                    open_change = open_change + excluded.open_change,
                    unresolved_change = unresolved_change + excluded.unresolved_change
                    """
            ).run([
                day, counts.opened, counts.resolved, counts.closed, counts.reopened,
                counts.openChange, counts.unresolvedChange,
            ])
        }
        for (change, count) in lines {
            try database.cachedStatement(
                sql: """
                    INSERT INTO line_changes VALUES (?, ?, ?)
                    ON CONFLICT DO UPDATE SET changes = changes + excluded.changes
                    """
            ).run([change.from, change.to, count])
        }
        for (party, wait) in waits {
            try database.cachedStatement(
                sql: """
                    INSERT INTO waits VALUES (?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET waits = waits + excluded.waits,
                    unknown_waits = unknown_waits + excluded.unknown_waits,
                    waited_us = waited_us + excluded.waited_us
                    """
            ).run([party.text, wait.count, wait.unknown, wait.microseconds])
        }
        for (activity, count) in activities {
            try database.cachedStatement(
                sql: """
                    INSERT INTO activities VALUES (?, ?)
                    ON CONFLICT DO UPDATE SET events = events + excluded.events
                    """
            ).run([activity.text, count])
        }
    }
}
