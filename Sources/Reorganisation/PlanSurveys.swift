internal import ContactCentre
internal import EventLog
internal import JSON

/// Which citizens are asked for an opinion, who answers, and what.
struct PlanSurveys {
    private let society: Society

    init(_ society: Society) { self.society = society }

    /// What a citizen has been through.
    struct Opinion {
        let about: Matter
        let end: Instant
        /// The wait in relation to a fair one.
        let slowness: Double
        let isFavourable: Bool

        enum Matter {
            case contact
            case `case`
        }
    }

    /// The request for this opinion, or nil where nobody asks.
    func story(of opinion: Opinion, _ contact: AnsweredContact, _ lot: Lot) -> Story? {
        let habits = society.habits(on: contact.channel)
        let asked =
            switch opinion.about {
            case .contact: society.municipality.contactSurvey
            case .case: society.municipality.caseSurvey
            }
        guard let survey = asked, lot.happens(.invitation, ratio: habits.invitedRatio) else {
            return nil
        }
        var subject = SurveyEvent.Subject(
            survey: survey.name, channel: contact.channel, service: contact.place.serviceName)
        switch opinion.about {
        case .contact: subject.contact = society.identities.contact(contact.number).description
        case .case: subject.caseID = society.identities.caseID(contact.number).description
        }
        let invited = opinion.end + lot.duration(survey.invitation, .invitationDelay)
        var steps = [Story.Step(time: invited, said: .survey(.invited(subject)))]
        if lot.happens(.delivery, ratio: habits.undeliverableRatio) {
            steps.append(.init(time: invited + Self.bounceUs, said: .survey(.deliveryFailed)))
        } else if lot.happens(.response, ratio: habits.responseRatio) {
            let answers = survey.questions.enumerated().map { number, question in
                SurveyEvent.Answer(
                    question: question.name,
                    value: score(question, opinion, lot.unit(.score, index: number)))
            }
            let answered = invited + lot.duration(survey.answer, .answerDelay)
            steps.append(.init(time: answered, said: .survey(.answered(subject, answers))))
        }
        return Story(
            subject: .survey, number: contact.number, place: contact.place, steps: steps)
    }

    /// How soon it shows that an invitation does not arrive.
    private static let bounceUs: Int64 = 30_000_000

    private func score(
        _ question: Municipality.Question, _ opinion: Opinion, _ unit: Double
    ) -> Int64 {
        let expected =
            question.best - question.waitLoss * logarithm(1 + opinion.slowness)
            - (opinion.isFavourable ? 0 : question.outcomeLoss)
        let score = expected + question.deviation * normalQuantile(unit)
        return Int64(min(5, max(1, score.rounded())))
    }
}
