internal import ContactCentre
internal import GRDB
internal import JSON

/// What contacts change in the tables, added up for each row.
struct TableChanges: Sendable {
    var days = TouchedDays()
    private(set) var totals = Figures()
    private(set) var queues: [Name?: Figures] = [:]
    private(set) var byDay: [Int: Figures] = [:]
    private(set) var halfHours: [HalfHour: Figures] = [:]
    private(set) var operators = ByName<OperatorFigures>(empty: OperatorFigures())
    /// What is not yet in the rows, by queue: contacts that follow each other mostly have the same
    /// local date and half-hour.
    private var current: [(queue: Name?, figures: Figures)] = []
    private var day = 0
    private var halfHour: HalfHour?

    enum Direction {
        case `in`
        case back
    }

    /// - Throws: ``FoldFailure/tooLarge`` where a sum leaves 64 bits.
    mutating func add(
        _ entry: Contribution.Entry, at place: (day: Int, halfHour: HalfHour),
        taken direction: Direction
    ) throws {
        days.touch(place.day)
        if place.day != day || place.halfHour != halfHour {
            try settle()
            (day, halfHour) = place
        }
        let index = index(of: entry.queue)
        switch direction {
        case .in: try current[index].figures += entry.figures
        case .back: try current[index].figures -= entry.figures
        }
    }

    /// - Throws: ``FoldFailure/tooLarge`` where a sum leaves 64 bits.
    mutating func add(
        _ figures: OperatorFigures, of name: Name?, taken direction: Direction
    ) throws {
        switch direction {
        case .in: try operators[name] += figures
        case .back: try operators[name] -= figures
        }
    }

    private mutating func index(of queue: Name?) -> Int {
        if let index = current.firstIndex(where: { $0.queue == queue }) { return index }
        current.append((queue, Figures()))
        return current.count - 1
    }

    /// Brings everything into the rows, which are complete then.
    mutating func settle() throws {
        guard let halfHour else { return }
        var sum = Figures()
        for (queue, figures) in current {
            try sum += figures
            try queues[queue, default: Figures()] += figures
        }
        try totals += sum
        try byDay[day, default: Figures()] += sum
        try halfHours[halfHour, default: Figures()] += sum
        current.removeAll(keepingCapacity: true)
        self.halfHour = nil
    }

    /// Adds the rows of settled changes, whose names are those of another book.
    mutating func add(_ other: TableChanges, _ names: NameBook.Translation) throws {
        try totals += other.totals
        for (queue, figures) in other.queues {
            try queues[queue.map { names($0) }, default: Figures()] += figures
        }
        for (day, figures) in other.byDay { try byDay[day, default: Figures()] += figures }
        for (halfHour, figures) in other.halfHours {
            try halfHours[halfHour, default: Figures()] += figures
        }
        for (name, figures) in other.operators.entries {
            try operators[name.map { names($0) }] += figures
        }
    }

    /// Writes settled changes, in no particular order: they are sums, and the tables are sorted by
    /// key.
    func write(to database: Database, _ names: NameBook) throws {
        try write(totals, at: [], of: .totals, to: database)
        for (queue, figures) in queues {
            try write(figures, at: [names.shown(queue)], of: .queues, to: database)
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
        for (name, figures) in operators.entries where figures != OperatorFigures() {
            try write(figures, of: names.shown(name), to: database)
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

extension NameBook {
    /// How the tables show a name, or that there is none.
    func shown(_ name: Name?) -> String { name.map { text($0) } ?? OperatorQueues.unknown }
}

/// The local date and half-hour that were found last, which neighbouring moments mostly have too.
struct LastPlace: Sendable {
    private var last: (zone: Name?, moments: Range<Int64>, day: Int, halfHour: HalfHour)?

    /// Those of a moment where they are the last ones; zones are told apart by their names.
    func find(_ moment: Instant, in zone: Name?) -> (day: Int, halfHour: HalfHour)? {
        guard let last, last.moments.contains(moment.microseconds), last.zone == zone else {
            return nil
        }
        return (last.day, last.halfHour)
    }

    /// Finds those of another moment, in the zone that has this name.
    mutating func find(
        _ moment: Instant, in zone: Zone, named name: Name?
    ) -> (day: Int, halfHour: HalfHour) {
        let halfHour = HalfHour(of: moment, in: zone)
        let day = zone.date(at: moment).daysSince1970
        let end = Instant(microseconds: halfHour.end.microseconds - 1)
        // Where the date changes within the half-hour, nothing is remembered.
        if zone.date(at: halfHour.start) == zone.date(at: end) {
            let moments = halfHour.start.microseconds..<halfHour.end.microseconds
            last = (name, moments, day, halfHour)
        }
        return (day, halfHour)
    }
}

/// The local dates whose `waiting_max` may have changed, as days since 1970.
struct TouchedDays: Sendable {
    private(set) var days: Set<Int> = []
    private var latest: Int?
    /// All days from here on, because a visit waits with no end or did so before.
    private(set) var allFrom: Int?

    mutating func touch(_ day: Int) {
        guard day != latest else { return }
        latest = day
        days.insert(day)
    }

    mutating func touch(_ waiting: WaitingDays?) {
        guard let waiting else { return }
        // A wait of many days is rare, and only days with a row matter, which the update knows.
        if let to = waiting.to, to - waiting.from <= 7 {
            for day in waiting.from...to { touch(day) }
        } else {
            touch(waiting.from)
            allFrom = min(allFrom ?? waiting.from, waiting.from)
        }
    }
}
