internal import Storage

extension EventLog {
    /// The event with an identifier, or nil where the log has none.
    ///
    /// Looks into the units that the index names, and through what is not indexed yet.
    package func event(withID id: EventID) throws(LogError) -> Event? {
        try events(withIDs: [id])[id]
    }

    /// The events with some identifiers, as far as the log has them.
    package func events(withIDs ids: Set<EventID>) throws(LogError) -> [EventID: Event] {
        try wrapping {
            try environment.read { transaction in
                var snapshot = try Snapshot(transaction)
                let head = snapshot.head
                let byHash = Dictionary(grouping: ids) { TermHash.of($0) }
                let hashes = byHash.keys.sorted()
                let indexed = try RunSearch.units(
                    of: hashes, kind: .id, indexedSize: head.indexedSize, in: transaction)
                var wanted: [UInt64: Set<EventID>] = [:]
                for (hash, units) in zip(hashes, indexed) {
                    for unit in units { wanted[unit, default: []].formUnion(byHash[hash] ?? []) }
                }
                for unit in (head.indexedSize..<head.size).units(of: .id) { wanted[unit] = ids }
                return try snapshot.events(
                    withIDs: wanted, below: head.size, in: transaction)
            }
        }
    }
}

extension Range<UInt64> {
    /// The units of an index that have some of these positions.
    fileprivate func units(of kind: IndexKind) -> [UInt64] {
        isEmpty
            ? []
            : Array(lowerBound >> kind.unitShift...(upperBound - 1) >> kind.unitShift)
    }
}

extension Snapshot {
    /// The events with these identifiers, as far as they stand in these units and below `end`.
    fileprivate mutating func events(
        withIDs idsByUnit: [UInt64: Set<EventID>], below end: UInt64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [EventID: Event] {
        var found: [EventID: Event] = [:]
        let subframesPerUnit: UInt64 = 1 << (IndexKind.id.unitShift - IndexKind.stream.unitShift)
        for (unit, ids) in idsByUnit.sorted(by: { $0.key < $1.key }) {
            for subframe in 0..<subframesPerUnit {
                let next = unit * subframesPerUnit + subframe
                let first = next * UInt64(LogLimits.subframeEvents)
                guard first < end else { break }
                // Most hits are other identifiers of the same hash, and their events nobody wants.
                if first < head.sealedSize,
                    try !self.unit(next, hasAnyOf: ids, in: transaction)
                {
                    continue
                }
                for event in try events(ofUnit: next, in: transaction) where ids.contains(event.id)
                {
                    found[event.id] = event
                }
            }
        }
        return found
    }
}

// Looking up what the books do not hold.
extension WriterState {
    /// Indexed events that have one of the appends' identifiers.
    func indexedEvents(
        withIDsOf appends: [PreparedAppend],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [EventID: Event] {
        guard head.indexedSize > 0 else { return [:] }
        var wanted: [(hash: UInt32, id: EventID)] = []
        for append in appends {
            for event in append.events {
                let (id, hash) = (event.sent.id, event.sent.terms.id)
                if runs.mayContain(hash, .id), !pending.contains(id) { wanted.append((hash, id)) }
            }
        }
        guard !wanted.isEmpty else { return [:] }
        wanted.sort { $0.hash < $1.hash }
        var hashes: [UInt32] = []
        for term in wanted where hashes.last != term.hash { hashes.append(term.hash) }
        let found = try RunSearch.units(
            of: hashes, kind: .id, runs: runs, in: transaction)
        var idsByUnit: [UInt64: Set<EventID>] = [:]
        var next = wanted[...]
        for (hash, units) in zip(hashes, found) {
            let same = next.prefix { $0.hash == hash }
            next = next.dropFirst(same.count)
            for unit in units { idsByUnit[unit, default: []].formUnion(same.map(\.id)) }
        }
        guard !idsByUnit.isEmpty else { return [:] }
        var snapshot = try Snapshot(transaction)
        return try snapshot.events(
            withIDs: idsByUnit, below: head.indexedSize, in: transaction)
    }

    /// Makes sure that `streams` tells the truth about every stream that the appends touch.
    mutating func rememberStreams(
        of appends: [PreparedAppend], _ known: [EventID: Event],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        guard head.indexedSize > 0 else { return }
        var unknown: [StreamName: UInt32] = [:]
        for append in appends {
            for stream in append.condition.streams.keys where streams[stream] == nil {
                let term = TermHash.of(stream: stream)
                if runs.mayContain(term, .stream) { unknown[stream] = term }
            }
            for event in append.events where known[event.sent.id] == nil {
                let (stream, term) = (event.sent.content.stream, event.sent.terms.stream)
                if streams[stream, event.sent.streamHash] == nil, runs.mayContain(term, .stream) {
                    unknown[stream] = term
                }
            }
        }
        guard !unknown.isEmpty else { return }
        let names = unknown.sorted { $0.value < $1.value }
        var hashes: [UInt32] = []
        for name in names where hashes.last != name.value { hashes.append(name.value) }
        let units = try RunSearch.units(
            of: hashes, kind: .stream, runs: runs, in: transaction)
        let unitsOfHash = Dictionary(uniqueKeysWithValues: zip(hashes, units))
        var candidates: [StreamName: [UInt64]] = [:]
        for (name, hash) in names {
            if let units = unitsOfHash[hash], !units.isEmpty { candidates[name] = units }
        }
        try resolve(&candidates, in: transaction)
    }

    /// Finds the last event of each stream in the newest of its candidate units that has one.
    private mutating func resolve(
        _ candidates: inout [StreamName: [UInt64]],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        guard !candidates.isEmpty else { return }
        var snapshot = try Snapshot(transaction)
        while !candidates.isEmpty {
            var byUnit: [UInt64: [StreamName]] = [:]
            for (name, units) in candidates {
                guard let newest = units.last else {
                    candidates[name] = nil
                    continue
                }
                byUnit[newest, default: []].append(name)
            }
            for (unit, names) in byUnit.sorted(by: { $0.key < $1.key }) {
                let events = try snapshot.events(ofUnit: unit, in: transaction)
                for name in names {
                    if let last = events.last(where: { $0.stream == name }) {
                        streams.set(
                            StreamEnd(revision: last.revision, position: last.position), of: name)
                        candidates[name] = nil
                    } else {
                        candidates[name]?.removeLast()
                    }
                }
            }
        }
    }

    /// The newest indexed event behind `after` that the query matches.
    ///
    /// Only units in which all terms of an item occur are decoded, the newest first, and no more
    /// once one has an event that matches.
    func newestIndexedMatch(
        of query: PreparedQuery, after: UInt64?,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Event? {
        let lowest = positionBehind(after)
        guard lowest < head.indexedSize else { return nil }
        let unitEvents = UInt64(LogLimits.subframeEvents)
        let range = lowest / unitEvents..<head.indexedSize / unitEvents
        var units = Set<UInt64>()
        for item in query.items {
            units.formUnion(try item.candidates(in: range, head.indexedSize, transaction))
        }
        var snapshot = try Snapshot(transaction)
        for unit in units.sorted(by: >) {
            let events = try snapshot.events(ofUnit: unit, in: transaction)
            let match = events.last { $0.position.value >= lowest && query.query.matches($0) }
            if let match { return match }
        }
        return nil
    }
}

extension PreparedQuery.Terms {
    /// The units in which all that the item asks for occurs.
    fileprivate func candidates(
        in range: Range<UInt64>, _ indexedSize: UInt64,
        _ transaction: borrowing some Transaction & ~Copyable
    ) throws -> Set<UInt64> {
        var sets: [Set<UInt64>] = []
        if let stream {
            let units = try RunSearch.units(
                of: [stream], kind: .stream, from: range.lowerBound, indexedSize: indexedSize,
                in: transaction)
            sets.append(Set(units[0]))
        }
        for tag in tags {
            let units = try RunSearch.units(
                of: [tag], kind: .tag, from: range.lowerBound, indexedSize: indexedSize,
                in: transaction)
            sets.append(Set(units[0]))
        }
        if !types.isEmpty {
            let units = try RunSearch.units(
                of: Set(types).sorted(), kind: .tag, from: range.lowerBound,
                indexedSize: indexedSize, in: transaction)
            sets.append(units.reduce(into: []) { $0.formUnion($1) })
        }
        guard let first = sets.first else { return Set(range) }
        return sets.dropFirst().reduce(first) { $0.intersection($1) }
    }
}
