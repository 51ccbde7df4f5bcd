import ContactCentre
import JSON
import TestSupport
import Testing

@Suite("The organisation is what its events say, whatever their order")
struct OrganisationTests {
    private struct Told {
        let key: SettingKey
        let effective: Int64
        let setting: (any Setting)?
        let position: UInt64
    }

    private func keys() throws -> [SettingKey] {
        try Facet.all.flatMap { facet -> [SettingKey] in
            try ["a", "b"].map { thing in
                var part: String?
                if let name = facet.partName {
                    if case .channel = name { part = "phone" } else { part = "p/\(thing) %" }
                }
                try #require((part == nil) == (facet.partName == nil))
                return SettingKey(facet, of: thing, part: part)
            }
        }
    }

    /// The members of each facet's sample.
    private func samples() throws -> [Facet: [(String, JSONValue)]] {
        var samples: [Facet: [(String, JSONValue)]] = [:]
        for line in try Places.text("Tests/Fixtures/event-samples.ndjson").split(separator: "\n") {
            let sample = try #require(JSONPayload(checked: Array(line.utf8)[...]))
            let facet = Facet.all.first { $0.changed.type == sample.string("type") }
            guard let facet else { continue }
            let names = facet.members.map(\.name)
            // The newest sample has all of them.
            samples[facet] = []
            sample.member("data")?.object?.forEachMember { name, value in
                if names.contains(name) { samples[facet, default: []].append((name, value)) }
            }
        }
        return samples
    }

    /// A setting of the facet with some of the sample's members.
    private func setting(
        _ facet: Facet, _ samples: [Facet: [(String, JSONValue)]],
        _ generator: inout SeededNumbers
    ) throws -> any Setting {
        // A set of holidays and its version go together.
        let required =
            facet.members.filter { $0.presence == .required }.map(\.name)
            + (Bool.random(using: &generator) ? ["holidaysSet", "holidaysVersion"] : [])
        let members = (samples[facet] ?? []).filter {
            required.contains($0.0)
                || !$0.0.hasPrefix("holidays") && Bool.random(using: &generator)
        }
        let bytes = Array(JSONNode.object(members.map { ($0, JSONNode($1)) }).json.utf8)
        let payload = try #require(JSONPayload(checked: bytes[...]))
        return try Swift.type(of: facet.blank).init(checking: payload, type: facet.begun.type)
    }

    private func organisation(of told: some Sequence<Told>) throws -> Organisation {
        var organisation = Organisation()
        for one in told {
            var event = OrganisationEvent(.set(one.key.facet, part: one.key.part, one.setting))
            event.effectiveFrom = Instant(microseconds: one.effective)
            // As the log would have it.
            let kind = try #require(OrganisationEvent.Kind(type: type(of: one)))
            let payload = try #require(JSONPayload(checked: event.payload[...]))
            organisation.apply(
                try #require(try OrganisationEvent(kind, schema: 1, payload: payload)),
                of: one.key.stream,
                position: one.position, recorded: Instant(microseconds: 0),
                occurred: Instant(microseconds: -1))
        }
        return organisation
    }

    private func type(of one: Told) -> String {
        one.setting == nil ? one.key.facet.ended.type : one.key.facet.changed.type
    }

    /// At any moment, of all that was told by then the last that is in force holds.
    @Test(arguments: [UInt64(1), 2, 3, 20_261_127])
    func theLastWordInForceHolds(seed: UInt64) throws {
        var generator = SeededNumbers(seed: seed)
        let keys = try keys()
        let samples = try samples()
        #expect(samples.count > 15)
        let told = try (0..<600).map { number in
            let key = keys[Int.random(in: 0..<keys.count, using: &generator)]
            return Told(
                key: key, effective: Int64.random(in: 0..<40, using: &generator),
                setting: Bool.random(using: &generator)
                    ? try setting(key.facet, samples, &generator) : nil,
                position: UInt64(number))
        }
        for _ in 0..<40 {
            let known = told.prefix(Int.random(in: 0...told.count, using: &generator))
            let moment = Int64.random(in: -1..<42, using: &generator)
            let description = try organisation(of: known).description(
                at: Instant(microseconds: moment))
            func last(of key: SettingKey, _ isMeant: (Told) -> Bool = { _ in true }) -> Told? {
                var last: Told?
                for one in known where one.key == key && one.effective <= moment && isMeant(one) {
                    if one.effective >= last?.effective ?? .min { last = one }
                }
                return last
            }
            for key in keys {
                var held = last(of: key)
                // With a thing, its parts end.
                if let end = last(of: key.whole, { $0.setting == nil }), let word = held,
                    (word.effective, word.position) < (end.effective, end.position)
                {
                    held = nil
                }
                #expect(
                    description.settings[key]?.payload == held?.setting?.payload,
                    "seed \(seed), \(key.stream) at \(moment)")
            }
        }
    }

    @Test func stepsTurnOneDescriptionIntoAnother() throws {
        var generator = SeededNumbers(seed: 7)
        let keys = try keys()
        let samples = try samples()
        func random() throws -> OrganisationDescription {
            OrganisationDescription(
                settings: Dictionary(
                    uniqueKeysWithValues: try keys.filter { _ in Bool.random(using: &generator) }
                        .map { ($0, try setting($0.facet, samples, &generator)) })
            ).withoutStrays
        }
        for _ in 0..<50 {
            let (before, after) = (try random(), try random())
            let sections = Set(Section.allCases.filter { _ in Bool.random(using: &generator) })
            var result = before
            for step in before.steps(to: after, in: sections) {
                #expect(result.settings[step.key]?.payload == step.before?.payload)
                result.settings[step.key] = step.after
            }
            for key in keys {
                let expected = sections.contains(key.facet.section) ? after : before
                #expect(
                    result.settings[key]?.payload == expected.settings[key]?.payload)
            }
            #expect(result.steps(to: after, in: sections).isEmpty)
        }
    }

    @Test func streamsOfOtherNamesTellNothing() throws {
        var organisation = Organisation()
        for stream in ["queues/a", "org/queues/", "org/queues/%zz", "org/skills/a"] {
            organisation.apply(
                OrganisationEvent(
                    .set(Facet.whole(of: .queues), part: nil, QueueSetting())), of: stream,
                position: 1, recorded: Instant(microseconds: 0), occurred: Instant(microseconds: 0))
        }
        #expect(organisation.description(at: .latest).settings.isEmpty)
    }

    /// Names of one Unicode text in two normalisations are two names, as everywhere.
    @Test func namesAreTheirBytes() throws {
        let facet = Facet.whole(of: .skills)
        let (composed, decomposed) = (
            SettingKey(facet, of: "\u{E9}"), SettingKey(facet, of: "e\u{301}")
        )
        #expect(composed != decomposed)
        #expect((composed < decomposed) != (decomposed < composed))
    }

    @Test func aDanglingNameIsFoundWhereverItStands() throws {
        var queue = QueueSetting()
        queue.centre = "nowhere"
        var overflow = Overflow()
        overflow.queue = "gone"
        queue.overflow = [overflow]
        let skills = try #require(Facet.all.first { $0.partKey == "skills" })
        let description = OrganisationDescription(settings: [
            SettingKey(Facet.whole(of: .queues), of: "front"): queue,
            SettingKey(skills, of: "op", part: "magic"): GrantedSkillSetting(),
        ])
        #expect(
            description.danglingReferences.map { "\($0.section.thing) \($0.name.text)" }
                == ["centre nowhere", "queue gone", "skill magic"])
    }
}
