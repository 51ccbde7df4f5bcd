package import JSON

/// What a contact's stream holds at one place.
package struct ContactFact: Sendable {
    package let position: UInt64
    /// Nil where nobody asks for it.
    package let id: String?
    package let type: String
    package let schema: UInt16
    /// When it happened, as far as that is known.
    package let occurred: Instant
    /// Nil where the data are no JSON object.
    package let payload: JSONPayload?

    /// Whether it happened, as far as is known.
    package let standing: Standing
    /// What was said about it since; its data and time are the corrected ones.
    package let said: [Said]
    /// The position of the event that it is about, where it is a correction.
    package let about: UInt64?

    package enum Standing: Equatable, Sendable {
        case holds
        /// It never happened; by which position that is said of a correction.
        case void(by: UInt64?)
        /// A correction of no earlier event.
        case correctsNothing
    }

    package struct Said: Equatable, Sendable {
        package let position: UInt64
        package let what: String
        package let reason: String
        package let authority: String

        package init(position: UInt64, what: String, reason: String, authority: String) {
            self.position = position
            self.what = what
            self.reason = reason
            self.authority = authority
        }
    }

    package init(
        position: UInt64, id: String? = nil, type: String, schema: UInt16, occurred: Instant,
        payload: JSONPayload?,
        standing: Standing = .holds, said: [Said] = [], about: UInt64? = nil
    ) {
        self.position = position
        self.id = id
        self.type = type
        self.schema = schema
        self.occurred = occurred
        self.payload = payload
        self.standing = standing
        self.said = said
        self.about = about
    }
}

/// A contact's story in words, one sentence for each event of its stream, in the stream's order.
package struct ContactStory: Sendable {
    package struct Sentence: Equatable, Sendable {
        package let position: UInt64
        package let occurred: Instant
        package let text: String
        /// What is odd about it; nil where nothing is.
        package let remark: String?
        /// The rule that it breaks where it stands; nil where it breaks none.
        package let broken: ContactState.Rule?
    }

    package private(set) var sentences: [Sentence] = []
    /// Time in queues, in µs: of the visits whose beginning and end are known; nil where no number
    /// of 64 bits holds it.
    package private(set) var waited: Int64? = 0
    /// Time with operators, in µs, holds included: of the conversations whose ends are known.
    package private(set) var talked: Int64? = 0
    /// Time on hold within conversations, in µs: of the holds whose ends are known.
    package private(set) var held: Int64? = 0
    /// How many visits of queues, and conversations, have ended of which nobody knows how long
    /// they were.
    package private(set) var unknownWaits = 0
    package private(set) var unknownTalks = 0
    /// IANA name of the zone that the contact states for itself; nil where it states none.
    package private(set) var zone: String?
    private var state = ContactState()
    /// The ids of the decisions about it.
    private var decisions: Set<ExactText> = []
    private var queued: (queue: QueueID, at: Moment)?
    private var connected: Moment?
    private var onHold: Moment?
    /// When the last of them happened that is no correction, and of which that is well known.
    private var lastOccurred: Instant?

    /// Takes in the events in the order of the stream; linear in them.
    package init(_ facts: some Sequence<ContactFact>) {
        for fact in facts { tell(fact) }
    }

    /// How the contact stands after all of them.
    package var ending: String { state.phase.words }

    /// Since when it waits in a queue; nil where it does not, or where that is not told.
    package var waitingSince: Instant? {
        guard case .waiting = state.phase else { return nil }
        return queued?.at.instant
    }

    /// For how long it has waited in that queue at a moment, in µs; nil where it does not wait, or
    /// where the moment lies before.
    package func waiting(at moment: Instant) -> Int64? {
        guard let since = waitingSince, queued?.at.isFine == true, since <= moment else {
            return nil
        }
        let (span, isBeyond) = moment.microseconds.subtractingReportingOverflow(
            since.microseconds)
        return isBeyond ? nil : span
    }

    /// ``waited``, and the wait that goes on at a moment.
    package func waited(at moment: Instant) -> Int64? {
        guard let waiting = waiting(at: moment), let waited else { return waited }
        let (sum, isBeyond) = waited.addingReportingOverflow(waiting)
        return isBeyond ? nil : sum
    }

    private mutating func tell(_ fact: ContactFact) {
        if let correction = CorrectionEvent.Kind(rawValue: fact.type) {
            return tell(correction, fact)
        }
        var remarks = fact.said.map { said in
            "\(said.what), as position \(said.position) says: \(said.reason), by \(said.authority)"
        }
        noteDecision(fact)
        guard fact.standing == .holds else {
            // What it led to then is told, and leads to nothing.
            var untold = self
            let event = try? ContactEvent(
                type: fact.type, schema: fact.schema, payload: fact.payload)
            let text = event.map { untold.words($0, fact) } ?? fact.type
            return add(fact, text, remarks.suffix(1))
        }
        let precision = Moment(of: fact).precision
        if precision >= .minute {
            remarks.append("only the \(precision.name) is known when it happened")
        } else {
            if let before = lastOccurred, fact.occurred < before {
                remarks.append("by its clock it happened before the event above")
            }
            lastOccurred = fact.occurred
        }
        let text: String
        var broken: ContactState.Rule?
        do throws(PayloadError) {
            let event = try ContactEvent(
                type: fact.type, schema: fact.schema, payload: fact.payload)
            text = words(event, fact)
            if case .broken(let rule) = state.apply(event) {
                broken = rule
                remarks.append("it cannot follow: \(rule.meaning) (\(rule.rawValue))")
            }
            remarks += remarksOnRouting(fact)
        } catch {
            text = "\(fact.type), which cannot be read"
            remarks.append("\(error)")
        }
        add(fact, text, remarks, broken)
    }

    /// What was said about an earlier event.
    private mutating func tell(_ kind: CorrectionEvent.Kind, _ fact: ContactFact) {
        let event = try? CorrectionEvent(
            kind, schema: fact.schema, payload: fact.payload)
        guard let event, let about = fact.about, fact.standing != .correctsNothing else {
            return add(
                fact, fact.type,
                ["it is about no earlier event that can be corrected, and changes nothing"])
        }
        let text =
            switch event {
            case .corrected(let correction):
                "what position \(about) says was corrected: \(correction.reason), "
                    + "by \(correction.authority)"
            case .voided(let voiding):
                "what position \(about) says never happened: \(voiding.reason), "
                    + "by \(voiding.authority)"
            }
        guard case .void(let position?) = fact.standing else { return add(fact, text, []) }
        add(fact, text, ["it holds no more, as position \(position) says"])
    }

    private mutating func add(
        _ fact: ContactFact, _ text: String, _ remarks: [String],
        _ broken: ContactState.Rule? = nil
    ) {
        sentences.append(
            Sentence(
                position: fact.position, occurred: fact.occurred, text: text,
                remark: remarks.isEmpty ? nil : remarks.joined(separator: "; "), broken: broken))
    }

    private mutating func words(_ event: ContactEvent, _ fact: ContactFact) -> String {
        let moment = Moment(of: fact)
        switch event {
        case .received(let received):
            zone = zone ?? received.zone
            return words(received)
        case .selfServiceEnded(let result): return words(result)
        case .blocked(let blocking): return blocking.words
        case .queued(let visit):
            queued = (visit.queue, moment)
            return "began to wait in the queue \(visit.queue)" + reason(visit.reason?.words)
        case .waitAnnounced(let announcement): return announcement.words
        case .leftQueue(let left):
            var begun = queued?.queue == left.queue ? queued?.at : nil
            if begun != nil { queued = nil }
            let span = Self.span(&begun, to: moment, into: &waited)
            if span.isUnknown { unknownWaits += 1 }
            return words(left, after: span)
        case .offerMade(let offer): return "was offered to the operator \(offer.operator)"
        case .offerEnded(let end, let name): return end.words(name)
        case .callbackRequested(let request): return request.words
        case .callbackAttempted(let name):
            return (name.map { "the operator \($0)" } ?? "an operator") + " called the citizen back"
        case .callbackReached: return "the citizen was reached"
        case .callbackFailed(let failure): return "the citizen was not reached: \(failure.words)"
        case .callbackExpired: return "the time to call the citizen back has passed"
        case .abandoned(let stage): return "the citizen gave up " + stage.words
        case .connected(let name):
            connected = moment
            onHold = nil
            return name.map { "the operator \($0) answered" }
                ?? "an operator answered; the source does not tell which one"
        case .held(let reason):
            onHold = moment
            return "the operator had the citizen wait on hold" + self.reason(reason?.words)
        case .resumed:
            return "the conversation went on"
                + Self.span(&onHold, to: moment, into: &held).spoken
        case .transferred(let mode):
            return "the operator handed the contact on"
                + (mode.map { ", \($0.words)" } ?? "") + endTalk(at: moment).spoken
        case .disconnected(let party):
            let what = connected == nil ? "the line was closed" : "the conversation ended"
            return what + (party.map { ", by the \($0.name)" } ?? "")
                + endTalk(at: moment).spoken
        case .afterWorkEnded(let name):
            return (name.map { "the operator \($0)" } ?? "the operator")
                + " finished what was left to do"
        case .outcomeRecorded(let outcome): return outcome.words
        case .closed: return "the contact was closed"
        case .unknown:
            return words(ofDecision: fact) ?? words(ofIntervention: fact) ?? words(ofUnknown: fact)
        }
    }

    /// A conversation is over, and with it a hold that nobody has ended.
    private mutating func endTalk(at moment: Moment) -> Span {
        _ = Self.span(&onHold, to: moment, into: &held)
        let span = Self.span(&connected, to: moment, into: &talked)
        if span.isUnknown { unknownTalks += 1 }
        return span
    }

    private func words(_ received: ContactEvent.Received) -> String {
        let way =
            received.channel.spelling == "other"
            ? received.channel.name
            : received.channel.spelling.spaced
        let who =
            switch received.direction {
            case .incoming: "the citizen reached the centre by \(way)"
            case .outgoing: "the centre turned to the citizen by \(way)"
            }
        guard let queue = received.queue else { return who }
        return received.direction == .incoming
            ? "\(who) and asked for the queue \(queue)" : "\(who), for the queue \(queue)"
    }

    private func words(_ result: SelfServiceResult) -> String {
        switch result {
        case .contained: "self-service was enough"
        case .toOperator: "self-service ended, since the citizen wanted an operator"
        case .hungUp: "the citizen hung up in self-service"
        case .failed: "self-service failed"
        case .other(let text): "self-service ended: \(text)"
        }
    }

    private func words(_ left: ContactEvent.LeftQueue, after span: Span) -> String {
        "left the queue \(left.queue)\(span.waited)" + reason(left.reason.words)
    }

    private func reason(_ words: String?) -> String { words.map { ": \($0)" } ?? "" }

    /// What a routing decision says; nil for other events.
    private func words(ofDecision fact: ContactFact) -> String? {
        guard fact.type == RoutingDecision.Kind.decided.type else { return nil }
        return (try? RoutingDecision(schema: fact.schema, payload: fact.payload))?.sentence
    }

    private mutating func noteDecision(_ fact: ContactFact) {
        guard fact.type == RoutingDecision.Kind.decided.type, let id = fact.id else { return }
        decisions.insert(ExactText(id))
    }

    /// What is odd about a change of where the contact goes, or when.
    private func remarksOnRouting(_ fact: ContactFact) -> [String] {
        let event = try? RoutingIntervention(
            type: fact.type, schema: fact.schema, payload: fact.payload)
        guard let event, let kind = event.kind else { return [] }
        var remarks: [String] = []
        if !state.mayBeChanged(by: kind) {
            remarks.append("nothing came of it: the contact did not wait")
        }
        if case .overridden(let override) = event, !decisions.contains(ExactText(override.decision))
        {
            remarks.append("the decision that it names is not about this contact")
        }
        return remarks
    }

    private func words(ofIntervention fact: ContactFact) -> String? {
        let event = try? RoutingIntervention(
            type: fact.type, schema: fact.schema, payload: fact.payload)
        guard let event, event != .unknown else { return nil }
        return event.sentence
    }

    /// A decision that this version does not read tells its reasons itself.
    private func words(ofUnknown fact: ContactFact) -> String {
        let name = "\(fact.type), schema \(fact.schema), which this version only passes on"
        guard let payload = fact.payload else { return name }
        var members: [String] = []
        payload.forEachMember { key, value in
            let text = value.string ?? String(decoding: value.bytes, as: UTF8.self)
            members.append("\(key) \(text)")
        }
        return members.isEmpty ? name : "\(name): \(members.joined(separator: ", "))"
    }

    /// When something happened, and how precisely that is known.
    private struct Moment {
        let instant: Instant
        let precision: OccurredPrecision

        init(of fact: ContactFact) {
            instant = fact.occurred
            precision =
                (try? OccurredPrecision(of: fact.payload, type: fact.type)) ?? .microsecond
        }

        var isFine: Bool { precision < .minute }
    }

    /// From a beginning to an end, where both are known and the clock did not run backward.
    private enum Span {
        case known(Int64)
        case coarse(OccurredPrecision)
        case backward
        case noBeginning

        /// Whether there was one, and nobody knows how long.
        var isUnknown: Bool {
            switch self {
            case .coarse, .backward: true
            case .known, .noBeginning: false
            }
        }

        var waited: String {
            switch self {
            case .known(let microseconds): " after \(duration(microseconds))"
            case .coarse(let precision): " after a wait that is unknown, \(precision.reason)"
            case .backward: " after a wait that is unknown, since the clock ran backward"
            case .noBeginning: ", of which it is not told that it was entered"
            }
        }

        var spoken: String {
            switch self {
            case .known(let microseconds): ", after \(duration(microseconds))"
            case .coarse(let precision): ", after a time that is unknown, \(precision.reason)"
            case .backward: ", after a time that is unknown, since the clock ran backward"
            case .noBeginning: ""
            }
        }
    }

    private static func span(
        _ start: inout Moment?, to end: Moment, into sum: inout Int64?
    ) -> Span {
        guard let begun = start else { return .noBeginning }
        start = nil
        guard begun.isFine, end.isFine else { return .coarse(max(begun.precision, end.precision)) }
        let (length, isTooLong) = end.instant.microseconds.subtractingReportingOverflow(
            begun.instant.microseconds)
        guard !isTooLong, length >= 0 else { return .backward }
        let (longer, isBeyond) = (sum ?? 0).addingReportingOverflow(length)
        sum = sum == nil || isBeyond ? nil : longer
        return .known(length)
    }
}

/// A duration as people say it: `2 min 3 s`, `0.4 s`; nil for one that nobody knows.
package func duration(_ microseconds: Int64?) -> String {
    guard let microseconds else { return "a time that is unknown" }
    let (tenths, rest) = microseconds.quotientAndRemainder(dividingBy: 100_000)
    let rounded = tenths + (rest >= 50_000 ? 1 : 0)
    if rounded < 100, rounded % 10 != 0 { return "\(rounded / 10).\(rounded % 10) s" }
    let seconds = tenths / 10 + (tenths % 10 >= 5 ? 1 : 0)
    let parts = [
        (seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    let told = parts.drop { $0.0 == 0 }.prefix(2).filter { $0.0 > 0 }
    return told.isEmpty ? "0 s" : told.map { "\($0) \($1)" }.joined(separator: " ")
}

extension OccurredPrecision {
    /// What a clock would have to show.
    fileprivate var name: String {
        switch self {
        case .microsecond: "microsecond"
        case .millisecond: "millisecond"
        case .second: "second"
        case .minute: "minute"
        case .day: "day"
        }
    }

    fileprivate var reason: String { "since only the \(name) of it is told" }
}

extension String {
    fileprivate var spaced: String {
        String(map { $0 == "_" ? " " : $0 })
    }
}
