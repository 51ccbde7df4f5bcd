import ContactCentre
import JSON
import TestSupport
import Testing

/// Payloads are written and read as inverse pairs, and wrong ones are named precisely.
struct EventPayloadTests {
    @Test(arguments: UInt64(0)..<40)
    func contactEventsAreReadBackAsWritten(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        for _ in 0..<50 {
            let event = anyContactEvent(&random)
            let bytes = event.payload
            try checkJSON(bytes[...])
            let kind = try #require(event.kind)
            let read = try ContactEvent(
                type: kind.rawValue, schema: 1, payload: JSONPayload(checked: bytes[...]))
            #expect(read == event)
            #expect(read.payload == bytes)
        }
    }

    @Test(arguments: UInt64(0)..<20)
    func operatorEventsAreReadBackAsWritten(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        for _ in 0..<50 {
            let event = anyOperatorEvent(&random)
            let bytes = event.payload
            try checkJSON(bytes[...])
            let kind = try #require(event.kind)
            let read = try OperatorEvent(
                type: kind.rawValue, schema: 1, payload: JSONPayload(checked: bytes[...]))
            #expect(read == event)
            #expect(read.payload == bytes)
        }
    }

    @Test func membersStandInAFixedOrder() throws {
        let queue = try #require(QueueID("URP \"1\""))
        let received = ContactEvent.received(
            .init(channel: .phone, direction: .incoming, queue: queue, zone: "Europe/Rome"))
        #expect(
            text(received.payload)
                == #"{"channel":"phone","direction":"in","queueId":"URP \"1\"","#
                + #""zone":"Europe/Rome"}"#
        )
        let left = ContactEvent.leftQueue(.init(queue: queue, reason: .other("fire drill")))
        #expect(
            text(left.payload)
                == #"{"queueId":"URP \"1\"","reason":"other","otherText":"fire drill"}"#)
        let change = OperatorEvent.statusChanged(.init(from: .other("a"), to: .other("b")))
        #expect(
            text(change.payload)
                == #"{"from":"other","fromOtherText":"a","to":"other","toOtherText":"b"}"#)
        #expect(text(ContactEvent.connected(nil).payload) == "{}")
    }

    @Test(arguments: [
        ("contact.received", UInt16(2)), ("contact.received", 0), ("contact.Received", 1),
        ("contact.teleported", 1), ("operator.logged_in", 1), ("", 1),
    ])
    func otherTypesAndVersionsPassThrough(type: String, schema: UInt16) throws {
        let payload = JSONPayload(checked: Array("{\"channel\":7}".utf8)[...])
        #expect(try ContactEvent(type: type, schema: schema, payload: payload) == .unknown)
        #expect(
            try OperatorEvent(type: "contact.received", schema: schema, payload: payload)
                == .unknown)
    }

    @Test func strangeMembersArePassedOverAndNullIsAbsent() throws {
        let event = try read(
            "contact.received",
            #" {"x":[1,{"channel":"fax"}],"direction":"in","zone":null,"channel":"pec"} "#)
        #expect(event == .received(.init(channel: .pec, direction: .incoming)))
    }

    /// Type, payload, and the message that a person gets to see.
    @Test(arguments: [
        (
            "contact.received", #"{"direction":"in"}"#,
            "contact.received: \"channel\" is missing"
        ),
        (
            "contact.received", #"{"channel":"phone","direction":"sideways"}"#,
            "contact.received: \"direction\" must be one of in, out, not \"sideways\""
        ),
        (
            "contact.received", #"{"channel":1,"direction":"in"}"#,
            "contact.received: \"channel\" must be a string"
        ),
        (
            "contact.received", #"{"channel":"other","direction":"in"}"#,
            "contact.received: \"otherText\" is missing"
        ),
        (
            "contact.received", #"{"channel":"other","otherText":"phone","direction":"in"}"#,
            "contact.received: \"otherText\" must not be \"phone\", which is a word of the list: "
                + "write it as \"channel\""
        ),
        (
            "contact.received", #"{"channel":"other","otherText":"a\u0007","direction":"in"}"#,
            "contact.received: \"otherText\" must not contain control characters"
        ),
        (
            "contact.received", #"{"channel":"other","otherText":"","direction":"in"}"#,
            "contact.received: \"otherText\" must not be empty"
        ),
        (
            "contact.queued", #"{"queueId":""}"#,
            "contact.queued: \"queueId\" must not be empty"
        ),
        (
            "contact.queued", #"{"queueId":{"id":"q"}}"#,
            "contact.queued: \"queueId\" must be a string"
        ),
        (
            "contact.left_queue", "null",
            "contact.left_queue: \"queueId\" must be in \"data\", which must be a JSON object"
        ),
        (
            "contact.left_queue", #"{"queueId":"q","reason":null}"#,
            "contact.left_queue: \"reason\" is missing"
        ),
        (
            "contact.self_service_ended", #"{"result":"HUNG_UP"}"#,
            "contact.self_service_ended: \"result\" must be one of contained, to_operator, "
                + "hung_up, failed, other, not \"HUNG_UP\""
        ),
        (
            "contact.disconnected", #"{"by":true}"#,
            "contact.disconnected: \"by\" must be a string"
        ),
        (
            "contact.connected", #"{"operatorId":""}"#,
            "contact.connected: \"operatorId\" must not be empty"
        ),
    ])
    func wrongPayloadsAreNamed(type: String, payload: String, message: String) throws {
        let error = #expect(throws: PayloadError.self) { try read(type, payload) }
        #expect(try #require(error).description == message)
    }

    @Test func everyWordIsSpeltOnceAndReadsBack() {
        expectDistinctSpellings(Channel.self)
        expectDistinctSpellings(SelfServiceResult.self)
        expectDistinctSpellings(EnqueueReason.self)
        expectDistinctSpellings(LeaveReason.self)
        expectDistinctSpellings(AbandonmentStage.self)
        expectDistinctSpellings(Party.self)
        expectDistinctSpellings(OperatorStatus.self)
    }

    private func expectDistinctSpellings<Meaning: Vocabulary>(_: Meaning.Type) {
        let spellings = Meaning.words.map(\.spelling)
        #expect(Set(spellings + ["other"]).count == spellings.count + 1)
        #expect(Set(Meaning.words.map(\.meaning)).count == spellings.count)
        #expect(Meaning.words.allSatisfy { $0.meaning.spelling == $0.spelling })
        #expect(Meaning.words.allSatisfy { $0.meaning.otherText == nil })
        #expect(Meaning.other("x").spelling == "other")
        #expect(Meaning.other("x").otherText == "x")
    }

    private func read(_ type: String, _ payload: String) throws -> ContactEvent {
        try ContactEvent(
            type: type, schema: 1, payload: JSONPayload(checked: Array(payload.utf8)[...]))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

private func anyText(
    _ random: inout SeededNumbers,
    of letters: [Character] = ["a", "Z", "\"", "\\", "\n", "\u{1}", "é", "e\u{301}", "😀", " "]
) -> String {
    let count = Int.random(in: 1...8, using: &random)
    return String((0..<count).map { _ in letters.randomElement(using: &random) ?? "a" })
}

private func anyWord<Meaning: Vocabulary>(_ random: inout SeededNumbers) -> Meaning {
    let word = Meaning.words.randomElement(using: &random)
    guard let word, !random.happens(oneIn: 6) else {
        // The texts of `other` are names: they show as what they are.
        return .other(anyText(&random, of: ["a", "Z", "\"", "\\", "é", "e\u{301}", "😀"]))
    }
    return word.meaning
}

private func anyContactEvent(_ random: inout SeededNumbers) -> ContactEvent {
    let kinds = ContactEvent.Kind.allCases
    let queue = QueueID(anyText(&random))
    let name = random.happens(oneIn: 3) ? nil : OperatorID(anyText(&random))
    switch (kinds.randomElement(using: &random) ?? .received, queue) {
    case (.queued, .some(let queue)):
        return .queued(
            .init(queue: queue, reason: random.happens(oneIn: 3) ? nil : anyWord(&random)))
    case (.leftQueue, .some(let queue)):
        return .leftQueue(.init(queue: queue, reason: anyWord(&random)))
    case (.selfServiceEnded, _): return .selfServiceEnded(anyWord(&random))
    case (.abandoned, _): return .abandoned(anyWord(&random))
    case (.connected, _): return .connected(name)
    case (.afterWorkEnded, _): return .afterWorkEnded(name)
    case (.transferred, _):
        return .transferred(random.happens(oneIn: 3) ? nil : anyWord(&random))
    case (.blocked, _):
        return .blocked(
            .init(
                anyWord(&random),
                retryAfter: random.happens(oneIn: 3) ? nil : .random(in: 0 ... .max)))
    case (.held, _): return .held(random.happens(oneIn: 3) ? nil : anyWord(&random))
    case (.resumed, _): return .resumed
    case (.closed, _): return .closed
    case (.outcomeRecorded, _):
        return .outcomeRecorded(
            .init(
                anyWord(&random), line: random.happens(oneIn: 3) ? nil : anyWord(&random),
                declaredBy: random.happens(oneIn: 3) ? nil : anyWord(&random),
                cases: random.happens(oneIn: 2) ? [] : ["2026-117", "2026-118"]))
    case (.disconnected, _):
        return .disconnected(by: random.happens(oneIn: 3) ? nil : anyWord(&random))
    default:
        return .received(
            .init(
                channel: anyWord(&random),
                direction: random.happens(oneIn: 2) ? .incoming : .outgoing,
                queue: random.happens(oneIn: 3) ? nil : queue,
                zone: random.happens(oneIn: 3) ? nil : anyText(&random)))
    }
}

private func anyOperatorEvent(_ random: inout SeededNumbers) -> OperatorEvent {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: .loggedIn
    case 1: .loggedOut
    default: .statusChanged(.init(from: anyWord(&random), to: anyWord(&random)))
    }
}
