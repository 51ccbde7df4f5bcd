package import JSON

/// What has been said since about events that were wrong: other data, another time, or that they
/// never happened.
///
/// The events stay as they were appended, and so do their proofs. Corrections stand in the stream
/// of the event that they are about, behind it; what stands elsewhere, or names no event, corrects
/// nothing. A correction can itself be voided; the later word holds.
package struct Corrections: Sendable {
    /// Their types, which are of schema 1.
    package static let correctedType = EventType(stored: "meta.event_corrected")
    package static let voidedType = EventType(stored: "meta.event_voided")

    /// The members of their data that are read here.
    package enum Member {
        /// The id of the event that a correction is about.
        package static let target = "target"
        /// A JSON Merge Patch (RFC 7396) of its data.
        package static let patch = "fieldPatch"
        /// When it happened, if not when it said.
        package static let time = "time"
        package static let reason = "reason"
        package static let authority = "authority"
        package static let author = "author"
    }

    package static let none = Corrections()

    /// One correction of an event.
    package struct Word: Sendable {
        /// Where it stands.
        package let position: Position
        package let change: Change
        package let recorded: Instant
        package let reason: String
        package let authority: String
        package let author: String?
    }

    package enum Change: Sendable {
        case corrected(patch: JSONValue?, time: Instant?)
        case voided
    }

    /// What became of an event that corrects another.
    package enum Standing: Equatable, Sendable {
        case holds
        /// Another one, at this position, has voided it.
        case void(by: Position)
        /// It is about no earlier event of its stream, or about one that is not corrected.
        case correctsNothing
    }

    /// By the position of what they are about, in their order.
    private var words: [Position: [Word]] = [:]
    private var standings: [Position: Standing] = [:]

    private init() {}

    /// - Parameters:
    ///   - told: Events in their order; those of other types are passed over.
    ///   - targets: The events with some ids, as far as there are any.
    package init(
        _ told: some Sequence<Event>, finding targets: (Set<EventID>) throws -> [EventID: Event]
    ) rethrows {
        let said = told.compactMap { event in
            Self.word(event).map { (stream: event.stream, id: $0.0, word: $0.1) }
        }
        let found = said.isEmpty ? [:] : try targets(Set(said.map(\.id)))
        // From the last one backwards, so that what voids a correction is known before it.
        for (stream, id, word) in said.reversed() where standings[word.position] == nil {
            standings[word.position] = .correctsNothing
            guard let target = found[id], target.stream == stream,
                target.position < word.position
            else { continue }
            if target.type == Self.correctedType || target.type == Self.voidedType {
                guard case .voided = word.change else { continue }
                standings[target.position] = .void(by: word.position)
            } else {
                words[target.position, default: []].append(word)
            }
            standings[word.position] = .holds
        }
        words = words.mapValues { $0.reversed() }
    }

    /// What became of the correction at a position; nil where none stands.
    package func standing(ofCorrectionAt position: Position) -> Standing? { standings[position] }

    private static func word(_ event: Event) -> (EventID, Word)? {
        guard event.schema == 1, let data = event.data.object,
            let id = data.string(Member.target).flatMap(EventID.init)
        else { return nil }
        let change: Change
        switch event.type {
        case correctedType:
            let patch = data.member(Member.patch)
            let time = data.string(Member.time).flatMap { Instant(rfc3339: $0) }
            change = .corrected(patch: patch?.kind == .object ? patch : nil, time: time)
        case voidedType: change = .voided
        default: return nil
        }
        let word = Word(
            position: event.position, change: change, recorded: event.recorded,
            reason: data.string(Member.reason) ?? "",
            authority: data.string(Member.authority) ?? "", author: data.string(Member.author))
        return (id, word)
    }

    /// Whether nothing was said, also about corrections.
    package var isEmpty: Bool { standings.values.allSatisfy { $0 == .correctsNothing } }

    /// What was said about the event at a position, in its order.
    package func words(about position: Position) -> [Word] { words[position] ?? [] }

    /// The event as it is known to have been; nil where it never happened.
    package func applied(to event: Event) -> Event? {
        var event = event
        for word in words(about: event.position) {
            switch word.change {
            case .voided: return nil
            case .corrected(let patch, let time):
                if let time { event.time = time }
                guard let patch else { continue }
                let merged = mergePatch(event.data.object.map(\.value), with: patch)
                event.data = .json(merged[...])
            }
        }
        return event
    }

    /// The same events as they are known to have been.
    ///
    /// One that never happened keeps its place, and is of a type that nobody reads.
    package func applied(to columns: EventColumns) throws -> EventColumns {
        guard columns.positions.contains(where: { words[Position($0)] != nil }) else {
            return columns
        }
        let events = columns.events().map { event -> Event in
            if let corrected = applied(to: event) { return corrected }
            var void = event
            void.type = Self.voidedType
            void.schema = 0
            void.data = .absent
            return void
        }
        return try EventColumns(of: events[...])
    }
}

extension EventLog {
    /// The corrections among events of the log.
    ///
    /// - Parameters:
    ///   - range: Positions of the corrections.
    ///   - moment: Those recorded later are passed over.
    /// - Returns: What they say of whatever event; O(n) in them, with a look-up of each target.
    /// - Throws: ``LogError`` where the log cannot be read.
    package func corrections(
        in range: Range<UInt64>, recordedBy moment: Instant? = nil
    ) throws -> Corrections {
        guard let last = range.last else { return .none }
        var selection = Selection()
        selection.types = [Corrections.correctedType, Corrections.voidedType]
        selection.from = Position(range.lowerBound)
        selection.to = Position(last)
        var told: [Event] = []
        try read(selection) { event in
            if moment.map({ event.recorded <= $0 }) ?? true { told.append(event) }
            return .next
        }
        guard !told.isEmpty else { return .none }
        return try Corrections(told) { ids in try events(withIDs: ids) }
    }
}
