package import JSON

/// That a citizen is to be called back, as long as that is owed to them.
struct PromisedCallback: Codable, Sendable {
    /// The position of what promised it.
    let order: UInt64
    /// Where it waits for its turn.
    let queue: Int
    let place: PlaceInLine
    /// From when on it is to be queued, in µs since 1970.
    var due: Int64
    /// When it expires, as was settled when it was promised; nil where never.
    let end: Int64?
    /// Calls that reached nobody.
    var failures: Int64 = 0
    var stage = Stage.open

    enum Stage: Codable, Sendable {
        case open
        /// An operator is about to call, or does.
        case taken
    }
}

/// What a router does about a callback that was promised.
package struct CallbackToMove: Sendable {
    package let contact: WaitingContact
    package let move: Move

    package enum Move: Sendable {
        /// Its time has come: it is queued.
        case queue(ContactEvent.Queued)
        /// Its time has passed; it leaves the queue that it waits in, where it does.
        case expire(promisedBy: QueueID, leaving: QueueID?)
    }
}

extension RoutingState {
    /// Callbacks to be queued or given up, in the order in which they were promised.
    ///
    /// Those that an operator has at hand are left alone, and who speaks with somebody is not
    /// queued. What was promised until a moment expires then, whatever has become of its queue; it
    /// is queued only where somebody routes that here.
    package mutating func callbacksToMove(at now: Instant) -> [CallbackToMove] {
        plan(for: now)
        return promised.sorted { $0.key < $1.key }.compactMap { _, stream -> CallbackToMove? in
            guard let contact = contacts[stream], let callback = contact.callback,
                contact.hand == nil, let queue = QueueID(names.queues.names[callback.queue])
            else { return nil }
            let waiting = WaitingContact(stream: stream.text)
            if let end = callback.end, end <= now.microseconds {
                let left = contact.visit.flatMap { QueueID(names.queues.names[$0.queue]) }
                return CallbackToMove(
                    contact: waiting, move: .expire(promisedBy: queue, leaving: left))
            }
            guard contact.visit == nil, !contact.isInConversation, callback.stage == .open,
                callback.due <= now.microseconds, policy(ofQueue: callback.queue) != nil
            else { return nil }
            return CallbackToMove(
                contact: waiting,
                move: .queue(
                    ContactEvent.Queued(
                        queue: queue, reason: .callback, priority: contact.priority,
                        needs: contact.needs)))
        }
    }

    /// Has a contact neither wait nor be owed a call, whatever was told of it.
    package mutating func leaveAside(_ stream: String) {
        leave(ExactText(stream))
        settleCallback(of: ExactText(stream))
    }

    /// Takes back what the event at a position promised, unless the contact waits for its call or
    /// is called, or is to be called because of a later one.
    package mutating func withdrawPromise(at position: UInt64, to stream: String) {
        let stream = ExactText(stream)
        guard let contact = contacts[stream], contact.callback?.stage == .open,
            contact.visit == nil, contact.callback?.order == position
        else { return }
        contacts[stream]?.isToBeCalled = false
        settleCallback(of: stream)
    }

    /// From when on a contact that nobody can take is offered to be called back; nil where never.
    ///
    /// That is for who holds a telephone, once in a visit.
    func callbackOffer(
        to contact: Contact, _ visit: RoutingFloor.Visit, by policy: RoutingPlan.Policy
    ) -> Int64? {
        guard contact.callback == nil, !contact.isCallbackOffered,
            contact.channel == RoutingNames.channel(.phone)
        else { return nil }
        return policy.setting.callbackAfter.map { later(visit.since, by: $0) }
    }

    /// The moments at which callbacks are to be queued or given up.
    func noteCallbacks(_ note: (Int64) -> Void) {
        for stream in promised.values {
            guard let contact = contacts[stream], let callback = contact.callback,
                contact.hand == nil
            else { continue }
            if contact.visit == nil, !contact.isInConversation, callback.stage == .open {
                note(callback.due)
            }
            if let end = callback.end { note(end) }
        }
    }
}

extension ContactEvent {
    /// Whether a callback that was promised before is still owed behind it, whoever speaks.
    var leavesPromise: Bool {
        switch self {
        case .queued(let queued): queued.keepsPurpose
        case .waitAnnounced, .leftQueue, .offerMade, .offerEnded, .callbackAttempted,
            .callbackFailed, .disconnected, .afterWorkEnded, .outcomeRecorded, .unknown:
            true
        case .received, .selfServiceEnded, .blocked, .callbackRequested, .callbackReached,
            .callbackExpired, .abandoned, .connected, .held, .resumed, .transferred, .closed:
            false
        }
    }
}
