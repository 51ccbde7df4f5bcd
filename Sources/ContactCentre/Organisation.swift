package import JSON

/// Which setting of which thing is meant.
package struct SettingKey: Hashable, Sendable {
    package let facet: Facet
    package var thing: String { exactThing.text }
    package var part: String? { exactPart?.text }
    private let exactThing: ExactText
    private let exactPart: ExactText?

    /// - Precondition: `part` names one where the facet has several, and only there.
    package init(_ facet: Facet, of thing: String, part: String? = nil) {
        precondition((facet.partName == nil) == (part == nil), "a facet of several names its parts")
        self.facet = facet
        exactThing = ExactText(thing)
        exactPart = part.map { ExactText($0) }
    }

    /// The thing itself.
    package var whole: SettingKey { SettingKey(Facet.whole(of: facet.section), of: thing) }

    package var stream: String {
        facet.section.streamPrefix + percentEncoded(thing, .stream)
    }
}

extension SettingKey: Comparable {
    /// By section, thing, facet and part: what belongs together stands together.
    package static func < (left: SettingKey, right: SettingKey) -> Bool {
        if left.facet.section != right.facet.section {
            return left.facet.place < right.facet.place
        }
        if left.exactThing != right.exactThing { return left.exactThing < right.exactThing }
        if left.facet != right.facet { return left.facet.place < right.facet.place }
        return (left.exactPart ?? ExactText("")) < (right.exactPart ?? ExactText(""))
    }
}

/// An organisation in the course of time: what was settled about each of its things, when it was
/// said, and from when it holds.
package struct Organisation: Sendable {
    /// One event's word on one setting.
    package struct Change: Sendable {
        package let position: UInt64
        package let recorded: Instant
        /// From when it holds.
        package let effective: Instant
        /// Nil where there is none from then on.
        package let setting: (any Setting)?
        package let decision: String?
        package let author: String?

        fileprivate func isBefore(_ other: Change) -> Bool {
            (effective, position) < (other.effective, other.position)
        }
    }

    /// A decision, and where it stands.
    package struct DecidedAt: Sendable {
        package let position: UInt64
        package let recorded: Instant
        package let occurred: Instant
        package let decision: Decision
        package let author: String?
    }

    /// By the moments from which they hold, and in the order of positions where those are equal.
    private(set) var changes: [SettingKey: [Change]] = [:]
    private var decisions: [ExactText: [DecidedAt]] = [:]

    package init() {}

    /// Takes in an event of a stream.
    ///
    /// Events come in the order of their positions; one whose stream names no thing of its kind
    /// tells nothing.
    package mutating func apply(
        _ event: OrganisationEvent, of stream: String, position: UInt64, recorded: Instant,
        occurred: Instant
    ) {
        switch event.change {
        case .decided(let decision):
            guard let name = Self.thing(of: stream, StreamPrefix.decision) else { return }
            decisions[ExactText(name), default: []].append(
                DecidedAt(
                    position: position, recorded: recorded, occurred: occurred, decision: decision,
                    author: event.author))
        case .set(_, _, let setting):
            guard let key = event.key(in: stream) else { return }
            let change = Change(
                position: position, recorded: recorded,
                effective: event.effectiveFrom ?? occurred, setting: setting,
                decision: event.decision, author: event.author)
            let place =
                changes[key, default: []].lastIndex { $0.effective <= change.effective }
            changes[key, default: []].insert(change, at: place.map { $0 + 1 } ?? 0)
        }
    }

    /// The name of the thing that a stream tells of; nil where it has another prefix, or no name.
    static func thing(of stream: String, _ prefix: String) -> String? {
        guard stream.utf8.starts(with: prefix.utf8) else { return nil }
        let encoded = String(Substring(stream.utf8.dropFirst(prefix.utf8.count)))
        guard let name = decodePercent(encoded), isName(name) else { return nil }
        return name
    }

    /// All that is settled at a moment.
    ///
    /// With a thing, all parts end that it had: of one that comes again, nothing is left over.
    package func description(at moment: Instant) -> OrganisationDescription {
        var ends: [SettingKey: Change] = [:]
        for (key, changes) in changes where key.facet.part == .whole {
            ends[key] = changes.last { $0.effective <= moment && $0.setting == nil }
        }
        var settings: [SettingKey: any Setting] = [:]
        for (key, changes) in changes {
            guard let last = changes.last(where: { $0.effective <= moment }) else { continue }
            if let end = ends[key.whole], last.isBefore(end) { continue }
            settings[key] = last.setting
        }
        return OrganisationDescription(settings: settings)
    }

    /// The changes of settings that hold from later moments on only.
    package func changes(after moment: Instant) -> [(key: SettingKey, change: Change)] {
        changes.flatMap { key, changes in
            changes.filter { $0.effective > moment }.map { (key, $0) }
        }.sorted {
            ($0.change.effective, $0.change.position) < ($1.change.effective, $1.change.position)
        }
    }

    /// The first moment after another one from which anything else may hold: what was planned, or
    /// what runs out; nil where there is none.
    package func nextChange(after moment: Instant) -> Instant? {
        var next: Instant?
        for change in changes.values.joined() {
            for instant in [change.effective, (change.setting as? GrantedSkillSetting)?.expires] {
                guard let instant, instant > moment else { continue }
                next = next.map { min($0, instant) } ?? instant
            }
        }
        return next
    }

    /// What was published under a version of a thing, and the highest version that there ever was.
    package func published(
        _ version: Int64, of key: SettingKey
    ) -> (setting: (any Setting)?, newest: Int64?) {
        let settings = changes[key, default: []].compactMap(\.setting)
        return (
            settings.last { $0.publishedVersion == version },
            settings.compactMap(\.publishedVersion).max()
        )
    }

    /// The words of a decision as they stood at a position, or the first ones after it.
    package func decision(_ name: String, at position: UInt64 = .max) -> DecidedAt? {
        let words = decisions[ExactText(name)]
        return words?.last { $0.position <= position } ?? words?.first
    }

    /// All that was ever said of decisions, in the order of the positions.
    package var allDecisions: [(name: String, decided: DecidedAt)] {
        decisions.flatMap { name, words in words.map { (name.text, $0) } }
            .sorted { $0.1.position < $1.1.position }
    }

    /// One change, and what held before it in the knowledge of then.
    package struct Step: Sendable {
        package let key: SettingKey
        package let before: (any Setting)?
        package let change: Change
    }

    /// All changes in the order of their positions.
    package var history: [Step] {
        changes.flatMap { key, changes in
            changes.map { change in
                let before = changes.last {
                    $0.position < change.position && $0.effective <= change.effective
                }
                return Step(key: key, before: before?.setting, change: change)
            }
        }.sorted { ($0.change.position, $0.key) < ($1.change.position, $1.key) }
    }

    /// The opening hours of a calendar in the course of time.
    ///
    /// A version holds from the date, by its own zone, in which the moment lies from which it is
    /// effective; `zone` is that of calendars that name none.
    /// - Throws: ``CalendarError`` where there is no such calendar, or none that is understood.
    package func calendar(
        _ name: String, otherwiseIn zone: Zone
    ) throws(CalendarError) -> OpeningCalendar {
        var calendar = OpeningCalendar()
        let key = SettingKey(Facet.whole(of: .calendars), of: name)
        guard let changes = changes[key] else { throw .none(name) }
        var lastZone = zone
        for change in changes {
            guard let setting = change.setting as? CalendarSetting else {
                calendar.publish(nil, from: lastZone.date(at: change.effective))
                continue
            }
            guard let hours = setting.hours(otherwiseIn: zone) else {
                let problem = setting.flaw?.problem ?? .missing
                throw .notUnderstood(name, position: change.position, problem)
            }
            lastZone = hours.zone
            calendar.publish(hours, from: hours.zone.date(at: change.effective))
        }
        return calendar
    }
}

/// Why there are no opening hours.
package enum CalendarError: Error, Equatable, Sendable {
    case none(String)
    /// It was written by a version that knows more.
    case notUnderstood(String, position: UInt64, PayloadError.Problem)
}

extension CalendarError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .none(let name): "there is no calendar \(jsonString(name))"
        case .notUnderstood(let name, let position, let problem):
            "the calendar \(jsonString(name)), at position \(position): what it names \(problem)"
        }
    }
}
