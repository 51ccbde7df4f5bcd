internal import JSON

/// What one contact adds to the tables: a pure function of its facts.
///
/// A contact whose facts change takes its old contribution back and brings the new one, so the
/// tables do not depend on when or in how many steps the facts arrived.
struct Contribution: Sendable {
    /// Figures that belong to a queue and to the moment of an offer, or of an arrival.
    struct Entry: Sendable {
        /// Nil where the events name none.
        var queue: Name?
        var moment: Instant
        var figures = Figures()
    }

    private(set) var entries: [Entry] = []
    private(set) var operators: [(name: Name?, figures: OperatorFigures)] = []

    /// - Throws: ``FoldFailure/tooLarge`` where a sum of handle times leaves 64 bits.
    mutating func set(to facts: ContactFacts, thresholdMicroseconds: Int64) throws {
        entries.removeAll(keepingCapacity: true)
        operators.removeAll(keepingCapacity: true)
        for index in facts.visits.indices {
            let visit = facts.visits[index]
            guard let queued = visit.queued else { continue }
            var entry = Entry(queue: visit.queue, moment: queued)
            entry.figures[.offered] = 1
            let isCoarse = visit.timing == .coarse
            switch visit.ending {
            case .answered:
                entry.figures[.waitExcludedByPrecision] = isCoarse ? 1 : 0
                entry.figures.addAnswer(wait: visit.wait, threshold: thresholdMicroseconds)
                noteTiming(of: facts, visit: index + 1, visit.timing, in: &entry)
                try addHandling(of: facts, visit: index + 1, to: &entry)
            case .abandoned:
                entry.figures[.waitExcludedByPrecision] = isCoarse ? 1 : 0
                entry.figures.addAbandonment(wait: visit.wait, threshold: thresholdMicroseconds)
                noteTiming(of: facts, visit: index + 1, visit.timing, in: &entry)
            case .other, nil: break
            }
            entries.append(entry)
        }
        guard let received = facts.received else { return }
        if entries.isEmpty {
            entries.append(try neverOffered(facts, received))
        }
        entries[0].figures[.received] = 1
    }

    private mutating func neverOffered(
        _ facts: ContactFacts, _ received: Instant
    ) throws -> Entry {
        var entry = Entry(queue: facts.queue, moment: received)
        if facts.gaveUpInSelfService == .gaveUp { entry.figures[.abandonedInSelfService] = 1 }
        try addConversations(of: facts, visit: nil, to: &entry)
        noteTiming(of: facts, visit: nil, .fine, in: &entry)
        return entry
    }

    /// Counts what is left out because only the minute or the day of an end is known.
    private func noteTiming(
        of facts: ContactFacts, visit: Int?, _ timing: Timing, in entry: inout Entry
    ) {
        let isCoarse =
            timing == .coarse
            || facts.connections.contains { connection in
                connection.timing == .coarse && (visit.map(connection.belongs) ?? true)
            }
        entry.figures[.excludedByPrecision] = isCoarse ? 1 : 0
    }

    /// The first operator on the line answered the visit, though nobody may know who it was.
    private mutating func addHandling(
        of facts: ContactFacts, visit: Int, to entry: inout Entry
    ) throws {
        let first = facts.connections.first { $0.belongs(toVisit: visit) }
        operators.append((first?.operator, OperatorFigures(answered: 1)))
        try addConversations(of: facts, visit: visit, to: &entry)
    }

    /// A contact is handled where all its conversations, or all of a visit, are known to the end.
    private mutating func addConversations(
        of facts: ContactFacts, visit: Int?, to entry: inout Entry
    ) throws {
        var total: Int64 = 0
        var (known, unknown) = (0, 0)
        for index in facts.connections.indices {
            let connection = facts.connections[index]
            if let visit, !connection.belongs(toVisit: visit) { continue }
            guard let handle = connection.handle else {
                unknown += 1
                continue
            }
            known += 1
            try total.add(handle)
            let figures = OperatorFigures(handled: 1, handleMicroseconds: handle)
            operators.append((connection.operator, figures))
        }
        guard known > 0, unknown == 0 else { return }
        entry.figures[.handled] = 1
        entry.figures[.handle] = total
    }
}

extension ContactFacts.Connection {
    /// Whether a visit led to the conversation; those before the first visit count to it.
    fileprivate func belongs(toVisit number: Int) -> Bool { max(1, visit) == number }
}

extension Figures {
    fileprivate mutating func addAnswer(wait: Int64?, threshold: Int64) {
        self[.answered] = 1
        guard let wait else { return }
        self[.answeredWithKnownWait] = 1
        self[.waitAnswered] = wait
        if wait <= threshold { self[.answeredWithinThreshold] = 1 }
    }

    fileprivate mutating func addAbandonment(wait: Int64?, threshold: Int64) {
        self[.abandoned] = 1
        guard let wait else { return }
        self[.abandonedWithKnownWait] = 1
        self[.waitAbandoned] = wait
        if wait <= threshold { self[.abandonedWithinThreshold] = 1 }
    }
}
