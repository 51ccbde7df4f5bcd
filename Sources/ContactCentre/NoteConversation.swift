extension RoutingState {
    /// Notes whether somebody speaks with the citizen, as ``ContactState`` has it, and who.
    mutating func noteConversation(_ stream: ExactText, _ event: ContactEvent) {
        switch event {
        case .connected(let name):
            contacts[stream]?.isInConversation = true
            contacts[stream]?.speaker = name.map { names.operators.number($0.text) }
            contacts[stream]?.hasSpeakerLeft = false
        // Imports may miss the beginning.
        case .held, .resumed: contacts[stream]?.isInConversation = true
        case .received, .selfServiceEnded, .blocked, .queued, .leftQueue, .callbackAttempted,
            .callbackReached, .callbackFailed, .transferred, .disconnected, .closed:
            contacts[stream]?.isInConversation = false
        case .waitAnnounced, .offerMade, .offerEnded, .callbackRequested, .callbackExpired,
            .abandoned, .afterWorkEnded, .outcomeRecorded, .unknown:
            break
        }
    }
}

extension RoutingState.Contact {
    /// Whether a callback that was promised before is still owed behind an event.
    func keepsPromise(behind event: ContactEvent) -> Bool {
        switch event {
        // Whoever gives up a conversation, in which it was promised, is still to be called.
        case .held, .resumed, .abandoned: isInConversation
        // Who speaks with somebody waits for no call; imports may say so all the same.
        case .queued, .leftQueue: event.leavesPromise && !isInConversation
        default: event.leavesPromise
        }
    }
}
