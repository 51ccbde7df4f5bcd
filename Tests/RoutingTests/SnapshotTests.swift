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

    @Test("a snapshot of this version means what it meant when the version was made")
    func version() throws {
        var state = RoutingState(hash: Self.hash)
        let lines = try Places.text("Tests/Fixtures/decisions-1.ndjson").split(separator: "\n")
        for (position, line) in lines.enumerated() {
            state.apply(try #require(Self.fact(line: line, at: UInt64(position))))
        }
        let content = try Self.json(RoutingSnapshot(state))
        let sum = SHA256.hash(data: content).map { String(format: "%02x", $0) }.joined()
        // Where this is another sum, what a state keeps or what an event does to it has changed:
        // make RoutingSnapshot.version another one as well, or routers take up what is wrong now.
        #expect(
            sum == "258dcf0e8da02abce8bfe5a9fd6ff991071bfc0aa58d502398f095fe5c982812")
        #expect(RoutingSnapshot.version == 1)
    }

    @Test("what is damaged, of another log or from behind the end is passed over")
    func strangeFiles() async throws {
        let hall = try await TownHall(seed: 14)
        let other = try await TownHall(seed: 15)
        for one in [hall, other] {
            var limits = RouterLimits()
            limits.snapshotInterval = 30
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
        #expect(names.count > 3, "\(names)")
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
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        let bytes = try encoder.encode(RoutingSnapshot(state))
        return try PropertyListDecoder().decode(RoutingSnapshot.self, from: bytes)
            .state(of: organisation, hash: hash)
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
