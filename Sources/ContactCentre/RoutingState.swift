internal import JSON

/// What routing decides upon, as the events up to some position tell it: the organisation, who is
/// at work with what, and who waits.
///
/// It knows the contacts that are open, and forgets those that are over.
package struct RoutingState: Sendable {
    /// A contact that is open.
    struct Contact: Codable, Sendable {
        var channel = RoutingNames.channel(.phone)
        var language: ExactText?
        var groups: [GroupTag] = []
        var visit: RoutingFloor.Visit?
        /// Where it stands in the line of its queue, as long as there are lines.
        var place: WaitingLines.Place?
        /// Why it came to the queue.
        var enqueued: EnqueueReason?
        /// The declared priority and needs, as names.
        var priority: Int64 = 0
        var needs: [SkillNeed] = []
        /// That it is to be called back, as long as that is owed to it.
        var callback: PromisedCallback?
        /// Whether it waits for our call, also where nothing is owed to it any more.
        var isToBeCalled = false
        /// Whether a callback was offered in this visit.
        var isCallbackOffered = false
        var hand: Hand?
        /// Whether somebody speaks with the citizen.
        var isInConversation = false
        /// Who does, or did last; nil where nobody did, or that is not told.
        var speaker: Int?
        /// Whether who speaks, or did last, has logged out meanwhile.
        var hasSpeakerLeft = false
        /// What somebody has chosen for it, as long as it has not been done.
        var override: Override?
        /// What somebody has changed about its priority, in the order of the log.
        var priorityChanges: [ChangedPriority] = []
        /// Queues that it has been in since anybody answered.
        var left: [Int] = []
        /// When it began to wait, as long as nobody has answered.
        var seniority: Int64?
        var decisions: UInt64 = 0
        /// The positions of the last decision, and of what ended the last offer.
        var lastDecision: UInt64?
        var lastOfferEnd: UInt64?
    }

    /// An operator who has a contact at hand.
    struct Hand: Codable, Sendable {
        var `operator`: Int
        var channel: Int
        var stage: Stage

        enum Stage: Codable, Sendable {
            /// Until when the offer stands, where that was said.
            case offered(until: Int64?)
            case accepted
            /// To somebody who has logged out since.
            case gone
            case talking
            case afterWork
        }
    }

    let hash: @Sendable ([UInt8]) -> [UInt8]
    /// By which decisions are made.
    package var rules = RoutingRules.present {
        didSet {
            if rules.heedHours != oldValue.heedHours { planHolds = nil }
            // Where somebody changed a priority, the lines of those who do not heed it are others.
            if arePrioritiesChanged, rules != oldValue { lines = nil }
        }
    }
    var arePrioritiesChanged = false
    var organisation = Organisation() {
        didSet { calendars = [:] }
    }
    /// The zone of calendars that name none: the log's.
    let logZone: Zone
    /// The opening hours that were asked for; nil of those that are not known.
    var calendars: [ExactText: OpeningCalendar?] = [:]
    /// The positions of events of the organisation that cannot be read here, as those of a later
    /// schema version: what they settle is not followed.
    package internal(set) var notUnderstood: [UInt64] = []
    var names = RoutingNames()
    var plan = RoutingPlan()
    /// The moments for which the plan holds; nil where it has to be made.
    private var planHolds: Range<Int64>?
    /// From when on another organisation is planned; nil where none is.
    private(set) var planEnds: Int64?
    /// Until when the plan knows when queues are open.
    private(set) var hoursEnd = Int64.max
    var floor = RoutingFloor()
    var contacts: [ExactText: Contact] = [:]
    /// The streams of contacts that wait, by the positions of what queued them.
    var waiting: [UInt64: ExactText] = [:]
    /// The streams of contacts to be called back, by the positions of what promised it.
    var promised: [UInt64: ExactText] = [:]
    /// Those of queues with a policy; nil where the lines have to be formed anew.
    private(set) var lines: WaitingLines?
    /// The contacts at hand of each operator.
    var atHand: [Int: [ExactText]] = [:]

    /// One of an empty log, in whose zone calendars are that name none; `hash` is SHA-256.
    package init(in zone: Zone = .utc, hash: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        logZone = zone
        self.hash = hash
    }

    /// Replaces what is known of the organisation, as a correction does.
    package mutating func replace(_ organisation: Organisation) {
        self.organisation = organisation
        planHolds = nil
    }

    /// Makes the plan that holds at a moment, where it is another one.
    mutating func plan(for now: Instant) {
        if planHolds?.contains(now.microseconds) != true { makePlan(for: now) }
        if lines == nil { formLines() }
    }

    private mutating func formLines() {
        var lines = WaitingLines()
        for stream in waiting.values {
            guard let contact = contacts[stream], let visit = contact.visit else { continue }
            let place = place(of: contact, visit)
            contacts[stream]?.place = place
            if let place { lines.insert(place, in: visit.queue) }
        }
        self.lines = lines
    }

    private mutating func makePlan(for now: Instant) {
        lines = nil
        let description = organisation.description(at: now)
        plan = RoutingPlan(description, at: now, &names) { [hash] in hexadecimal(hash($0)) }
        floor.fit(plan)
        let next = organisation.nextChange(after: now) ?? Instant(microseconds: .max)
        let end = rules.heedHours ? readHours(of: description, at: now.microseconds) : .max
        planHolds = now.microseconds..<min(next.microseconds, end)
        planEnds = next.microseconds == .max ? nil : next.microseconds
        hoursEnd = end
    }

    /// Takes in the next event of the log.
    ///
    /// Events of other types, and those that cannot be read, change nothing.
    package mutating func apply(_ fact: RoutingFact) {
        guard let kind = RoutedKind.ofType[fact.type] else { return }
        let (schema, payload) = (fact.schema, fact.payload)
        switch kind {
        case .contact(let kind):
            guard let event = try? ContactEvent(kind, schema: schema, payload: payload) else {
                return
            }
            apply(event, fact)
        case .operator(let kind):
            guard let event = try? OperatorEvent(kind, schema: schema, payload: payload),
                let name = Organisation.thing(of: fact.stream, StreamPrefix.operator)
            else { return }
            apply(event, of: names.operators.number(name), fact)
        case .organisation(let kind):
            guard OrganisationEvent.names(fact.stream, kind),
                let event = try? OrganisationEvent(kind, schema: schema, payload: payload)
            else { return notUnderstood.append(fact.position) }
            organisation.apply(
                event, of: fact.stream, position: fact.position, recorded: fact.occurred,
                occurred: fact.occurred)
            planHolds = nil
        case .decided:
            guard RoutingDecision.Kind.decided.reads(schema) else { return }
            contacts[ExactText(fact.stream)]?.decisions += 1
            contacts[ExactText(fact.stream)]?.lastDecision = fact.position
            contacts[ExactText(fact.stream)]?.visit?.decidedAt = fact.occurred.microseconds
        case .intervention(let kind):
            guard
                let event = try? RoutingIntervention(kind, schema: schema, payload: payload)
            else { return }
            apply(event, fact)
        }
    }

    private mutating func apply(_ event: OperatorEvent, of number: Int, _ fact: RoutingFact) {
        let now = fact.occurred.microseconds
        switch event {
        case .loggedIn:
            // Whatever was at hand before, its end has not been told.
            letGo(of: number, fact) { $0.visit == nil }
            floor.logIn(number, at: now, order: fact.position)
        case .loggedOut:
            letGo(of: number, fact) { contact in contact.visit == nil && !contact.isTalking }
            for stream in atHand[number] ?? [] where contacts[stream]?.isTalking == true {
                contacts[stream]?.hasSpeakerLeft = true
            }
            // What waits is still offered until somebody says that it is not.
            for stream in atHand[number] ?? [] where contacts[stream]?.visit != nil {
                contacts[stream]?.hand?.stage = .gone
            }
            floor.set(.away, of: number, at: now, order: fact.position)
        case .statusChanged(let change):
            if change.to == .available { letGo(of: number, fact) { $0.isInAfterWork } }
            let presence: RoutingFloor.Presence =
                switch change.to {
                case .available: .ready
                case .onContact, .ringing: .busy
                default: .paused
                }
            floor.set(presence, of: number, as: change.to, at: now, order: fact.position)
        case .unknown: break
        }
    }

    /// An operator has nothing left to do for contacts of which something is true.
    private mutating func letGo(
        of number: Int, _ fact: RoutingFact, where isMeant: (Contact) -> Bool
    ) {
        for stream in atHand[number] ?? [] {
            guard let contact = contacts[stream], isMeant(contact) else { continue }
            release(stream, fact)
            // What was not done yet is still to be done, by somebody else.
            guard contact.callback == nil else {
                contacts[stream]?.callback?.stage = .open
                continue
            }
            // A conversation may go on although its operator has logged in anew, and be handed on;
            // whom nobody has spoken with yet may be queued again, and keeps the place then.
            if contact.isInAfterWork { contacts[stream] = nil }
        }
    }
}

extension RoutingState.Contact {
    fileprivate var isTalking: Bool {
        if case .talking? = hand?.stage { true } else { false }
    }

    fileprivate var isInAfterWork: Bool {
        if case .afterWork? = hand?.stage { true } else { false }
    }
}

extension ContactEvent {
    /// Whether it can be the first that is heard of a contact.
    fileprivate var beginsSomething: Bool {
        switch self {
        case .received, .queued, .callbackRequested, .connected, .held, .resumed: true
        case .selfServiceEnded, .blocked, .waitAnnounced, .leftQueue, .offerMade, .offerEnded,
            .callbackAttempted, .callbackReached, .callbackFailed, .callbackExpired, .abandoned,
            .transferred, .disconnected, .afterWorkEnded, .outcomeRecorded, .closed, .unknown:
            false
        }
    }
}

extension RoutingState {
    private mutating func apply(_ event: ContactEvent, _ fact: RoutingFact) {
        let stream = ExactText(fact.stream)
        if contacts[stream] == nil {
            // What comes late of a contact that is over does not bring it back.
            guard event.beginsSomething else { return }
            contacts[stream] = Contact()
        }
        for group in fact.groups where contacts[stream]?.groups.contains(group) == false {
            contacts[stream]?.groups.append(group)
            // It may have become more urgent.
            if contacts[stream]?.visit != nil { lines = nil }
        }
        if contacts[stream]?.keepsPromise(behind: event) == false {
            contacts[stream]?.isToBeCalled = false
            settleCallback(of: stream)
        }
        noteConversation(stream, event)
        switch event {
        case .received(let received):
            contacts[stream]?.channel = RoutingNames.channel(received.channel)
            contacts[stream]?.language = received.language.map { ExactText($0) }
        case .queued(let queued): enter(stream, queued, fact)
        case .leftQueue(let left):
            leave(stream)
            contacts[stream]?.callback?.stage = left.reason == .answered ? .taken : .open
            if left.reason != .answered { release(stream, fact) }
            if left.reason == .abandoned { forget(stream) }
        case .offerMade(let offer):
            let until = offer.ring.map { later(fact.occurred.microseconds, by: $0) }
            hand(stream, to: offer.operator, .offered(until: until), fact)
        case .offerEnded(.accepted, let name): hand(stream, to: name, .accepted, fact)
        case .offerEnded(let end, let name):
            contacts[stream]?.lastOfferEnd = fact.position
            if end != .rescinded {
                contacts[stream]?.visit?.noteRefusal(
                    by: names.operators.number(name.text), at: fact.occurred.microseconds)
            }
            release(stream, fact)
        case .waitAnnounced(let announcement):
            guard announcement.alternatives.contains(.callback) else { return }
            contacts[stream]?.isCallbackOffered = true
        case .callbackRequested, .callbackAttempted, .callbackReached, .callbackFailed,
            .callbackExpired:
            apply(ofCallback: event, stream, fact)
        case .connected(let name):
            leave(stream)
            contacts[stream]?.seniority = nil
            contacts[stream]?.left = []
            if let name { hand(stream, to: name, .talking, fact) }
            // A source that does not say who answers means whom it was offered to.
            contacts[stream]?.hand?.stage = .talking
            if let hand = contacts[stream]?.hand { floor.noteAnswer(by: hand.operator) }
        case .transferred: release(stream, fact)
        case .disconnected: disconnect(stream, fact)
        case .afterWorkEnded(let name): endAfterWork(of: name, stream, fact)
        case .abandoned:
            if contacts[stream]?.isInConversation != true { endPromise(to: stream, fact) }
        case .closed: end(stream, fact)
        case .selfServiceEnded(.contained), .selfServiceEnded(.hungUp): contacts[stream] = nil
        case .blocked: turnAway(stream)
        case .selfServiceEnded, .held, .resumed, .outcomeRecorded, .unknown: break
        }
    }

    private mutating func disconnect(_ stream: ExactText, _ fact: RoutingFact) {
        if contacts[stream]?.callback != nil {
            contacts[stream]?.channel = RoutingNames.channel(.phone)
        }
        if case .talking? = contacts[stream]?.hand?.stage {
            contacts[stream]?.hand?.stage = .afterWork
            releaseByWhoIsGone(stream, fact)
        } else if contacts[stream]?.isToBeCalled != true {
            // Who is to be called back has hung up, or could not be reached.
            end(stream, fact)
        }
    }

    /// Nobody who has logged out finishes anything, so that whoever is to be called is queued.
    private mutating func releaseByWhoIsGone(_ stream: ExactText, _ fact: RoutingFact) {
        guard let contact = contacts[stream], contact.callback != nil, contact.isInAfterWork,
            contact.hasSpeakerLeft
        else { return }
        release(stream, fact)
    }

    private mutating func endAfterWork(
        of name: OperatorID?, _ stream: ExactText, _ fact: RoutingFact
    ) {
        guard let contact = contacts[stream], contact.isInAfterWork else { return }
        if let name, let speaker = contact.speaker, names.operators.number(name.text) != speaker {
            // Somebody who has handed the contact on, and has nothing at hand of it any more.
            return
        }
        release(stream, fact)
        if contact.callback == nil { contacts[stream] = nil }
    }

    /// Who was turned away may be called back; of most of them nothing is known that matters then.
    private mutating func turnAway(_ stream: ExactText) {
        guard let contact = contacts[stream], contact.language == nil, contact.groups.isEmpty,
            contact.seniority == nil, contact.decisions == 0
        else { return }
        contacts[stream] = nil
    }

    private mutating func enter(
        _ stream: ExactText, _ queued: ContactEvent.Queued, _ fact: RoutingFact
    ) {
        leave(stream)
        release(stream, fact)
        guard var contact = contacts[stream] else { return }
        let now = fact.occurred.microseconds
        let queue = names.queues.number(queued.queue.text)
        let keepsPlace =
            queued.reason == .callback
            ? contact.callback?.place == .kept
            : queued.reason == .overflow || queued.reason == .requeue
        if !keepsPlace { contact.left = [] }
        var visit = RoutingFloor.Visit(
            RoutingFloor.PlainVisit(
                queue: queue, channel: contact.channel, since: now,
                seniority: keepsPlace ? contact.seniority ?? now : now, order: fact.position,
                priority: queued.priority))
        visit.leftBehind = contact.left
        visit.needs = queued.needs.map { RoutingPlan.Need($0, &names) }
        contact.priority = queued.priority
        // Who waits on for the same is as urgent as somebody has said.
        if !queued.keepsPurpose { contact.priorityChanges = [] }
        contact.needs = queued.needs
        contact.callback?.stage = .open
        contact.isCallbackOffered = false
        contact.seniority = visit.seniority
        contact.enqueued = queued.reason
        contact.visit = visit
        contact.place = lines == nil ? nil : place(of: contact, visit)
        if let place = contact.place { lines?.insert(place, in: queue) }
        contacts[stream] = contact
        waiting[visit.order] = stream
        floor.enter(queue)
    }

    private mutating func apply(
        ofCallback event: ContactEvent, _ stream: ExactText, _ fact: RoutingFact
    ) {
        switch event {
        case .callbackRequested(let request): promise(request, to: stream, fact)
        case .callbackAttempted(let name):
            leave(stream)
            contacts[stream]?.callback?.stage = .taken
            if let name { hand(stream, to: name, .accepted, fact) }
        case .callbackFailed: failToReach(stream, fact)
        case .callbackExpired:
            if contacts[stream]?.isInConversation != true { endPromise(to: stream, fact) }
        default: break
        }
    }

    /// The citizen is to be called back, in their turn.
    private mutating func promise(
        _ request: ContactEvent.CallbackRequest, to stream: ExactText, _ fact: RoutingFact
    ) {
        leave(stream)
        // In or behind a conversation its operator has the contact at hand until that is over.
        if contacts[stream]?.isInConversation != true, contacts[stream]?.isInAfterWork != true {
            release(stream, fact)
        }
        plan(for: fact.occurred)
        guard var contact = contacts[stream] else { return }
        let queue = names.queues.number(request.queue.text)
        let start = max(request.start ?? fact.occurred, fact.occurred).microseconds
        let end =
            request.end?.microseconds
            ?? policy(ofQueue: queue)?.setting.callbackWithin.map { later(start, by: $0) }
        contact.callback = PromisedCallback(
            order: fact.position, queue: queue, place: request.place ?? .kept, due: start, end: end)
        contact.isToBeCalled = true
        contact.seniority = contact.seniority ?? fact.occurred.microseconds
        // Whatever way the citizen came, an operator has to telephone once it is due.
        if !contact.isInConversation { contact.channel = RoutingNames.channel(.phone) }
        contacts[stream] = contact
        promised[fact.position] = stream
        releaseByWhoIsGone(stream, fact)
    }

    /// Nobody was reached; the policy says whether that is tried again.
    private mutating func failToReach(_ stream: ExactText, _ fact: RoutingFact) {
        leave(stream)
        release(stream, fact)
        guard let callback = contacts[stream]?.callback else { return }
        plan(for: fact.occurred)
        let setting = policy(ofQueue: callback.queue)?.setting
        guard callback.failures + 1 < setting?.callAttemptsMax ?? 1 else {
            return settleCallback(of: stream)
        }
        contacts[stream]?.callback?.failures += 1
        contacts[stream]?.callback?.stage = .open
        contacts[stream]?.callback?.due = later(
            fact.occurred.microseconds, by: setting?.callAgain ?? PolicySetting.callAgainUs)
    }

    /// Nobody is to be called any more; who has something left to do has the contact until then.
    private mutating func endPromise(to stream: ExactText, _ fact: RoutingFact) {
        if contacts[stream]?.isInAfterWork != true { end(stream, fact) }
    }

    /// The contact is over: it waits for nobody, and nobody has it at hand.
    private mutating func end(_ stream: ExactText, _ fact: RoutingFact) {
        leave(stream)
        release(stream, fact)
        contacts[stream] = nil
    }

    /// The contact is over, and nothing is owed to it.
    private mutating func forget(_ stream: ExactText) {
        settleCallback(of: stream)
        contacts[stream] = nil
    }

    mutating func settleCallback(of stream: ExactText) {
        guard let callback = contacts[stream]?.callback else { return }
        promised[callback.order] = nil
        contacts[stream]?.callback = nil
    }

    /// The contact waits no longer.
    mutating func leave(_ stream: ExactText) {
        guard let visit = contacts[stream]?.visit else { return }
        waiting[visit.order] = nil
        floor.leave(visit.queue)
        if let place = contacts[stream]?.place { lines?.remove(place, of: visit.queue) }
        contacts[stream]?.place = nil
        contacts[stream]?.override = nil
        contacts[stream]?.left = visit.leftBehind + [visit.queue]
        contacts[stream]?.visit = nil
    }

    /// An operator has it at hand, and nobody else.
    private mutating func hand(
        _ stream: ExactText, to name: OperatorID, _ stage: Hand.Stage, _ fact: RoutingFact
    ) {
        let number = names.operators.number(name.text)
        if case .operator(number)? = contacts[stream]?.override?.choice {
            contacts[stream]?.override = nil
        }
        if contacts[stream]?.hand?.operator == number {
            contacts[stream]?.hand?.stage = stage
            return
        }
        release(stream, fact)
        let channel = contacts[stream]?.channel ?? 0
        contacts[stream]?.hand = Hand(operator: number, channel: channel, stage: stage)
        atHand[number, default: []].append(stream)
        floor.take(number, channel: channel)
    }

    private mutating func apply(_ event: RoutingIntervention, _ fact: RoutingFact) {
        let stream = ExactText(fact.stream)
        guard let contact = contacts[stream] else { return }
        switch event {
        case .overridden(let override):
            guard contact.visit != nil else { return }
            let choice = choice(override, for: contact)
            contacts[stream]?.override = Override(position: fact.position, choice: choice)
        case .priorityChanged(let change):
            contacts[stream]?.priorityChanges.append(
                ChangedPriority(position: fact.position, to: change.to))
            notePriority(of: stream)
        case .unknown: break
        }
    }

    /// Nil where whom it names has the contact at hand already.
    private mutating func choice(
        _ override: RoutingOverride, for contact: Contact
    ) -> Override.Choice? {
        switch override.selection {
        case .queue: return .queue(names.queues.number(override.selected))
        case .operator:
            let number = names.operators.number(override.selected)
            return contact.hand?.operator == number ? nil : .operator(number)
        }
    }

    /// Somebody says what an earlier intervention should have said, or that it never happened.
    ///
    /// What has been done because of it stays.
    /// - Parameters:
    ///   - position: Of the intervention.
    ///   - stream: The contact's.
    ///   - event: What it should have said; nil where it never happened.
    package mutating func correct(
        _ position: UInt64, of stream: String, to event: RoutingIntervention?
    ) {
        let stream = ExactText(stream)
        guard let contact = contacts[stream] else { return }
        if contact.override?.position == position {
            var choice: Override.Choice?
            if case .overridden(let override)? = event {
                choice = self.choice(override, for: contact)
            }
            contacts[stream]?.override?.choice = choice
        }
        let place = contact.priorityChanges.firstIndex { $0.position == position }
        guard let place else { return }
        var priority: Int64?
        if case .priorityChanged(let change)? = event { priority = change.to }
        contacts[stream]?.priorityChanges[place].to = priority
        notePriority(of: stream)
    }

    /// The contact may stand elsewhere in line.
    private mutating func notePriority(of stream: ExactText) {
        arePrioritiesChanged = true
        guard lines != nil, let contact = contacts[stream], let visit = contact.visit else {
            return
        }
        if let place = contact.place { lines?.remove(place, of: visit.queue) }
        let place = place(of: contact, visit)
        contacts[stream]?.place = place
        if let place { lines?.insert(place, in: visit.queue) }
    }

    private mutating func release(_ stream: ExactText, _ fact: RoutingFact) {
        guard let hand = contacts[stream]?.hand else { return }
        contacts[stream]?.hand = nil
        atHand[hand.operator]?.removeAll { $0 == stream }
        floor.release(
            hand.operator, channel: hand.channel, at: fact.occurred.microseconds,
            order: fact.position)
    }
}

/// As lower-case digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
        decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
