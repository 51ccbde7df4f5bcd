internal import JSON

/// Something that happened to one request for an opinion, as its payload tells it.
///
/// The request is named by the stream, `survey/` and its id. An answer without an invitation is
/// one that nobody asked for, such as a questionnaire on a counter.
package enum SurveyEvent: Equatable, Sendable {
    case invited(Subject)
    /// The invitation did not reach the citizen.
    case deliveryFailed
    case answered(Subject, [Answer])
    /// A type or schema version that this version does not read; it passes through untouched.
    case unknown

    /// What an opinion is about, as far as an event states it.
    package struct Subject: Equatable, Sendable {
        package var survey: String
        /// The contact that it is about: the id in the contact's stream.
        package var contact: String?
        /// The case that it is about: the id in the case's stream.
        package var caseID: String?
        /// The channel of the contact; for surveys that know no contact.
        package var channel: Channel?
        package var service: String?

        package init(
            survey: String, contact: String? = nil, caseID: String? = nil,
            channel: Channel? = nil, service: String? = nil
        ) {
            self.survey = survey
            self.contact = contact
            self.caseID = caseID
            self.channel = channel
            self.service = service
        }
    }

    /// The answer to one question, on the scale of the survey.
    package struct Answer: Equatable, Sendable {
        package var question: String
        package var value: Int64

        package init(question: String, value: Int64) {
            self.question = question
            self.value = value
        }
    }

    /// The types that are read here.
    package enum Kind: String, CaseIterable, KnownType {
        case invited = "survey.invited"
        case deliveryFailed = "survey.delivery_failed"
        case answered = "survey.answered"

        /// What such an event says.
        package var meaning: String {
            switch self {
            case .invited: "somebody was asked"
            case .deliveryFailed: "the invitation did not arrive"
            case .answered: "somebody answered"
            }
        }
    }
}

extension SurveyEvent: ToldEvent {
    package init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
        switch kind {
        case .invited: self = .invited(try reader.subject())
        case .deliveryFailed: self = .deliveryFailed
        case .answered:
            var answers: [Answer] = []
            for element in try reader.objects("answers") {
                let answer = Answer(
                    question: try element.name("q"), value: try element.integer("value"))
                guard !answers.contains(where: { $0.question == answer.question }) else {
                    throw element.error("q", .repeated(answer.question))
                }
                answers.append(answer)
            }
            self = .answered(try reader.subject(), answers)
        }
    }

    /// The kind, or nil for ``unknown``.
    package var kind: Kind? {
        switch self {
        case .invited: .invited
        case .deliveryFailed: .deliveryFailed
        case .answered: .answered
        case .unknown: nil
        }
    }

    /// The payload as JSON text that ``init(_:schema:payload:)`` reads back; `{}` for ``unknown``.
    ///
    /// Members stand in a fixed order; those without a value are left out.
    package var payload: [UInt8] {
        var writer = PayloadWriter()
        switch self {
        case .invited(let subject): writer.add(subject)
        case .answered(let subject, let answers):
            writer.add(subject)
            writer.add("answers", answers) { answer, writer in
                writer.add("q", answer.question)
                writer.add("value", answer.value)
            }
        case .deliveryFailed, .unknown: break
        }
        return writer.finished()
    }
}

extension PayloadReader {
    fileprivate func subject() throws(PayloadError) -> SurveyEvent.Subject {
        SurveyEvent.Subject(
            survey: try name("surveyId"), contact: try optionalName("contactId"),
            caseID: try optionalName("caseId"), channel: try optionalWord("channel"),
            service: try optionalName("serviceCode"))
    }
}

extension PayloadWriter {
    fileprivate mutating func add(_ subject: SurveyEvent.Subject) {
        add("surveyId", subject.survey)
        add("contactId", subject.contact)
        add("caseId", subject.caseID)
        add("channel", subject.channel)
        add("serviceCode", subject.service)
    }
}
