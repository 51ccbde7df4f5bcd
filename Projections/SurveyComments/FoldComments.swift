internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Subjects

/// Folds answers to surveys that have something written; every one is a row.
final class FoldComments: EventwiseFold {
    private let database: Database
    private let open: SurveyComments.Opener

    private static let type = SurveyEvent.Kind.answered.rawValue

    init(into database: Database, openedBy open: @escaping SurveyComments.Opener) {
        self.database = database
        self.open = open
    }

    /// Few events are answers: the others are told by their types alone.
    func apply(
        _ columns: EventColumns, at places: Range<Int>,
        unreadable: (_ place: Int, _ reason: String) -> Void
    ) throws {
        let areAnswers = columns.kinds.values.map { kind in
            columns.bytes[kind.type].elementsEqual(Self.type.utf8)
        }
        let answers = places.filter { areAnswers[Int(columns.kinds.indexes[$0])] }
        for (place, event) in zip(answers, columns.events(at: answers)) {
            if case .unreadable(let reason) = try apply(event) { unreadable(place, reason) }
        }
    }

    func apply(_ event: Event) throws -> Reading {
        guard event.type.text == Self.type, let fields = PersonalFields.of(type: Self.type) else {
            return .done
        }
        let survey: SurveyEvent
        do throws(PayloadError) {
            // In whatever schema version: one that is not known here may be personal, too.
            guard case .sealed = try fields.part(of: event.data.object, type: Self.type) else {
                return .done
            }
            survey = try SurveyEvent(
                type: Self.type, schema: event.schema, payload: event.data.object)
        } catch {
            return .unreadable(reason: "\(error)")
        }
        guard case .answered(let subject, let answers) = survey else {
            return .unreadable(reason: "\(Self.type): schema \(event.schema) is not known here")
        }
        let text: PersonalText?
        do { text = try open(event) } catch let error as SealError where error.isOfValue {
            return .unreadable(reason: "\(error)")
        }
        try add(text, event, subject, answers)
        return .done
    }

    func flush() {}

    private func add(
        _ text: PersonalText?, _ event: Event, _ subject: SurveyEvent.Subject,
        _ answers: [SurveyEvent.Answer]
    ) throws {
        let about =
            subject.contact.map { StreamPrefix.contact + percentEncoded($0, .stream) }
            ?? subject.caseID.map { StreamPrefix.case + percentEncoded($0, .stream) }
        let answers = answers.map { "\($0.question)=\($0.value)" }.joined(separator: " ")
        try database.cachedStatement(
            sql: "INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).run([
            Int64(event.position.value), event.occurred.microseconds, subject.survey,
            event.stream.text, about, subject.channel?.name, subject.service, answers,
            text?.state ?? "closed", text?.member("comment"),
        ])
    }
}
