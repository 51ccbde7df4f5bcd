internal import ContactCentre
internal import JSON

/// All that will happen to one message, case or request for an opinion.
struct Story {
    let subject: Subject
    /// The contact that it is about or that it came from.
    let number: ContactNumber
    let place: Place
    /// What the citizen declared, at the beginning of messages and cases.
    var declared: [Declaration] = []
    /// At least one, none earlier than the one before.
    var steps: [Step]

    enum Subject: UInt8 {
        case message
        case `case`
        case survey
    }

    struct Step {
        let time: Instant
        let said: Said
    }

    enum Said {
        case contact(ContactEvent)
        case `case`(CaseEvent)
        case survey(SurveyEvent)
    }
}

/// A contact that has come to its end with an answer.
struct AnsweredContact {
    let number: ContactNumber
    let place: Place
    let channel: Channel
    let end: Instant
    /// How long the citizen waited for an operator, or for the answer to a message.
    let waitedUs: Int64
}
