internal import ContactCentre
internal import EventLog
internal import JSON

/// Turns what a simulation says into the events that a telephone system would have written.
///
/// Ids are UUIDs of version 5 over the settings, the contact or operator, and the event.
struct Narrator {
    private let draws: Draws
    private let zone: String
    private let namespace: EventID
    private let queues: [QueueNames]
    private let workers: [WorkerNames]
    private let types: Types

    private struct QueueNames {
        let queue: QueueID
        let source: Source
        let tags: Tags
    }

    private struct WorkerNames {
        let name: OperatorID
        let stream: StreamName
        let queue: Int
        /// On contact events: with the queue.
        let contactTags: Tags
        let tags: Tags
    }

    private struct Types {
        private let contact: [EventType]
        private let worker: [EventType]

        init() throws(EventError) {
            var contact: [EventType] = []
            for kind in ContactEvent.Kind.allCases {
                contact.append(try EventType(kind.rawValue))
            }
            var worker: [EventType] = []
            for kind in OperatorEvent.Kind.allCases {
                worker.append(try EventType(kind.rawValue))
            }
            self.contact = contact
            self.worker = worker
        }

        func type(of event: ContactEvent) -> EventType? {
            zip(ContactEvent.Kind.allCases, contact).first { $0.0 == event.kind }?.1
        }

        func type(of event: OperatorEvent) -> EventType? {
            zip(OperatorEvent.Kind.allCases, worker).first { $0.0 == event.kind }?.1
        }
    }

    /// A narrator for these lines; names that do not fit into an event are thrown back.
    init(
        _ lines: [LinePlan], _ settings: GeneratorSettings, zone: String, _ draws: Draws
    ) throws(EventError) {
        self.draws = draws
        self.zone = zone
        types = try Types()
        // Other settings tell of other contacts, so their events must have other ids. The number
        // of days counts too: the last day ends without the operators of a next one.
        let name =
            "seed \(settings.seed) contacts per day \(settings.contactsPerDay) "
            + "centres \(settings.centres) first day \(settings.firstDay) days \(settings.days)"
        namespace = EventID(namespace: Self.syntheticNamespace, name: name.utf8)
        var queues: [QueueNames] = []
        var workers: [WorkerNames] = []
        for line in lines {
            let centre = try Tag("\(TagKey.centre):\(line.place.centreName)")
            let queueTag = try Tag("\(TagKey.queue):\(line.queueName)")
            let source = try Source(
                "\(Generator.sourcePrefix)seed-\(settings.seed):\(line.place.centreName)")
            guard let queue = QueueID(line.queueName) else { continue }
            queues.append(
                QueueNames(queue: queue, source: source, tags: try Tags([centre, queueTag])))
            for text in line.operatorNames {
                guard let name = OperatorID(text) else { continue }
                let tag = try Tag("\(TagKey.operator):\(text)")
                workers.append(
                    WorkerNames(
                        name: name, stream: try StreamName(StreamPrefix.operator + text),
                        queue: line.queue.value,
                        contactTags: try Tags([centre, queueTag, tag]),
                        tags: try Tags([centre, tag])))
            }
        }
        self.queues = queues
        self.workers = workers
    }

    /// Version 5 of `urn:ascolto:synthetic` in the namespace for URLs of RFC 9562.
    private static let syntheticNamespace = EventID(
        namespace: EventID(high: 0x6BA7_B811_9DAD_11D1, low: 0x80B4_00C0_4FD4_30C8),
        name: "urn:ascolto:synthetic".utf8)

    /// Appends the events of one occurrence.
    func tell(_ occurrence: Occurrence, to events: inout [NewEvent]) throws(EventError) {
        let time = occurrence.time
        switch occurrence.kind {
        case .received(let contact):
            let received = ContactEvent.Received(
                channel: .phone, direction: .incoming, queue: queues[contact.queue.value].queue,
                zone: zone)
            try add([.received(received)], of: contact, at: time, to: &events)
        case .selfServiceEnded(let contact):
            let told: [ContactEvent] =
                switch contact.selfService.ending {
                case .toOperator: [.selfServiceEnded(.toOperator)]
                case .hungUp: [.selfServiceEnded(.hungUp), .abandoned(.selfService)]
                }
            try add(told, of: contact, at: time, to: &events)
        case .queued(let contact):
            let queued = ContactEvent.Queued(
                queue: queues[contact.queue.value].queue, reason: .first)
            try add([.queued(queued)], of: contact, at: time, to: &events)
        case .gaveUpWaiting(let contact):
            let left = ContactEvent.LeftQueue(
                queue: queues[contact.queue.value].queue, reason: .abandoned)
            try add([.leftQueue(left), .abandoned(.queue)], of: contact, at: time, to: &events)
        case .connected(let contact, let worker):
            let left = ContactEvent.LeftQueue(
                queue: queues[contact.queue.value].queue, reason: .answered)
            try add(
                [.leftQueue(left), .connected(workers[worker.value].name)], of: contact,
                by: worker, at: time, to: &events)
            try add(
                [turn(.available, .onContact)], of: worker, for: "\(contact.number.value)",
                at: time,
                to: &events)
        case .disconnected(let contact, let worker):
            try add(
                [.disconnected(by: endingParty(contact))], of: contact, by: worker, at: time,
                to: &events)
            try add(
                [turn(.onContact, .afterWork)], of: worker, for: "\(contact.number.value)",
                at: time,
                to: &events)
        case .afterWorkEnded(let contact, let worker):
            try add(
                [.afterWorkEnded(workers[worker.value].name)], of: contact, by: worker, at: time,
                to: &events)
            try add(
                [turn(.afterWork, .available)], of: worker, for: "\(contact.number.value)",
                at: time,
                to: &events)
        case .loggedIn(let worker):
            try add(
                [.loggedIn, turn(.offline, .available)], of: worker,
                for: "\(time)", at: time, to: &events)
        case .loggedOut(let worker):
            try add(
                [turn(.available, .offline), .loggedOut], of: worker,
                for: "\(time)", at: time, to: &events)
        }
    }

    private func turn(_ from: OperatorStatus, _ to: OperatorStatus) -> OperatorEvent {
        .statusChanged(.init(from: from, to: to))
    }

    private func endingParty(_ contact: ContactNeed) -> Party {
        draws.unit(.endingParty, entity: contact.number.value) < 0.7 ? .citizen : .operator
    }

    private func add(
        _ told: [ContactEvent], of contact: ContactNeed, by worker: OperatorIndex? = nil,
        at time: Instant, to events: inout [NewEvent]
    ) throws(EventError) {
        let names = queues[contact.queue.value]
        let id = EventID(namespace: namespace, name: "contact \(contact.number.value)".utf8)
        let stream = try StreamName(StreamPrefix.contact + id.description)
        for event in told {
            guard let type = types.type(of: event) else { continue }
            events.append(
                NewEvent(
                    id: EventID(namespace: id, name: type.text.utf8), type: type,
                    schema: ContactEvent.schema, stream: stream,
                    tags: worker.map { workers[$0.value].contactTags } ?? names.tags,
                    source: names.source, time: time, data: .json(event.payload[...])))
        }
    }

    /// Appends events of an operator; `reason` tells those of one status apart.
    private func add(
        _ told: [OperatorEvent], of worker: OperatorIndex, for reason: String, at time: Instant,
        to events: inout [NewEvent]
    ) throws(EventError) {
        let names = workers[worker.value]
        for event in told {
            guard let type = types.type(of: event) else { continue }
            // An operator turns to one status only once for one contact, or at one moment.
            let status =
                if case .statusChanged(let change) = event { change.to.spelling } else { "" }
            let name = "\(names.name) \(type.text) \(status) \(reason)"
            events.append(
                NewEvent(
                    id: EventID(namespace: namespace, name: name.utf8), type: type,
                    schema: OperatorEvent.schema, stream: names.stream, tags: names.tags,
                    source: queues[names.queue].source, time: time,
                    data: .json(event.payload[...])))
        }
    }
}
