internal import ContactCentre
internal import GRDB
internal import JSON

/// What the contacts since the last flush change in the tables, added up for each row.
struct TableChanges {
    var days = TouchedDays()
    private var totals = Figures()
    private var queues: [ExactText: Figures] = [:]
    private var byDay: [Int: Figures] = [:]
    private var halfHours: [HalfHour: Figures] = [:]
    private var operators: [ExactText: OperatorFigures] = [:]

    enum Direction {
        case `in`
        case back
    }

    /// - Throws: ``FoldFailure/tooLarge`` where a sum leaves 64 bits.
    mutating func add(
        _ contribution: Contribution, in zone: Zone, taken direction: Direction
    ) throws {
        for entry in contribution.entries {
            let day = zone.date(at: entry.moment).daysSince1970
            days.touch(day)
            let halfHour = HalfHour(of: entry.moment, in: zone)
            switch direction {
            case .in:
                try totals += entry.figures
                try queues[entry.queue, default: Figures()] += entry.figures
                try byDay[day, default: Figures()] += entry.figures
                try halfHours[halfHour, default: Figures()] += entry.figures
            case .back:
                try totals -= entry.figures
                try queues[entry.queue, default: Figures()] -= entry.figures
                try byDay[day, default: Figures()] -= entry.figures
                try halfHours[halfHour, default: Figures()] -= entry.figures
            }
        }
        for (name, figures) in contribution.operators {
            switch direction {
            case .in: try operators[name, default: OperatorFigures()] += figures
            case .back: try operators[name, default: OperatorFigures()] -= figures
            }
        }
    }

    /// Rows are written in no particular order: they are sums, and the tables are sorted by key.
    func write(to database: Database) throws {
        try write(totals, at: [], of: .totals, to: database)
        for (queue, figures) in queues {
            try write(figures, at: [queue.text], of: .queues, to: database)
        }
        for (day, figures) in byDay {
            let name = CivilDate(daysSince1970: day).description
            try write(figures, at: [day, name], of: .days, to: database)
        }
        for (halfHour, figures) in halfHours {
            try write(
                figures, at: [halfHour.label, halfHour.start.microseconds], of: .halfHours,
                to: database)
        }
        for (name, figures) in operators where figures != OperatorFigures() {
            try write(figures, of: name.text, to: database)
        }
    }

    private func write(
        _ figures: Figures, at keys: [any DatabaseValueConvertible], of table: FigureTable,
        to database: Database
    ) throws {
        guard !figures.isZero else { return }
        let values = Figure.allCases.map { figures[$0] as any DatabaseValueConvertible }
        try database.cachedStatement(sql: table.addition).run(StatementArguments(keys + values))
        if let key = keys.first, let removal = table.removalOfEmpty,
            figures[.received] < 0 || figures[.offered] < 0
        {
            try database.cachedStatement(sql: removal).run([key])
        }
    }

    private func write(
        _ figures: OperatorFigures, of name: String, to database: Database
    ) throws {
        let addition = try database.cachedStatement(
            sql: """
                INSERT INTO operators (operator, answered, handled, handle_us)
                VALUES (?, ?, ?, ?) ON CONFLICT (operator) DO UPDATE SET
                answered = answered + excluded.answered, handled = handled + excluded.handled,
                handle_us = handle_us + excluded.handle_us
                """)
        try addition.run([name, figures.answered, figures.handled, figures.handleMicroseconds])
        if figures.answered < 0 || figures.handled < 0 {
            let removal = try database.cachedStatement(
                sql: "DELETE FROM operators WHERE operator = ? AND answered = 0 AND handled = 0")
            try removal.run([name])
        }
    }
}

/// The local dates whose `waiting_max` may have changed, as days since 1970.
struct TouchedDays {
    private(set) var days: Set<Int> = []
    /// All days from here on, because a visit waits with no end or did so before.
    private(set) var allFrom: Int?

    mutating func touch(_ day: Int) { days.insert(day) }

    mutating func touch(_ waiting: WaitingDays?) {
        guard let waiting else { return }
        // A wait of many days is rare, and only days with a row matter, which the update knows.
        if let to = waiting.to, to - waiting.from <= 7 {
            for day in waiting.from...to { days.insert(day) }
        } else {
            days.insert(waiting.from)
            allFrom = min(allFrom ?? waiting.from, waiting.from)
        }
    }
}
