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
        for (index, visit) in facts.visits.enumerated() {
            guard let queued = visit.queued else { continue }
            var entry = Entry(queue: visit.queue, moment: queued)
            entry.figures[.offered] = 1
            switch visit.ending {
            case .answered:
                entry.figures.addAnswer(wait: visit.wait, threshold: thresholdMicroseconds)
                try addHandling(of: facts.connections(ofVisit: index + 1), to: &entry)
            case .abandoned:
                entry.figures.addAbandonment(wait: visit.wait, threshold: thresholdMicroseconds)
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
        try addConversations(facts.connections, to: &entry)
        return entry
    }

    /// The first operator on the line answered the visit, though nobody may know who it was.
    private mutating func addHandling(
        of connections: some Collection<ContactFacts.Connection>, to entry: inout Entry
    ) throws {
        operators.append((connections.first?.operator, OperatorFigures(answered: 1)))
        try addConversations(connections, to: &entry)
    }

    /// A contact is handled where all its conversations are known to the end.
    private mutating func addConversations(
        _ connections: some Collection<ContactFacts.Connection>, to entry: inout Entry
    ) throws {
        var total: Int64 = 0
        var unknown = 0
        for connection in connections {
            guard let handle = connection.handle else {
                unknown += 1
                continue
            }
            try total.add(handle)
            let figures = OperatorFigures(handled: 1, handleMicroseconds: handle)
            operators.append((connection.operator, figures))
        }
        guard !connections.isEmpty, unknown == 0 else { return }
        entry.figures[.handled] = 1
        entry.figures[.handle] = total
    }
}

extension ContactFacts {
    /// The conversations that a visit led to; those before the first visit count to it.
    fileprivate func connections(ofVisit number: Int) -> some Collection<Connection> {
        connections.lazy.filter { max(1, $0.visit) == number }
    }
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
