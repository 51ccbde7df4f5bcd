internal import ContactCentre
internal import EventLog
internal import JSON

/// Tells messages, cases and requests for opinions, each event when its time has come.
///
/// It holds the stories that have begun and not ended: as many as are open at one time.
struct TellStories {
    private var agenda = Agenda<Chapter>()
    private let identities: Identities
    private let groups: GroupTags
    private let places: [PlaceNames]
    private let services: Int
    private let types: Types

    private struct PlaceNames {
        let source: Source
        let serviceTags: [Tag]
        let messageTags: [Tag]
    }

    private struct Chapter {
        let story: NamedStory
        /// The step that comes next.
        let step: Int
    }

    /// A story with its names: a class, since the agenda moves it about.
    private final class NamedStory {
        let story: Story
        let id: EventID
        let stream: StreamName
        let place: Int
        let firstTags: Tags
        let laterTags: Tags

        init(
            _ story: Story, id: EventID, stream: StreamName, place: Int, firstTags: Tags,
            laterTags: Tags
        ) {
            self.story = story
            self.id = id
            self.stream = stream
            self.place = place
            self.firstTags = firstTags
            self.laterTags = laterTags
        }
    }

    private struct Types {
        private var types: [String: EventType] = [:]

        init() throws(EventError) {
            let names =
                ContactEvent.Kind.allCases.map(\.rawValue) + CaseEvent.Kind.allCases.map(\.rawValue)
                + SurveyEvent.Kind.allCases.map(\.rawValue)
            for name in names { types[name] = try EventType(name) }
        }

        func type(_ name: String?) -> EventType? { name.flatMap { types[$0] } }
    }

    /// A teller for these places, in the order of centres and then of services.
    init(
        _ places: [Place], services: Int, _ society: Society, seed: UInt64
    ) throws(EventError) {
        identities = society.identities
        groups = try GroupTags(society.municipality.attributes)
        types = try Types()
        self.services = services
        var names: [PlaceNames] = []
        for place in places {
            let centre = try Tag("\(TagKey.centre):\(place.centreName)")
            names.append(
                PlaceNames(
                    source: try Generator.source(ofCentre: place.centreName, seed: seed),
                    serviceTags: [centre, try Tag("service:\(place.serviceName)")],
                    messageTags: [centre, try Tag("\(TagKey.queue):\(place.messageQueue)")]))
        }
        self.places = names
    }

    /// Takes in a story that begins no earlier than what has been told.
    mutating func begin(_ story: Story) throws(EventError) {
        guard let first = story.steps.first else { return }
        let place = story.place.centre * services + story.place.service
        let (prefix, id, tags) =
            switch story.subject {
            case .message:
                (StreamPrefix.contact, identities.contact(story.number), places[place].messageTags)
            case .case:
                (StreamPrefix.case, identities.caseID(story.number), places[place].serviceTags)
            case .survey:
                (StreamPrefix.survey, identities.survey(story.number), places[place].serviceTags)
            }
        let named = NamedStory(
            story, id: id, stream: try StreamName(prefix + id.description), place: place,
            firstTags: try groups.tags(tags, declared: story.declared), laterTags: try Tags(tags))
        plan(Chapter(story: named, step: 0), at: first.time)
    }

    private mutating func plan(_ chapter: Chapter, at time: Instant) {
        agenda.add(
            chapter, at: time.microseconds, rank: chapter.story.story.subject.rawValue,
            entity: chapter.story.story.number.value)
    }

    /// Adds the events that come before `end`, in order of time.
    mutating func tell(before end: Instant, to chronicle: inout Chronicle) {
        while let next = agenda.nextTime, next < end.microseconds,
            let (_, chapter) = agenda.popFirst()
        {
            let time = Instant(microseconds: next)
            let story = chapter.story
            if let event = event(story, chapter.step, at: time) { chronicle.add(event) }
            let following = chapter.step + 1
            guard following < story.story.steps.count else { continue }
            plan(Chapter(story: story, step: following), at: story.story.steps[following].time)
        }
    }

    private func event(_ named: NamedStory, _ step: Int, at time: Instant) -> NewEvent? {
        let (name, schema, payload) =
            switch named.story.steps[step].said {
            case .contact(let event):
                (event.kind?.rawValue, event.kind?.schema, event.payload)
            case .case(let event): (event.kind?.rawValue, event.kind?.schema, event.payload)
            case .survey(let event): (event.kind?.rawValue, event.kind?.schema, event.payload)
            }
        guard let type = types.type(name), let schema else { return nil }
        return NewEvent(
            id: EventID(namespace: named.id, name: "\(step) \(type.text)".utf8), type: type,
            schema: schema, stream: named.stream,
            tags: step == 0 ? named.firstTags : named.laterTags,
            source: places[named.place].source, time: time, data: .json(payload[...]))
    }
}
