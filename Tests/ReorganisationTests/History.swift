import ContactCentre
import EventLog
import JSON
import Reorganisation
import Testing

/// What generated events say, put together by stream with nothing of the generator.
struct History {
    struct Contact {
        var channel: Channel
        var groups: [String: String]
        var received: Instant
        var connected: Instant?
        /// When somebody had answered it and done all that it left to do.
        var answered: Instant?
    }

    struct Case {
        var opening: CaseEvent.Opened
        var groups: [String: String]
        var opened: Instant
        var events: [(event: CaseEvent, time: Instant)] = []

        var firstResolved: Instant? {
            events.first { $0.event.kind == .resolved }?.time
        }
        var closed: Instant? { events.first { $0.event.kind == .closed }?.time }
        var breached: Instant? { events.first { $0.event.kind == .termBreached }?.time }
        var lines: [LineLevel] {
            events.compactMap { entry in
                if case .assigned(let owner) = entry.event { owner.line } else { nil }
            }
        }
        var resolutions: [Resolution] {
            events.compactMap { entry in
                if case .resolved(let resolution, _) = entry.event { resolution } else { nil }
            }
        }
    }

    struct Survey {
        var subject: SurveyEvent.Subject
        var invited: Instant
        var isUndeliverable = false
        var answers: [SurveyEvent.Answer]?
    }

    let zone: Zone
    /// Midnight after the last day.
    let end: Instant
    var contacts: [String: Contact] = [:]
    var cases: [String: Case] = [:]
    var surveys: [String: Survey] = [:]

    init(_ settings: GeneratorSettings, _ municipality: Municipality = .standard) throws {
        zone = try #require(Zone(identifier: municipality.zone))
        end = zone.start(
            of: CivilDate(daysSince1970: settings.firstDay.daysSince1970 + settings.days))
        var generator = try Generator(settings, municipality: municipality)
        while let day = try generator.nextDay()?.flatMap(\.self) {
            for event in day { try add(event) }
        }
    }

    private mutating func add(_ event: NewEvent) throws {
        let (type, stream) = (event.type.text, event.stream.text)
        let time = try #require(event.time)
        let payload = event.data.object
        if stream.hasPrefix(StreamPrefix.contact) {
            let said = try ContactEvent(type: type, schema: event.schema, payload: payload)
            add(said, event, at: time)
        } else if stream.hasPrefix(StreamPrefix.case) {
            let said = try CaseEvent(type: type, schema: event.schema, payload: payload)
            if case .opened(let opening) = said {
                cases[stream] = Case(opening: opening, groups: groups(event), opened: time)
            }
            cases[stream]?.events.append((said, time))
        } else if stream.hasPrefix(StreamPrefix.survey) {
            switch try SurveyEvent(type: type, schema: event.schema, payload: payload) {
            case .invited(let subject): surveys[stream] = Survey(subject: subject, invited: time)
            case .deliveryFailed: surveys[stream]?.isUndeliverable = true
            case .answered(let subject, let answers):
                #expect(surveys[stream]?.subject == subject)
                surveys[stream]?.answers = answers
            case .unknown: Issue.record("\(type) is unknown")
            }
        }
    }

    private mutating func add(_ said: ContactEvent, _ event: NewEvent, at time: Instant) {
        let stream = event.stream.text
        switch said {
        case .received(let arrival):
            contacts[stream] = Contact(
                channel: arrival.channel, groups: groups(event), received: time)
        case .connected: contacts[stream]?.connected = time
        case .disconnected where contacts[stream]?.connected == nil:
            contacts[stream]?.answered = time
        case .afterWorkEnded: contacts[stream]?.answered = time
        default: break
        }
    }

    private func groups(_ event: NewEvent) -> [String: String] {
        Dictionary(
            event.tags.texts.compactMap(GroupTag.init).map { ($0.attribute, $0.group) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Microseconds between two moments on working days within the hours of offices.
    func workingUs(_ from: Instant, _ to: Instant, hours: Range<Int>) -> Int64 {
        let hourUs: Int64 = 3_600_000_000
        var sum: Int64 = 0
        for day in zone.date(at: from).daysSince1970...zone.date(at: to).daysSince1970 {
            // 1 January 1970 was a Thursday, so days 2 and 3 after it were a weekend.
            guard ![2, 3].contains(day % 7) else { continue }
            let date = CivilDate(daysSince1970: day)
            let opens = zone.instant(
                date: date, microsecondOfDay: Int64(hours.lowerBound) * hourUs)
            let closes = zone.instant(
                date: date, microsecondOfDay: Int64(hours.upperBound) * hourUs)
            sum += max(
                0, min(to, closes).microseconds - max(from, opens).microseconds)
        }
        return sum
    }
}

/// Whether a part of all is what chance makes of `ratio`, five standard deviations wide.
func isNear(_ part: Int, of all: Int, _ ratio: Double) -> Bool {
    let deviation = (ratio * (1 - ratio) * Double(all)).squareRoot()
    return abs(Double(part) - ratio * Double(all)) <= 5 * deviation + 1
}
