internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit

/// Folds surveys, and what contacts and cases say of themselves at their beginning.
///
/// Every event is one row written or changed, so there is nothing to hold until a flush.
final class FoldOpinions: EventwiseFold {
    private let database: Database

    private static let surveys: [String: SurveyEvent.Kind] = Dictionary(
        uniqueKeysWithValues: SurveyEvent.Kind.allCases.map { ($0.rawValue, $0) })

    private static let beginnings: [String: any KnownType] = [
        ContactEvent.Kind.received.type: ContactEvent.Kind.received,
        CaseEvent.Kind.opened.type: CaseEvent.Kind.opened,
    ]

    init(into database: Database) { self.database = database }

    func apply(_ event: Event) throws -> Reading {
        let type = event.type.text
        let kind = Self.surveys[type]
        guard let known: any KnownType = kind ?? Self.beginnings[type] else { return .done }
        guard known.reads(event.schema) else {
            return .unreadable(reason: "\(type): schema \(event.schema) is not known here")
        }
        let facts: Facts
        do throws(PayloadError) {
            if let kind,
                let survey = try SurveyEvent(
                    kind, schema: event.schema, payload: event.data.object)
            {
                facts = .survey(survey)
            } else {
                facts = .subject(try Subject(event))
            }
        } catch {
            return .unreadable(reason: "\(error)")
        }
        switch facts {
        case .survey(let survey):
            if let other = try otherSurvey(than: survey, in: event.stream.text) {
                return .unreadable(
                    reason: "\(type): the stream is a request of the survey \(other): give each "
                        + "request a stream of its own")
            }
            try add(survey, to: event.stream.text)
        case .subject(let subject): try add(subject, named: event.stream.text)
        }
        for tag in event.tags.texts.compactMap(GroupTag.init) {
            try database.cachedStatement(
                sql: "INSERT OR IGNORE INTO groups VALUES (?, ?, ?)"
            ).run([event.stream.text, tag.attribute, tag.group])
        }
        return .done
    }

    private enum Facts {
        case survey(SurveyEvent)
        case subject(Subject)
    }

    func flush() {}

    /// The survey of an earlier event of the stream, where this one is of another.
    private func otherSurvey(than survey: SurveyEvent, in stream: String) throws -> String? {
        let stated: String
        switch survey {
        case .invited(let subject), .answered(let subject, _): stated = subject.survey
        case .deliveryFailed, .unknown: return nil
        }
        let known = try String.fetchOne(
            try database.cachedStatement(sql: "SELECT survey FROM requests WHERE stream = ?"),
            arguments: [stream])
        return known.flatMap { ExactText($0) == ExactText(stated) ? nil : $0 }
    }

    private func add(_ survey: SurveyEvent, to stream: String) throws {
        switch survey {
        case .invited(let subject):
            try describe(subject, stream)
            try mark("invited", stream)
        case .deliveryFailed:
            try insert(stream)
            try mark("failed", stream)
        case .answered(let subject, let answers):
            try describe(subject, stream)
            try mark("answered", stream)
            for answer in answers {
                // Who answers a question again means the last answer.
                try database.cachedStatement(
                    sql: "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)"
                ).run([stream, answer.question, answer.value])
            }
        case .unknown: break
        }
    }

    private func insert(_ stream: String) throws {
        try database.cachedStatement(
            sql: "INSERT OR IGNORE INTO requests (stream) VALUES (?)"
        ).run([stream])
    }

    /// The first event that says something about the request is believed.
    private func describe(_ subject: SurveyEvent.Subject, _ stream: String) throws {
        try insert(stream)
        try database.cachedStatement(
            sql: """
                UPDATE requests SET survey = coalesce(survey, ?), subject = coalesce(subject, ?),
                channel = coalesce(channel, ?), service = coalesce(service, ?) WHERE stream = ?
                """
        ).run([
            subject.survey,
            subject.contact.map { StreamPrefix.contact + percentEncoded($0, .stream) }
                ?? subject.caseID.map { StreamPrefix.case + percentEncoded($0, .stream) },
            subject.channel?.name, subject.service, stream,
        ])
    }

    private func mark(_ column: String, _ stream: String) throws {
        try database.cachedStatement(
            sql: "UPDATE requests SET \(column) = 1 WHERE stream = ?"
        ).run([stream])
    }

    private func add(_ subject: Subject, named stream: String) throws {
        try database.cachedStatement(
            sql: "INSERT OR IGNORE INTO subjects VALUES (?, ?, ?, ?)"
        ).run([stream, subject.channel, subject.service, subject.origin.rawValue])
    }
}

/// What a contact or case says of itself at its beginning.
private struct Subject {
    var channel: String?
    var service: String?
    var origin = Origin.citizen

    enum Origin: Int64 {
        case citizen
        case staff
    }

    init(_ event: Event) throws(PayloadError) {
        let (type, payload) = (event.type.text, event.data.object)
        if type == CaseEvent.Kind.opened.rawValue {
            guard
                case .opened(let opened) = try CaseEvent(
                    type: type, schema: event.schema, payload: payload)
            else { return }
            channel = opened.channel?.name
            service = opened.service
            if [.operator, .system].contains(opened.openedBy) { origin = .staff }
        } else {
            guard
                case .received(let received) = try ContactEvent(
                    type: type, schema: event.schema, payload: payload)
            else { return }
            channel = received.channel.name
            service = payload?.string("serviceCode") ?? received.queue?.text
            if received.direction == .outgoing { origin = .staff }
        }
    }
}
