package import JSON

/// A change of the organisation, as the payload of an event tells it.
///
/// The thing that is changed is named by the stream: the prefix of its section, and its name. An
/// event states all that holds from then on, so what a thing is at a moment follows from one event.
package struct OrganisationEvent: Sendable {
    package var change: Change
    /// From when it holds; nil where it does from the event's own time.
    package var effectiveFrom: Instant?
    /// The decision that it follows from: an act, or its number.
    package var decision: String?
    /// Who made it: a pseudonym or an office.
    package var author: String?

    package enum Change: Sendable {
        /// A setting of a thing holds from now on, or none where it is nil.
        case set(Facet, part: String?, (any Setting)?)
        /// Somebody has decided something.
        case decided(Decision)
    }

    /// The members that say no part of a setting.
    static let terms = ["effectiveFrom", "decisionRef", "author"]

    package init(_ change: Change) { self.change = change }

    /// A type of events that change the organisation.
    package struct Kind: Hashable, KnownType {
        private let kind: Facet.EventKind
        fileprivate let matter: Matter

        fileprivate enum Matter: Hashable {
            case set(Facet)
            case ended(Facet)
            case decided
        }

        /// All of them, those of a facet one after the other.
        package static let all: [Kind] =
            Facet.all.flatMap { facet in
                let begun = Kind(facet.begun, .set(facet))
                let changed = Kind(facet.changed, .set(facet))
                let ended = Kind(facet.ended, .ended(facet))
                return begun == changed ? [begun, ended] : [begun, changed, ended]
            } + [decided]

        /// Somebody has decided something.
        package static let decided = Kind(
            Facet.EventKind(
                type: "org.change_decided",
                meaning: "a change was decided, and this is expected of it"), .decided)

        private init(_ kind: Facet.EventKind, _ matter: Matter) {
            self.kind = kind
            self.matter = matter
        }

        package var type: String { kind.type }
        package var meaning: String { kind.meaning }
        package var past: [PastVersion] { kind.past }

        private static let ofType = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })

        /// Whether such an event publishes something under a version.
        var publishes: Bool {
            if case .set(let facet) = matter { facet.blank.publishedVersion != nil } else { false }
        }

        /// What the streams of such events begin with.
        package var streamPrefix: String {
            switch matter {
            case .set(let facet), .ended(let facet): facet.section.streamPrefix
            case .decided: StreamPrefix.decision
            }
        }

        /// The kind of an event of this type, or nil for any other.
        package init?(type: String) {
            guard let kind = Self.ofType[type] else { return nil }
            self = kind
        }
    }

    /// Whether a stream of this name tells of a thing of the kind.
    package static func names(_ stream: String, _ kind: Kind) -> Bool {
        Organisation.thing(of: stream, kind.streamPrefix) != nil
    }

    /// Reads an event of a kind.
    ///
    /// Members that are not known are passed over, and `null` counts as absent.
    /// - Returns: Nil where its schema version is none that is read here.
    /// - Throws: ``PayloadError`` where the payload is wrong.
    package init?(
        _ kind: Kind, schema: UInt16, payload: JSONPayload?
    ) throws(PayloadError) {
        guard kind.reads(schema) else { return nil }
        try self.init(kind, from: kind.reader(of: payload, in: schema))
    }

    init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
        switch kind.matter {
        case .decided: change = .decided(try Decision(from: reader))
        case .set(let facet):
            change = .set(
                facet, part: try Self.part(facet, reader),
                try type(of: facet.blank).init(from: reader))
        case .ended(let facet): change = .set(facet, part: try Self.part(facet, reader), nil)
        }
        effectiveFrom = try reader.optional("effectiveFrom", .time)
        decision = try reader.optional("decisionRef", .name)
        author = try reader.optional("author", .name)
    }

    private static func part(
        _ facet: Facet, _ reader: PayloadReader
    ) throws(PayloadError) -> String? {
        guard let name = facet.partName else { return nil }
        return try reader.required(name.member, name.form)
    }

    /// The setting that it is about, in a stream; nil for decisions, and where the stream names no
    /// thing of its kind.
    package func key(in stream: String) -> SettingKey? {
        guard case .set(let facet, let part, _) = change,
            let thing = Organisation.thing(of: stream, facet.section.streamPrefix)
        else { return nil }
        return SettingKey(facet, of: thing, part: part)
    }

    /// The payload as JSON text that ``init(_:schema:payload:)`` reads back.
    package var payload: [UInt8] {
        var writer = PayloadWriter()
        switch change {
        case .decided(let decision): decision.write(to: &writer)
        case .set(let facet, let part, let setting):
            if let name = facet.partName { writer.add(name.member, part) }
            setting?.write(to: &writer)
        }
        writer.add("effectiveFrom", effectiveFrom)
        writer.add("decisionRef", decision)
        writer.add("author", author)
        return writer.finished()
    }

    /// Why it should not come in, although it can be read.
    package func flaw(type: String) -> PayloadError? {
        guard case .set(_, _, let setting?) = change, let flaw = setting.flaw else { return nil }
        return PayloadError(type: type, member: flaw.member, problem: flaw.problem)
    }
}
