import ContactCentre
import Testing

/// The life cycle of a contact, judged against a table that was written apart from the code.
struct ContactStateTests {
    /// One line per step: where a contact stands, the event's letter, where it stands then.
    ///
    /// What is not here is forbidden. Letters: R received; c t h f self-service ended contained,
    /// to operator, hung up, failed; q Q queued in queue 1, 2; T transferred to queue 1; a A left
    /// queue 1, 2 as answered; g left queue 1 abandoned; o left queue 1 overflowed; k left queue 2
    /// by key; S B H abandoned in self-service, in the queue, on hold; C connected;
    /// X transferred; D disconnected; W after-work ended; P callback requested; K queued in queue 1
    /// for it; N attempted; E reached; M failed; Z expired; V told what there is instead. Where a
    /// standing ends in w, somebody who has handed the contact on may have something left to do.
    private static let table = """
        start R new
        new c contained | new t asked | new f asked | new h hung | new q in1 | new Q in2
        new T in1t | new S gone | new D end | new C talking | asked C talking
        asked c contained | asked t asked | asked f asked | asked h hung | asked q in1
        asked Q in2 | asked T in1t | asked S gone | asked D end
        contained D end
        hung S gone | hung D end
        in1 a picked | in1 g fedup | in1 o moved
        in2 A picked | in2 k moved
        moved c contained | moved t asked | moved f asked | moved h hung | moved q in1
        moved Q in2 | moved T in1t | moved S gone | moved D end
        in1t a pickedw | in1t g fedupw | in1t o movedw | in1t V in1t | in1t W in1t
        fedup B gone | fedup D end
        gone D end
        picked C talking
        talking T in1t | talking H cutoff | talking D talked | talking X passed
        pickedw C talking | pickedw W pickedw
        fedupw B gonew | fedupw D endw | fedupw W fedupw
        gonew D endw | gonew W gonew | endw W endw
        movedw c contained | movedw t asked | movedw f asked | movedw h hung | movedw q in1
        movedw Q in2 | movedw T in1t | movedw S gonew | movedw D endw | movedw W movedw
        passed q in1 | passed Q in2 | passed T in1t | passed C talking | passed W passed
        passed D talked
        cutoff D talked
        talked W end
        new P due | asked P due | moved P due | movedw P duew | passed P duew
        new K in1 | asked K in1 | moved K in1 | movedw K in1t | passed K in1t
        in1 V in1 | in2 V in2 | called V called
        due P due | due K called | due N dialled | taken P due | dialled P due | dialled N dialled
        due Z end | due B gone
        called a taken | called g fedup | called o due
        taken K called | taken N dialled | taken Z end | taken B gone
        dialled E picked | dialled M missed | dialled K called | dialled Z end | dialled B gone
        missed P due | missed K called | missed N dialled | missed Z end | missed B gone
        due D due | called D called | taken D taken | missed D missed
        cutowing Z cutoff | cutowing P cutowing | cutoff P cutowing
        talking P owing | owing P owing | owing Z talking | owing T in1t | owing X passed
        owing H cutowing | owing D duew | cutowing D duew | talked P duew
        duew P duew | duew K calledw | duew N dialledw | duew D duew | duew Z endw | duew B gonew
        calledw a takenw | calledw g fedupw | calledw o duew | calledw V calledw
        calledw D calledw
        takenw P duew | takenw K calledw | takenw N dialledw | takenw D takenw | takenw Z endw
        takenw B gonew
        dialledw P duew | dialledw K calledw | dialledw N dialledw | dialledw E pickedw
        dialledw M missedw | dialledw Z endw | dialledw B gonew
        missedw P duew | missedw K calledw | missedw N dialledw | missedw D missedw
        missedw Z endw | missedw B gonew
        duew W duew | calledw W calledw | takenw W takenw | dialledw W dialledw
        missedw W missedw
        """

    private static let steps: [String: [Character: String]] = {
        var steps: [String: [Character: String]] = [:]
        for step in table.split(whereSeparator: { $0 == "\n" || $0 == "|" }) {
            let words = step.split(separator: " ")
            guard words.count == 3, let letter = words[1].first else { continue }
            steps[String(words[0]), default: [:]][letter] = String(words[2])
        }
        return steps
    }()

    private static func alphabet() throws -> [(letter: Character, event: ContactEvent)] {
        let one = try #require(QueueID("1"))
        let two = try #require(QueueID("2"))
        return [
            ("R", .received(.init(channel: .phone, direction: .incoming))),
            ("c", .selfServiceEnded(.contained)), ("t", .selfServiceEnded(.toOperator)),
            ("h", .selfServiceEnded(.hungUp)), ("f", .selfServiceEnded(.failed)),
            ("q", .queued(.init(queue: one))), ("Q", .queued(.init(queue: two, reason: .first))),
            ("T", .queued(.init(queue: one, reason: .transfer))),
            ("a", .leftQueue(.init(queue: one, reason: .answered))),
            ("A", .leftQueue(.init(queue: two, reason: .answered))),
            ("g", .leftQueue(.init(queue: one, reason: .abandoned))),
            ("o", .leftQueue(.init(queue: one, reason: .overflowed))),
            ("k", .leftQueue(.init(queue: two, reason: .keyExit))),
            ("S", .abandoned(.selfService)), ("B", .abandoned(.queue)),
            ("H", .abandoned(.hold)), ("C", .connected(nil)), ("X", .transferred(.blind)),
            ("D", .disconnected(by: nil)), ("W", .afterWorkEnded(nil)),
            ("P", .callbackRequested(.init(queue: one))),
            ("K", .queued(.init(queue: one, reason: .callback))), ("N", .callbackAttempted(nil)),
            ("E", .callbackReached), ("M", .callbackFailed(.noAnswer)), ("Z", .callbackExpired),
            ("V", .waitAnnounced(.init([.callback]))),
        ]
    }

    /// Every sequence of up to eight events whose events before the last one are allowed.
    @Test func agreesWithTheTable() throws {
        let alphabet = try Self.alphabet()
        var frontier: [(standing: String, state: ContactState, path: String)] = [
            ("start", ContactState(), "")
        ]
        var judged = 0
        for _ in 0..<8 {
            var next: [(standing: String, state: ContactState, path: String)] = []
            for (standing, state, path) in frontier {
                for (letter, event) in alphabet {
                    var after = state
                    let verdict = after.apply(event)
                    let target = Self.steps[standing]?[letter]
                    judged += 1
                    if (verdict == .accepted) != (target != nil) {
                        Issue.record("\(path)\(letter) from \(standing): \(verdict)")
                    }
                    if let target { next.append((target, after, path + String(letter))) }
                }
            }
            frontier = next
        }
        #expect(judged > 50_000)
    }

    /// Sequences with and without mistakes, and the verdict on their last event.
    @Test(arguments: [
        ("q", ContactState.Rule.receivedFirst), ("W", .receivedFirst),
        ("RR", .receivedOnce), ("RqagR", .receivedOnce), ("RDR", .receivedOnce),
        ("Rqt", .selfServiceBeforeQueue), ("RqaCc", .selfServiceBeforeQueue),
        ("RqQ", .oneQueueAtATime), ("Rqq", .oneQueueAtATime),
        ("Rqaq", .queuedWithoutOperator), ("RqaCQ", .queuedWithoutOperator),
        ("Ra", .leavesAfterQueued), ("Rqaa", .leavesAfterQueued),
        ("RqA", .leavesSameQueue), ("RQg", .leavesSameQueue),
        ("RqC", .connectedAfterAnswered),
        ("RqoC", .connectedAfterAnswered), ("RqX", .transferredByOperator),
        ("RqaCXX", .transferredByOperator), ("RqaCXt", .selfServiceBeforeQueue),
        ("RqaCXqW", .afterWorkAfterConversation), ("RqaCXDWW", .nothingAfterEnd),
        ("RB", .abandonedWhereItStands),
        ("RqB", .abandonedWhereItStands), ("RqgS", .abandonedWhereItStands),
        ("RqaH", .abandonedWhereItStands), ("RqaCB", .abandonedWhereItStands),
        ("RqD", .endsOutsideQueue), ("RqaD", .endsOutsideQueue),
        ("RW", .afterWorkAfterConversation), ("RqaCW", .afterWorkAfterConversation),
        ("RDD", .nothingAfterEnd), ("RqaCDWW", .nothingAfterEnd), ("RqaCDD", .nothingAfterEnd),
        ("RcW", .nothingAfterEnd), ("RhSq", .nothingAfterEnd), ("RqgBC", .nothingAfterEnd),
        ("RN", .calledAfterRequest), ("RqaN", .calledAfterRequest),
        ("RPKN", .calledAfterRequest), ("RqP", .callbackOutsideQueue),
        ("RqaP", .callbackOutsideQueue),
        ("RqaCDWP", .nothingAfterEnd), ("RqaCPN", .calledAfterRequest),
        ("RqaCPK", .queuedWithoutOperator), ("RqaCPW", .afterWorkAfterConversation),
        ("RPq", .queuedAsCallback), ("RPNT", .queuedAsCallback), ("RE", .callbackEndsAttempt),
        ("RPM", .callbackEndsAttempt), ("RPNEM", .callbackEndsAttempt),
        ("RZ", .expiresAfterRequest), ("RPKZ", .expiresAfterRequest),
        ("RPNEZ", .expiresAfterRequest), ("RPND", .endsOutsideQueue), ("RPDq", .queuedAsCallback),
        ("RPKaC", .connectedAfterAnswered), ("RPZK", .nothingAfterEnd),
        ("RV", .announcedWhileWaiting), ("RPV", .announcedWhileWaiting),
        ("RqgC", .nothingAfterEnd), ("Rhq", .nothingAfterEnd), ("RqaCHW", .nothingAfterEnd),
    ])
    func namesTheRule(sequence: String, rule: ContactState.Rule) throws {
        let alphabet = try Self.alphabet()
        var state = ContactState()
        var verdict = ContactState.Verdict.accepted
        for letter in sequence {
            let event = try #require(alphabet.first { $0.letter == letter }).event
            verdict = state.apply(event)
        }
        #expect(verdict == .broken(rule))
    }

    @Test func whoHandedOnFinishesByNameWhileSomebodyElseSpeaks() throws {
        let queue = try #require(QueueID("1"))
        let (one, two) = (try #require(OperatorID("one")), try #require(OperatorID("two")))
        var state = ContactState()
        func take(_ events: ContactEvent...) -> [ContactState.Verdict] {
            events.map { state.apply($0) }.filter { $0 != .accepted }
        }
        #expect(
            take(
                .received(.init(channel: .phone, direction: .incoming)),
                .queued(.init(queue: queue)), .leftQueue(.init(queue: queue, reason: .answered)),
                .connected(one), .transferred(.blind), .connected(two)) == [])
        #expect(
            take(.afterWorkEnded(nil), .afterWorkEnded(two))
                == [.broken(.afterWorkAfterConversation), .broken(.afterWorkAfterConversation)])
        #expect(take(.afterWorkEnded(one), .disconnected(by: nil), .afterWorkEnded(one)) == [])
        #expect(state.phase == .disconnected)
        #expect(take(.afterWorkEnded(two)) == [])
        #expect(state.phase == .over)
        #expect(take(.afterWorkEnded(one)) == [])
        #expect(
            take(.afterWorkEnded(two), .afterWorkEnded(nil))
                == [.broken(.nothingAfterEnd), .broken(.nothingAfterEnd)])
    }

    @Test func aMissingEventIsCountedOnce() throws {
        let alphabet = try Self.alphabet()
        var state = ContactState()
        let verdicts = try "qaCDW".map { letter in
            state.apply(try #require(alphabet.first { $0.letter == letter }).event)
        }
        #expect(
            verdicts == [.broken(.receivedFirst), .accepted, .accepted, .accepted, .accepted])
    }

    @Test func unknownEventsChangeNothing() throws {
        for (_, event) in try Self.alphabet() {
            var state = ContactState()
            _ = state.apply(event)
            let before = state
            #expect(state.apply(.unknown) == .accepted)
            #expect(state == before)
        }
    }
}

/// The life cycle of an operator, judged against the same kind of table.
struct OperatorStateTests {
    @Test func agreesWithTheTable() {
        // Standing, event, standing after; what is not here is forbidden.
        let table: [String: [Int: String]] = [
            "out": [0: "in"],
            "in": [1: "out", 2: "available", 3: "break", 4: "break"],
            "available": [1: "out", 2: "available", 3: "break"],
            "break": [1: "out", 4: "break"],
        ]
        let events: [OperatorEvent] = [
            .loggedIn, .loggedOut,
            .statusChanged(.init(from: .available, to: .available)),
            .statusChanged(.init(from: .available, to: .rest)),
            .statusChanged(.init(from: .rest, to: .rest)),
        ]
        var frontier: [(String, OperatorState)] = [("out", OperatorState())]
        for _ in 0..<6 {
            var next: [(String, OperatorState)] = []
            for (standing, state) in frontier {
                for (number, event) in events.enumerated() {
                    var after = state
                    let verdict = after.apply(event)
                    let target = table[standing]?[number]
                    #expect((verdict == .accepted) == (target != nil))
                    if let target { next.append((target, after)) }
                }
            }
            frontier = next
        }
        #expect(frontier.count > 50)
    }

    @Test func namesTheRule() {
        var state = OperatorState()
        #expect(state.apply(.loggedOut) == .broken(.loggedInFirst))
        let toBreak = OperatorEvent.statusChanged(.init(from: .available, to: .rest))
        #expect(state.apply(toBreak) == .broken(.loggedInFirst))
        // The change is taken to have happened, so the operator is at work and on a break.
        #expect(state.apply(.loggedIn) == .broken(.loggedInOnce))
        #expect(state.apply(toBreak) == .accepted)
        #expect(state.apply(toBreak) == .broken(.continuesFromStatus))
        #expect(state.apply(.unknown) == .accepted)
    }
}
