import ContactCentre
import JSON
import TestSupport
import Testing

/// Payloads of cases and surveys are written and read as inverse pairs; wrong ones are named.
struct CasePayloadTests {
    @Test(arguments: UInt64(0)..<40)
    func caseEventsAreReadBackAsWritten(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        for _ in 0..<50 {
            let event = anyCaseEvent(&random)
            let bytes = event.payload
            try checkJSON(bytes[...])
            let kind = try #require(event.kind)
            let payload = JSONPayload(checked: bytes[...])
            let read = try CaseEvent(type: kind.rawValue, schema: 1, payload: payload)
            #expect(read == event, "seed \(seed)")
            #expect(checkPayload(type: kind.rawValue, schema: 1, payload: payload) == .passes)
        }
    }

    @Test(arguments: UInt64(0)..<40)
    func surveyEventsAreReadBackAsWritten(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        for _ in 0..<50 {
            let event = anySurveyEvent(&random)
            let bytes = event.payload
            try checkJSON(bytes[...])
            let kind = try #require(event.kind)
            let payload = JSONPayload(checked: bytes[...])
            let read = try SurveyEvent(type: kind.rawValue, schema: 1, payload: payload)
            #expect(read == event, "seed \(seed)")
            #expect(checkPayload(type: kind.rawValue, schema: 1, payload: payload) == .passes)
        }
    }

    @Test(arguments: [
        (
            "case.opened", #"{"targetAt":"tomorrow"}"#,
            #""targetAt" must be a time of RFC 3339, like 2026-11-23T09:30:00+01:00"#
        ),
        (
            "case.opened", #"{"zone":"Europe/Nowhere"}"#,
            #""zone" must be an IANA time zone like Europe/Rome, not "Europe/Nowhere""#
        ),
        ("case.opened", #"{"areaCode":"a\u0000"}"#, #""areaCode" must not contain control"#),
        (
            "case.resolved", #"{"lineLevel":"first"}"#,
            #""lineLevel" must be one of 1, 2, 3, backoffice, other, not "first""#
        ),
        ("case.resolved", #"{"lineLevel":"other"}"#, #""lineLevelOtherText" is missing"#),
        ("case.waiting_started", "{}", #""on" is missing"#),
        ("case.assigned", #"{"ownerId":7}"#, #""ownerId" must be a string"#),
        ("survey.invited", "{}", #""surveyId" is missing"#),
        ("survey.answered", #"{"surveyId":"s","answers":{}}"#, #""answers" must be a list of"#),
        ("survey.answered", #"{"surveyId":"s","answers":[1]}"#, #""answers" must be a list of"#),
        (
            "survey.answered", #"{"surveyId":"s","answers":[{"q":"a"}]}"#,
            #""answers[0].value" is missing"#
        ),
        (
            "survey.answered", #"{"surveyId":"s","answers":[{"q":"a","value":4.5}]}"#,
            #""answers[0].value" must be a whole number"#
        ),
        (
            "survey.answered",
            #"{"surveyId":"s","answers":[{"q":"a","value":4},{"q":"a","value":5}]}"#,
            #""answers[1].q" must not be "a" twice"#
        ),
    ])
    func wrongPayloadsAreRefused(type: String, payload: String, words: String) throws {
        let check = checkPayload(
            type: type, schema: 1, payload: JSONPayload(checked: Array(payload.utf8)[...]))
        guard case .refused(let error) = check else {
            Issue.record("\(check)")
            return
        }
        #expect("\(error)".hasPrefix("\(type): \(words)"), "\(error)")
    }

    @Test func stateNoSchemaAndLaterSchemasPass() {
        #expect(checkPayload(type: "case.opened", schema: 0, payload: nil) == .statesNoSchema)
        #expect(checkPayload(type: "survey.answered", schema: 2, payload: nil) == .passes)
        #expect(checkPayload(type: "case.merged", schema: 1, payload: nil) == .passes)
    }

    @Test func linesHaveAnOrderWhereTheyStateOne() {
        #expect(LineLevel.words.map(\.meaning.order) == [1, 2, 3, 4])
        #expect(LineLevel.other("night").order == nil)
    }

    // MARK: - Any event

    private func anyWord<Meaning: Vocabulary>(_ random: inout SeededNumbers) -> Meaning {
        let choice = Int.random(in: 0...Meaning.words.count, using: &random)
        return choice < Meaning.words.count
            ? Meaning.words[choice].meaning : .other("text \(choice)")
    }

    private func maybe<Value>(
        _ random: inout SeededNumbers, _ make: (inout SeededNumbers) -> Value
    ) -> Value? {
        Bool.random(using: &random) ? make(&random) : nil
    }

    private func anyName(_ random: inout SeededNumbers) -> String {
        ["a", "città \"1\"", "x/y:z", "\u{1F600}"][Int.random(in: 0..<4, using: &random)]
    }

    private func anyOwner(_ random: inout SeededNumbers) -> CaseEvent.Owner {
        CaseEvent.Owner(
            kind: maybe(&random, anyWord), id: maybe(&random, anyName),
            line: maybe(&random, anyWord))
    }

    private func anyCaseEvent(_ random: inout SeededNumbers) -> CaseEvent {
        switch Int.random(in: 0..<10, using: &random) {
        case 0:
            .opened(
                CaseEvent.Opened(
                    channel: maybe(&random, anyWord), service: maybe(&random, anyName),
                    area: maybe(&random, anyName), openedBy: maybe(&random, anyWord),
                    target: maybe(&random) {
                        Instant(microseconds: .random(in: 0...4_000_000_000_000_000, using: &$0))
                    },
                    agreement: maybe(&random, anyName),
                    zone: maybe(&random) { _ in "Europe/Rome" }))
        case 1: .takenInCharge(anyOwner(&random))
        case 2: .assigned(anyOwner(&random))
        case 3: .waitingStarted(on: anyWord(&random), anyOwner(&random))
        case 4: .waitingEnded
        case 5: .activityRecorded(maybe(&random, anyName), anyOwner(&random))
        case 6: .resolved(maybe(&random, anyWord), anyOwner(&random))
        case 7: .reopened
        case 8: .closed(anyOwner(&random))
        default: .termBreached
        }
    }

    private func anySurveyEvent(_ random: inout SeededNumbers) -> SurveyEvent {
        let subject = SurveyEvent.Subject(
            survey: anyName(&random), contact: maybe(&random, anyName),
            caseID: maybe(&random, anyName), channel: maybe(&random, anyWord),
            service: maybe(&random, anyName))
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return .invited(subject)
        case 1: return .deliveryFailed
        default:
            let count = Int.random(in: 0..<4, using: &random)
            let answers = (0..<count).map {
                SurveyEvent.Answer(
                    question: "q\($0)", value: .random(in: .min ... .max, using: &random))
            }
            return .answered(subject, answers)
        }
    }
}
