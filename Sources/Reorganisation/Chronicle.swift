internal import ContactCentre
internal import EventLog
internal import JSON
internal import Routing

/// The events of a history that is being made up, and what a router would know by them.
struct Chronicle {
    /// What is to be appended, each as a whole.
    private(set) var appends: [[NewEvent]] = []
    private var routing = RecordRouting()

    mutating func add(_ event: NewEvent) {
        routing.take(event)
        appends.append([event])
    }

    /// Adds what a router decides about a contact that waits, and what follows from it.
    ///
    /// - Returns: The name of the operator, or of the queue, that it goes to; nil where it waits.
    mutating func decide(
        _ contact: StreamName, at time: Instant, source: Source, ids namespace: EventID
    ) throws(EventError) -> String? {
        let (decision, events) = try routing.decide(
            contact, at: time, source: source, ids: namespace)
        if !events.isEmpty { appends.append(events) }
        return decision?.selectedID
    }

    /// Gives what has been added since the last time.
    mutating func take() -> [[NewEvent]] {
        defer { appends = [] }
        return appends
    }
}
