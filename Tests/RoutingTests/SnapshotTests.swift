import ContactCentre
import Crypto
import Description
import EventLog
import Foundation
import JSON
import Routing
import TestSupport
import Testing

/// What routing knows, kept at one place of a log and taken up again.
@Suite struct SnapshotTests {
    @Test("a state that was kept goes on as the one that it was", arguments: [11, 12, 13])
    func goesOn(seed: UInt64) async throws {
        let hall = try await TownHall(seed: seed)
        var router = try Router(hall.log, name: "1") { try await hall.log.appendRouted($0) }
        for _ in 0..<400 {
            try await hall.live()
            _ = try await router.step(at: await hall.now)
        }
        let size = try hall.log.head().size
        var numbers = SeededNumbers(seed: seed)
        var whole = RoutingState(hash: Self.hash)
        var kept: [RoutingState] = []
        var open = 0
        try hall.log.read(Selection()) { event in
            let fact = Self.fact(event)
            whole.apply(fact)
            for place in kept.indices { kept[place].apply(fact) }
            if numbers.happens(oneIn: 150) {
                let next = event.position.value + 1
                let organisation = try hall.log.organisation(before: next).organisation
                open += whole.waitingTally(at: event.occurred).total
                kept.append(try Self.again(whole, organisation))
            }
            guard numbers.happens(oneIn: 10) else { return .next }
            let expected = try Self.told(&whole, at: event.occurred)
            for place in kept.indices {
                let told = try Self.told(&kept[place], at: event.occurred)
                #expect(told == expected, "seed \(seed), position \(event.position), \(place)")
            }
            return .next
        }
        #expect(size > 1_000 && kept.count > 4 && open > 0, "seed \(seed)")
    }

    @Test(
        "every place of a story goes on as the one that it was, whatever normalisation names have")
    func everyPlace() throws {
        let facts = RoutingStory.facts
        for (place, line) in RoutingStory.lines.enumerated() {
            let check = checkPayload(
                type: line.type, schema: 1, payload: facts[place].payload)
            #expect(check == .passes, "\(line.type)")
        }
        let types = Set(RoutingStory.lines.map(\.type))
        let missing = RoutingState.types.filter {
            $0.hasPrefix("contact.") && !types.contains($0)
        }
        #expect(missing == ["contact.offer_missed", "contact.offer_rescinded"])
        var whole = RoutingState(hash: Self.hash)
        var organisation = Organisation()
        for place in facts.indices {
            Self.apply(facts[place], to: &organisation)
            whole.apply(facts[place])
            var kept = try Self.again(whole, organisation)
            var other = whole
            for fact in facts[(place + 1)...] {
                kept.apply(fact)
                other.apply(fact)
            }
            let now = Instant(microseconds: facts[facts.count - 1].occurred.microseconds + 1)
            let (told, expected) = (
                try Self.told(&kept, at: now), try Self.told(&other, at: now)
            )
            #expect(told == expected, "\(place)")
        }
    }

    @Test("a snapshot of this version means what it meant when the version was made")
    func version() throws {
        var state = RoutingState(hash: Self.hash)
        var content = Data()
        for fact in RoutingStory.facts {
            state.apply(fact)
            content += try Self.json(RoutingSnapshot(state))
        }
        let lines = try Places.text("Tests/Fixtures/decisions-1.ndjson").split(separator: "\n")
        state = RoutingState(hash: Self.hash)
        for (position, line) in lines.enumerated() {
            state.apply(try #require(Self.fact(line: line, at: UInt64(position))))
        }
        content += try Self.json(RoutingSnapshot(state))
        let sum = SHA256.hash(data: content).map { String(format: "%02x", $0) }.joined()
        // Where this is another sum, what a state keeps or what an event does to it has changed:
        // make RoutingSnapshot.version another one as well, or routers take up what is wrong now.
        #expect(
            sum == "4e7edb71159f2bac1f68df3e685d34d526fcc34a07c71fa6cc7b245b9a711522")
        #expect(RoutingSnapshot.version == 2)
    }

    @Test("a log that was rolled back and went on otherwise takes up nothing of what was")
    func anotherHistory() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        let copy = try scratch.copy(scratch.log, as: "other")
        try await Self.live(in: scratch.log, "operator.logged_in")
        try await Self.live(in: copy, "operator.logged_out")
        let (mine, theirs) = (copy + "/routing", scratch.log + "/routing")
        let files = FileManager.default
        let names = try files.contentsOfDirectory(atPath: theirs)
        #expect(try names.count > 2 && files.contentsOfDirectory(atPath: mine).count > 2)
        for name in names {
            try? files.removeItem(atPath: "\(mine)/\(name)")
            try files.copyItem(atPath: "\(theirs)/\(name)", toPath: "\(mine)/\(name)")
        }
        try await Self.live(in: copy, "contact.queued")
        let log = try EventLog.open(at: copy, access: .reading)
        var verdicts: [Redecision.Verdict] = []
        _ = try log.redecide(0..<UInt64.max) { verdicts.append($0.verdict) }
        #expect(verdicts == [.same], "what the other history knew was taken for this one's")
    }

    /// The organisation, then an event of the operator or a contact, and others with the same ids
    /// whatever they say.
    private static func live(in directory: String, _ type: String) async throws {
        let log = try EventLog.open(at: directory, access: .writing)
        defer { log.close() }
        var lines = RoutingStory.lines.filter { $0.stream.hasPrefix("org/") }
        lines += RoutingStory.lines.filter { $0.stream == "operator/zz" }.prefix(6)
        if type == "contact.queued" {
            lines = [("contact/1", type, #"{"queueId":"q"}"#)]
        } else {
            lines.append(("operator/zz", type, "{}"))
            for number in 0..<30 {
                lines.append(("org/skills/s\(number)", "org.skill_defined", "{}"))
            }
        }
        for (number, line) in lines.enumerated() {
            let isLast = type == "contact.queued"
            let text = "01890a5d-ac96-774b-bcce-b302099a\(isLast ? 9000 : 8000 + number)"
            let event = NewEvent(
                id: EventID(text), type: try EventType(line.type), schema: 1,
                stream: try StreamName(line.stream), source: try Source("urn:t"),
                time: Instant(microseconds: 1_772_442_000_000_000),
                data: .json(Array(line.data.utf8)[...]))
            _ = try await log.append(Append([event]))
        }
        var limits = RouterLimits()
        limits.snapshotInterval = 10
        limits.snapshotEventsPerContact = 0
        var router = try Router(log, name: "1", limits: limits) { try await log.appendRouted($0) }
        _ = try await router.step(at: Instant(microseconds: 1_772_442_001_000_000))
    }

    @Test("what is damaged, of another log or from behind the end is passed over")
    func strangeFiles() async throws {
        let hall = try await TownHall(seed: 14)
        let other = try await TownHall(seed: 15)
        for one in [hall, other] {
            var limits = RouterLimits()
            limits.snapshotInterval = 30
            limits.snapshotEventsPerContact = 0
            var router = try Router(one.log, name: "1", limits: limits) {
                try await one.log.appendRouted($0)
            }
            for _ in 0..<100 {
                try await one.live()
                _ = try await router.step(at: await one.now)
            }
            #expect(router.snapshotProblem == nil)
        }
        let files = FileManager.default
        let directory = hall.log.directory + "/routing"
        let size = try hall.log.head().size
        let names = try files.contentsOfDirectory(atPath: directory)
        #expect(names.count > 2, "\(names)")
        for (number, name) in names.enumerated() {
            let path = URL(fileURLWithPath: "\(directory)/\(name)")
            var bytes = try Data(contentsOf: path)
            switch number % 3 {
            case 0: bytes[bytes.count / 2] ^= 1
            case 1: bytes = bytes.prefix(bytes.count - 1)
            default: bytes = Data()
            }
            try bytes.write(to: path)
        }
        try Data("x".utf8).write(to: URL(fileURLWithPath: directory + "/none.snapshot"))
        let strange = other.log.directory + "/routing"
        for name in try files.contentsOfDirectory(atPath: strange) {
            try? files.copyItem(atPath: "\(strange)/\(name)", toPath: "\(directory)/\(name)")
        }
        try files.copyItem(
            atPath: "\(strange)/\(try #require(files.contentsOfDirectory(atPath: strange).first))",
            toPath: "\(directory)/\(size + 10).snapshot")
        var router = try Router(hall.log, name: "2") { try await hall.log.appendRouted($0) }
        _ = try await router.step(at: await hall.now)
        try await hall.look()
        var differing = 0
        _ = try hall.log.redecide(0..<UInt64.max) { redecision in
            if redecision.verdict != .same { differing += 1 }
        }
        #expect(differing == 0)
    }

    private static let hash: @Sendable ([UInt8]) -> [UInt8] = { Array(SHA256.hash(data: $0)) }

    private static func again(
        _ state: RoutingState, _ organisation: Organisation
    ) throws -> RoutingState {
        let bytes = try JSONEncoder().encode(RoutingSnapshot(state))
        return try JSONDecoder().decode(RoutingSnapshot.self, from: bytes)
            .state(of: organisation, in: .utc, hash: hash)
    }

    /// All that a state keeps, and what it would do now.
    private static func told(_ state: inout RoutingState, at now: Instant) throws -> Data {
        var text = ""
        for contact in state.waitingInOrder(at: now) {
            let decision = state.decision(for: contact.stream, at: now, .all)
            let payload = decision.map { String(decoding: $0.payload, as: UTF8.self) }
            text += "\(contact.stream) \(payload ?? "-")\n"
        }
        text += "\(state.nextMoment(after: now)?.description ?? "never")\n"
        text += "\(state.callbacksToMove(at: now))\n"
        return try Data(text.utf8) + json(RoutingSnapshot(state))
    }

    private static func json(_ snapshot: RoutingSnapshot) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return try encoder.encode(snapshot)
    }

    private static func apply(_ fact: RoutingFact, to organisation: inout Organisation) {
        guard let kind = OrganisationEvent.Kind(type: fact.type),
            let event = try? OrganisationEvent(kind, schema: fact.schema, payload: fact.payload)
        else { return }
        organisation.apply(
            event, of: fact.stream, position: fact.position, recorded: fact.occurred,
            occurred: fact.occurred)
    }

    private static func fact(_ event: Event) -> RoutingFact {
        RoutingFact(
            type: event.type.text, schema: event.schema, stream: event.stream.text,
            position: event.position.value, occurred: event.occurred, payload: event.data.object,
            groups: event.tags.texts.compactMap { GroupTag(tag: $0) })
    }

    private static func fact(line: Substring, at position: UInt64) -> RoutingFact? {
        guard let object = JSONPayload(checked: Array(line.utf8)[...]),
            let type = object.string("type"), let stream = object.string("subject"),
            let time = object.string("time").flatMap({ Instant(rfc3339: $0) }),
            let schema = object.integer("schema").flatMap({ UInt16(exactly: $0) })
        else { return nil }
        return RoutingFact(
            type: type, schema: schema, stream: stream, position: position, occurred: time,
            payload: object.member("data")?.object, groups: [])
    }
}
