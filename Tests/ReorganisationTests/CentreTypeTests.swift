import ContactCentre
import EventLog
import JSON
import Reorganisation
import Testing

/// Centres of the four types, as a municipality of them all tells it.
struct CentreTypeTests {
    /// What the events say, put together by centre.
    private struct Told {
        var typologies: [String: String] = [:]
        var queues: [String: Set<String>] = [:]
        var entryPoints: [String: Int] = [:]
        var types: [String: [String: Int]] = [:]
        /// Reasons for coming to a queue.
        var reasons: [String: Set<String>] = [:]
        var nodes: [String: Set<String>] = [:]
        /// The services that calls in a queue were about.
        var services: [String: Set<String>] = [:]

        init(_ settings: GeneratorSettings) throws {
            var generator = try Generator(settings)
            while let day = try generator.nextDay() {
                for event in day.joined() { try add(event) }
            }
        }

        private mutating func add(_ event: NewEvent) throws {
            let centre = event.tags.texts.first { $0.hasPrefix("centre:") }?.dropFirst(7)
            guard let centre = centre.map(String.init) else { return }
            let data = try #require(event.data.object)
            types[centre, default: [:]][event.type.text, default: 0] += 1
            let thing = event.stream.text.split(separator: "/").last.map(String.init) ?? ""
            switch event.type.text {
            case "org.centre_typology_declared": typologies[centre] = data.string("typology")
            case "org.queue_created": queues[centre, default: []].insert(thing)
            case "org.entry_point_opened": entryPoints[centre, default: 0] += 1
            case "org.node_joined":
                nodes[centre, default: []].insert(try #require(data.string("nodeId")))
            case "contact.queued":
                reasons[centre, default: []].insert(try #require(data.string("enqueueReason")))
            case "contact.received":
                let service = event.tags.texts.first { $0.hasPrefix("service:") }
                guard let service else { return }
                services[try #require(data.string("queueId")), default: []].insert(
                    String(service))
            default: break
            }
        }
    }

    private static let settings = GeneratorSettings(
        days: 3, contactsPerDay: 600, seed: 4, centres: 5)

    @Test func eachTypeWorksAsItIsCalled() throws {
        let told = try Told(Self.settings)
        #expect(
            told.typologies == [
                "c1": "specialised_vertical", "c2": "centralised_l1", "c3": "centralised_l1_l2",
                "c4": "networked", "c5": "specialised_vertical",
            ])
        // Five counters and a chat everywhere, and on the telephone a number for each service,
        // one for all, one and five queues of experts, and one for each body.
        #expect(told.queues.mapValues(\.count) == ["c1": 11, "c2": 7, "c3": 12, "c4": 8, "c5": 11])
        #expect(told.entryPoints == ["c1": 11, "c2": 7, "c3": 7, "c4": 8, "c5": 11])
        #expect(told.nodes == ["c4": ["comune", "unione"]])
        #expect(
            told.reasons == [
                "c1": ["first"], "c2": ["first"], "c3": ["first", "transfer"],
                "c4": ["first", "overflow"], "c5": ["first"],
            ])
        #expect(told.services["c2.front"]?.count == 5)
        #expect(told.services["c4.comune"]?.count == 3)
        #expect(told.services["c1.anagrafe"] == ["service:anagrafe"])
        for (centre, types) in told.types {
            #expect(types["contact.transferred"] != nil || centre != "c3", "\(centre)")
            #expect(types["contact.connected"] == types["contact.offer_made"], "\(centre)")
            #expect(types["contact.connected"] == types["contact.offer_accepted"], "\(centre)")
        }
    }

    /// Who declares what the policy reads is served before others who came earlier, and nobody else
    /// is.
    @Test func boostsAreServedFirst() throws {
        var generator = try Generator(
            GeneratorSettings(days: 5, contactsPerDay: 900, seed: 6))
        // By queue, when who waits has come, and with how many points.
        var waiting: [String: [String: (since: Instant, points: Int64)]] = [:]
        var overtakings = 0
        var points: Set<Int64> = []
        while let day = try generator.nextDay() {
            for event in day.joined() {
                let stream = event.stream.text
                guard let data = event.data.object, let time = event.time,
                    let queue = data.string("queueId")
                else { continue }
                switch event.type.text {
                case "contact.queued": waiting[queue, default: [:]][stream] = (time, 0)
                case "contact.left_queue": waiting[queue]?[stream] = nil
                case RoutingDecision.Kind.decided.type:
                    let decision = try #require(
                        try RoutingDecision(schema: event.schema, payload: data))
                    points.insert(decision.points)
                    waiting[queue]?[stream]?.points = decision.points
                    guard decision.selected == .operator,
                        let own = waiting[queue]?[stream]
                    else { continue }
                    let earlier = (waiting[queue] ?? [:]).filter { $0.value.since < own.since }
                    overtakings += earlier.count
                    #expect(earlier.allSatisfy { $0.value.points < own.points }, "\(stream)")
                default: break
                }
            }
        }
        #expect(points == [0, 1, 2, 3])
        #expect(overtakings > 20)
    }
}
