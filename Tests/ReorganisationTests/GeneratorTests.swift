import ContactCentre
import EventLog
import JSON
import Reorganisation
import Testing

/// What the generator promises about its events.
struct GeneratorTests {
    @Test(arguments: [UInt64(0), 1, .max])
    func theSameSeedGivesTheSameEvents(seed: UInt64) throws {
        let settings = GeneratorSettings(days: 3, contactsPerDay: 80, seed: seed, centres: 2)
        let events = try all(settings)
        #expect(try all(settings) == events)
        let other = try all(
            GeneratorSettings(days: 3, contactsPerDay: 80, seed: seed ^ 1, centres: 2))
        #expect(Set(events.map(\.id)).isDisjoint(with: other.map(\.id)))
        #expect(times(of: "contact.received", other) != times(of: "contact.received", events))
    }

    /// Bytes do not depend on the machine: an event as it was first generated.
    @Test func aKnownEventStaysAsItIs() throws {
        let events = try all(GeneratorSettings(days: 1, contactsPerDay: 40, seed: 7))
        let first = try #require(
            events.first {
                $0.type.text == "contact.received"
                    && $0.data.object?.string("channel") == "phone"
            })
        #expect(first.id?.description == "dfd3bfbb-1468-58b1-9f77-7fc2d722e078")
        #expect(first.stream.text == "contact/5e172c86-f8ab-5648-9a37-38bd0485b366")
        #expect(first.time?.description == "2026-03-01T06:23:33.860386Z")
        #expect(first.source.text == "urn:ascolto:synthetic:seed-7:c1")
        #expect(
            first.tags.joined == "centre:c1 group.district:frazioni group.language:italian "
                + "queue:c1.polizia_locale service:polizia_locale")
        #expect(
            first.data.content.map { String(decoding: $0, as: UTF8.self) }
                == #"{"channel":"phone","direction":"in","queueId":"c1.polizia_locale","#
                + #""zone":"Europe/Rome"}"#)
    }

    /// Order, life cycles, sources, ids and the sum of all contacts, over a week with two centres.
    @Test(arguments: UInt64(1)..<4)
    func everyEventIsInItsPlace(seed: UInt64) throws {
        let settings = GeneratorSettings(days: 7, contactsPerDay: 150, seed: seed, centres: 2)
        let events = try all(settings)
        var contacts: [String: ContactState] = [:]
        var operators: [String: OperatorState] = [:]
        var cases: [String: CaseLife] = [:]
        var surveys: [String: [String]] = [:]
        var decisions = 0
        var tally = Tally()
        for event in events {
            let stream = event.stream.text
            #expect(event.source.text.hasPrefix(Generator.sourcePrefix))
            #expect(event.schema == Catalogue.schema(of: event.type.text))
            if OrganisationEvent.Kind(type: event.type.text) != nil {
                #expect(contacts.isEmpty, "the organisation comes first")
            } else if event.type.text == RoutingDecision.Kind.decided.type {
                decisions += 1
            } else if stream.hasPrefix(StreamPrefix.contact) {
                let said = try ContactEvent(
                    type: event.type.text, schema: 1, payload: event.data.object)
                #expect(contacts[stream, default: ContactState()].apply(said) == .accepted)
                try tally.add(said, event)
            } else if stream.hasPrefix(StreamPrefix.case) {
                let said = try CaseEvent(
                    type: event.type.text, schema: 1, payload: event.data.object)
                let mayFollow = cases[stream, default: CaseLife()].mayFollow(said)
                #expect(mayFollow, "\(stream) \(said)")
            } else if stream.hasPrefix(StreamPrefix.survey) {
                let said = try SurveyEvent(
                    type: event.type.text, schema: 1, payload: event.data.object)
                #expect(said != .unknown)
                surveys[stream, default: []].append(event.type.text)
            } else {
                #expect(stream.hasPrefix(StreamPrefix.operator))
                let said = try OperatorEvent(
                    type: event.type.text, schema: 1, payload: event.data.object)
                #expect(said != .unknown)
                #expect(operators[stream, default: OperatorState()].apply(said) == .accepted)
            }
        }
        #expect(isInOrder(events))
        #expect(Set(events.map(\.id)).count == events.count)
        // Messages that nobody has answered yet are all that is left undone.
        let ends: Set<ContactState.Phase> = [
            .over, .abandoned, .contained, .received, .pastSelfService,
        ]
        #expect(contacts.values.allSatisfy { ends.contains($0.phase) })
        let unanswered = contacts.values.filter {
            $0.phase == .received || $0.phase == .pastSelfService
        }
        #expect((1..<contacts.count / 10).contains(unanswered.count))
        #expect(operators.values.allSatisfy { $0.phase == .loggedOut })
        #expect(
            surveys.values.allSatisfy {
                [
                    ["survey.invited"], ["survey.invited", "survey.delivery_failed"],
                    ["survey.invited", "survey.answered"],
                ].contains($0)
            })
        #expect(!cases.isEmpty && !surveys.isEmpty)
        #expect(tally.received == contacts.count)
        #expect(
            tally.received == tally.answered + tally.abandoned + tally.abandonedInSelfService
                + tally.contained + tally.messagesAnswered + unanswered.count)
        #expect(decisions >= tally.answered)
        #expect(tally.abandoned > 0)
        #expect(tally.abandonedInSelfService > 0)
    }

    /// A month with the defaults: over 200,000 events, and figures that a real line could have.
    @Test(.timeLimit(.minutes(5)))
    func aMonthIsPlausible() throws {
        var generator = try Generator(GeneratorSettings())
        var eventCount = 0
        var tally = Tally()
        while let day = try generator.nextDay()?.flatMap(\.self) {
            eventCount += day.count
            for event in day where event.stream.text.hasPrefix(StreamPrefix.contact) {
                let said = try ContactEvent(
                    type: event.type.text, schema: 1, payload: event.data.object)
                try tally.add(said, event)
            }
        }
        #expect(eventCount > 400_000)
        #expect((28_000...32_000).contains(tally.calls))
        // The queues of the telephone: `c1.anagrafe`, and not `c1.anagrafe.counter`.
        tally.byQueue = tally.byQueue.filter { $0.key.text.split(separator: ".").count == 2 }
        #expect((0.75...0.85).contains(tally.serviceLevel))
        #expect((0.05...0.12).contains(tally.abandonment))
        let queues = tally.byQueue.values
        #expect(queues.count == 5)
        #expect(queues.allSatisfy { (0.6...0.95).contains($0.serviceLevel) })
        #expect(queues.allSatisfy { (0.02...0.16).contains($0.abandonment) })
        let levels = queues.map(\.serviceLevel)
        #expect((levels.max() ?? 0) - (levels.min() ?? 0) > 0.08)
    }

    /// One more operator at one service: the same citizens call with the same needs, and the
    /// other services are the same to the last byte.
    @Test func anotherOperatorShiftsNoDraw() throws {
        let settings = GeneratorSettings(days: 2, contactsPerDay: 600, seed: 11)
        let before = try all(settings)
        var municipality = Municipality.standard
        let index = try #require(municipality.services.firstIndex { $0.name == "tributi" })
        municipality.services[index].additionalOperators = 1
        let after = try all(settings, municipality)
        let isOfTributi = { (event: NewEvent) in
            event.tags.joined.contains("tributi") || event.stream.text.contains("tributi")
        }
        #expect(before.filter { !isOfTributi($0) } == after.filter { !isOfTributi($0) })
        let (old, new) = (before.filter(isOfTributi), after.filter(isOfTributi))
        for type in ["contact.received", "contact.self_service_ended", "contact.queued"] {
            #expect(times(of: type, old) == times(of: type, new))
        }
        let (oldSpells, newSpells) = (try Spells(old), try Spells(new))
        let answeredTwice = Set(oldSpells.talk.keys).intersection(newSpells.talk.keys)
        #expect(answeredTwice.count > 100)
        for stream in answeredTwice {
            #expect(oldSpells.talk[stream] == newSpells.talk[stream])
            #expect(oldSpells.afterWork[stream] == newSpells.afterWork[stream])
        }
        let gaveUpTwice = Set(oldSpells.patience.keys).intersection(newSpells.patience.keys)
        for stream in gaveUpTwice {
            #expect(oldSpells.patience[stream] == newSpells.patience[stream])
        }
        // The operator is of use: the test would prove nothing if nothing had changed.
        #expect(newSpells.patience.count < oldSpells.patience.count)
        #expect(newSpells.talk.count > oldSpells.talk.count)
    }

    @Test func centresShareNothing() throws {
        let events = try all(
            GeneratorSettings(days: 2, contactsPerDay: 300, seed: 3, centres: 3))
        for key in [TagKey.queue, TagKey.operator] {
            var centreOf: [String: String] = [:]
            for event in events {
                guard let value = event.tags.value(of: key) else { continue }
                let centre = String(try #require(event.tags.value(of: TagKey.centre)))
                #expect(centreOf[String(value), default: centre] == centre)
                centreOf[String(value)] = centre
                #expect(value.hasPrefix(centre + "."))
                #expect(event.source.text.hasSuffix(":" + centre))
            }
            #expect(Set(centreOf.values) == ["c1", "c2", "c3"])
        }
    }

    /// Clocks change on the last Sundays of March and October 2026: 23 and 25 hours.
    @Test(arguments: [(2026, 3, 29, 23), (2026, 10, 25, 25), (2026, 11, 22, 24)])
    func daysHaveTheHoursOfTheirDate(year: Int, month: Int, day: Int, hours: Int) throws {
        let rome = try #require(Zone(identifier: "Europe/Rome"))
        let date = try #require(CivilDate(year: year, month: month, day: day))
        let start = rome.start(of: date)
        let events = try all(
            GeneratorSettings(days: 1, contactsPerDay: 20_000, seed: 5, firstDay: date))
        let arrivals = events.filter { $0.type.text == "contact.received" }.compactMap(\.time)
        #expect(arrivals.allSatisfy { rome.date(at: $0) == date })
        let hoursWithArrivals = Set(
            arrivals.map { ($0.microseconds - start.microseconds) / 3_600_000_000 })
        #expect(hoursWithArrivals == Set(0..<Int64(hours)))
        // The first shift of the line that never closes lasts from 0 to 6 o'clock on the wall.
        let logins = events.filter { $0.type.text == "operator.logged_in" }
            .compactMap(\.time).map { ($0.microseconds - start.microseconds) / 3_600_000_000 }
        #expect(Set(logins) == Set([0, 6, 12, 18].map { $0 == 0 ? 0 : $0 + Int64(hours) - 24 }))
    }

    /// Nobody calls a service that is closed, on the clock of the wall.
    @Test func closedServicesReceiveNobody() throws {
        let rome = try #require(Zone(identifier: "Europe/Rome"))
        let first = try #require(CivilDate(year: 2026, month: 3, day: 23))
        let events = try all(
            GeneratorSettings(days: 10, contactsPerDay: 400, seed: 2, firstDay: first))
        var seenDays: Set<Int> = []
        for event in events where event.type.text == "contact.received" {
            let time = try #require(event.time)
            guard event.tags.value(of: TagKey.queue) == "c1.anagrafe" else { continue }
            let local = time.microseconds + Int64(rome.offsetSeconds(at: time)) * 1_000_000
            let hour = Int(local / 3_600_000_000 % 24)
            // Monday 23 March 2026 is day 0 of the week.
            let weekday = (rome.date(at: time).daysSince1970 - first.daysSince1970) % 7
            seenDays.insert(weekday)
            #expect(weekday < 6)
            #expect((weekday < 5 ? 8..<18 : 8..<13).contains(hour))
        }
        #expect(seenDays == Set(0..<6))
    }

    @Test(arguments: [
        (GeneratorSettings(days: 0), "days must be 1 to 3660"),
        (GeneratorSettings(days: 3_661), "days must be 1 to 3660"),
        (GeneratorSettings(contactsPerDay: 0), "contacts per day must be 1 to 100000"),
        (GeneratorSettings(contactsPerDay: -5), "contacts per day must be 1 to 100000"),
        (GeneratorSettings(centres: 101), "centres must be 1 to 100"),
        (
            GeneratorSettings(firstDay: CivilDate(daysSince1970: -1)),
            "the first day must be in the years 1970 to 2080"
        ),
    ])
    func impossibleSettingsAreRefused(settings: GeneratorSettings, message: String) throws {
        let error = #expect(throws: GeneratorError.self) { try Generator(settings) }
        #expect(try #require(error).description == message)
    }

    @Test func impossibleMunicipalitiesAreRefused() throws {
        var municipality = Municipality.standard
        municipality.services[1].name = municipality.services[0].name
        #expect(throws: GeneratorError.duplicateService("anagrafe")) {
            try Generator(GeneratorSettings(), municipality: municipality)
        }
        municipality.services[1].name = "two words"
        #expect(throws: GeneratorError.event(.badTag("queue:c1.two words"))) {
            try Generator(GeneratorSettings(), municipality: municipality)
        }
        municipality.zone = "Europe/Atlantis"
        #expect(throws: GeneratorError.unknownZone("Europe/Atlantis")) {
            try Generator(GeneratorSettings(), municipality: municipality)
        }
        municipality = Municipality(zone: "Europe/Rome", services: [])
        #expect(throws: GeneratorError.outOfRange(setting: "services", allowed: "1 to 64")) {
            try Generator(GeneratorSettings(), municipality: municipality)
        }
    }

    @Test func impossibleWeeksTrap() async {
        await #expect(processExitsWith: .failure) {
            _ = Municipality.Week(days: [nil, nil])
        }
        await #expect(processExitsWith: .failure) {
            _ = Municipality.Day(openHours: 8..<25, weight: 1)
        }
        await #expect(processExitsWith: .failure) {
            _ = Municipality.Day(openHours: 8..<8, weight: 1)
        }
    }

    private func times(of type: String, _ events: [NewEvent]) -> [String: Instant?] {
        Dictionary(
            events.filter { $0.type.text == type }.map { ($0.stream.text, $0.time) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Times never decrease over the whole output, and so neither within a stream.
    private func isInOrder(_ events: [NewEvent]) -> Bool {
        zip(events, events.dropFirst()).allSatisfy { earlier, later in
            guard let earlier = earlier.time, let later = later.time else { return false }
            return earlier <= later
        }
    }
}

private func all(
    _ settings: GeneratorSettings, _ municipality: Municipality = .standard
) throws -> [NewEvent] {
    var generator = try Generator(settings, municipality: municipality)
    var events: [NewEvent] = []
    while let day = try generator.nextDay() { events += day.joined() }
    return events
}

/// How long citizens and operators took, by stream.
private struct Spells {
    var patience: [String: Int64] = [:]
    var talk: [String: Int64] = [:]
    var afterWork: [String: Int64] = [:]

    init(_ events: [NewEvent]) throws {
        var last: [String: Int64] = [:]
        for event in events {
            let stream = event.stream.text
            let time = try #require(event.time).microseconds
            let took = time - last[stream, default: time]
            switch event.type.text {
            case "contact.left_queue" where event.data.object?.string("reason") == "abandoned":
                patience[stream] = took
            case "contact.disconnected": talk[stream] = took
            case "contact.after_work_ended": afterWork[stream] = took
            default: break
            }
            last[stream] = time
        }
    }
}

/// The figures of a supervisor, counted from the events alone.
private struct Tally {
    struct Queue {
        var answered = 0
        var abandoned = 0
        var answeredWithin20Seconds = 0

        var serviceLevel: Double {
            Double(answeredWithin20Seconds) / Double(answered + abandoned)
        }
        var abandonment: Double { Double(abandoned) / Double(answered + abandoned) }
    }

    var received = 0
    var calls = 0
    var contained = 0
    /// Conversations that ended, less those that began: messages have an end alone.
    var messagesAnswered = 0
    var abandonedInSelfService = 0
    var byQueue: [QueueID: Queue] = [:]
    private var queuedAt: [String: Int64] = [:]

    var answered: Int { byQueue.values.reduce(0) { $0 + $1.answered } }
    var abandoned: Int { byQueue.values.reduce(0) { $0 + $1.abandoned } }
    var abandonment: Double { Double(abandoned) / Double(answered + abandoned) }
    var serviceLevel: Double {
        Double(byQueue.values.reduce(0) { $0 + $1.answeredWithin20Seconds })
            / Double(answered + abandoned)
    }

    mutating func add(_ said: ContactEvent, _ event: NewEvent) throws {
        let time = try #require(event.time).microseconds
        switch said {
        case .received(let arrival):
            received += 1
            if arrival.channel == .phone { calls += 1 }
        case .selfServiceEnded(.contained): contained += 1
        case .connected: messagesAnswered -= 1
        case .disconnected: messagesAnswered += 1
        case .abandoned(.selfService): abandonedInSelfService += 1
        case .queued: queuedAt[event.stream.text] = time
        case .leftQueue(let left):
            let start = queuedAt.removeValue(forKey: event.stream.text)
            let wait = time - (try #require(start))
            if left.reason == .answered {
                byQueue[left.queue, default: Queue()].answered += 1
                if wait <= 20_000_000 {
                    byQueue[left.queue, default: Queue()].answeredWithin20Seconds += 1
                }
            } else {
                byQueue[left.queue, default: Queue()].abandoned += 1
            }
        default: break
        }
    }
}

extension Tags {
    /// The value of the tag with this key, or nil.
    fileprivate func value(of key: String) -> Substring? {
        texts.first { $0.utf8.starts(with: "\(key):".utf8) }?.dropFirst(key.count + 1)
    }
}
