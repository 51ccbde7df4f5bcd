internal import ContactCentre
internal import EventLog
internal import JSON

/// Turns what a simulation says into the events that the systems of desks would have written.
///
/// Ids are UUIDs of version 5 over the settings, the contact or operator, and the event.
struct Narrator {
    private let society: Society
    private let queues: [QueueNames]
    private let workers: [WorkerNames]
    private let groups: GroupTags
    private let types: Types

    private struct QueueNames {
        let desk: Municipality.Desk
        let queue: QueueID
        let source: Source
        let tags: [Tag]
        /// The tags alone, as they stand on all events but the first.
        let all: Tags
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
    init(_ lines: [LinePlan], _ society: Society, seed: UInt64) throws(EventError) {
        self.society = society
        types = try Types()
        groups = try GroupTags(society.municipality.attributes)
        var queues: [QueueNames] = []
        var workers: [WorkerNames] = []
        for line in lines {
            let centre = try Tag("\(TagKey.centre):\(line.place.centreName)")
            let queueTag = try Tag("\(TagKey.queue):\(line.queueName)")
            let source = try Generator.source(of: line.place, seed: seed)
            guard let queue = QueueID(line.queueName) else { continue }
            queues.append(
                QueueNames(
                    desk: line.desk, queue: queue, source: source, tags: [centre, queueTag],
                    all: try Tags([centre, queueTag])))
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

    /// Appends the events of one occurrence.
    func tell(_ occurrence: Occurrence, to events: inout [NewEvent]) throws(EventError) {
        let time = occurrence.time
        switch occurrence.kind {
        case .received(let contact):
            let names = queues[contact.queue.value]
            let received = ContactEvent.Received(
                channel: names.desk.channel, direction: .incoming, queue: names.queue,
                zone: society.municipality.zone)
            let citizen = society.citizen(of: contact.number, on: names.desk.channel)
            let tags = try groups.tags(names.tags, declared: citizen.declared)
            try add([.received(received)], of: contact, tags: tags, at: time, to: &events)
        case .selfServiceEnded(let contact):
            let told: [ContactEvent] =
                switch contact.selfService?.ending {
                case .toOperator: [.selfServiceEnded(.toOperator)]
                case .hungUp: [.selfServiceEnded(.hungUp), .abandoned(.selfService)]
                case .contained: [.selfServiceEnded(.contained)]
                case nil: []
                }
            try add(told, of: contact, at: time, to: &events)
        case .queued(let contact):
            let queued = ContactEvent.Queued(
                queue: queues[contact.queue.value].queue, reason: .first)
            try add([.queued(queued)], of: contact, at: time, to: &events)
        case .overflowed(let contact, let from):
            try add(overflow(contact, from), of: contact, behind: from, at: time, to: &events)
        case .gaveUpWaiting(let contact):
            let names = queues[contact.queue.value]
            let left = ContactEvent.LeftQueue(queue: names.queue, reason: .abandoned)
            let stage: AbandonmentStage =
                names.desk.channel == .counter ? .ticketWithdrawn : .queue
            try add([.leftQueue(left), .abandoned(stage)], of: contact, at: time, to: &events)
        case .connected(let contact, let worker):
            let left = ContactEvent.LeftQueue(
                queue: queues[contact.queue.value].queue, reason: .answered)
            try add(
                [.leftQueue(left), .connected(workers[worker.value].name)], of: contact,
                by: worker, at: time, to: &events)
            try add(
                [turn(.available, .onContact)], of: worker, for: "\(contact.number.value)",
                at: time, to: &events)
        case .disconnected(let contact, let worker):
            try add(
                [.disconnected(by: endingParty(contact))], of: contact, by: worker, at: time,
                to: &events)
            try add(
                [turn(.onContact, .afterWork)], of: worker, for: "\(contact.number.value)",
                at: time, to: &events)
        case .afterWorkEnded(let contact, let worker):
            try add(
                [.afterWorkEnded(workers[worker.value].name)], of: contact, by: worker, at: time,
                to: &events)
            try add(
                [turn(.afterWork, .available)], of: worker, for: "\(contact.number.value)",
                at: time, to: &events)
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

    private func overflow(_ contact: ContactNeed, _ from: QueueIndex) -> [ContactEvent] {
        [
            .leftQueue(.init(queue: queues[from.value].queue, reason: .overflowed)),
            .queued(.init(queue: queues[contact.queue.value].queue, reason: .overflow)),
        ]
    }

    private func turn(_ from: OperatorStatus, _ to: OperatorStatus) -> OperatorEvent {
        .statusChanged(.init(from: from, to: to))
    }

    private func endingParty(_ contact: ContactNeed) -> Party {
        Lot(society.draws, of: contact.number).happens(.endingParty, ratio: 0.7)
            ? .citizen : .operator
    }

    private func add(
        _ told: [ContactEvent], of contact: ContactNeed, by worker: OperatorIndex? = nil,
        behind queue: QueueIndex? = nil, tags: Tags? = nil, at time: Instant,
        to events: inout [NewEvent]
    ) throws(EventError) {
        // What a contact does in each queue is told apart by the queue that it came from.
        let before = queue.map { " behind \(queues[$0.value].queue)" } ?? ""
        let names = queues[contact.queue.value]
        let id = society.identities.contact(contact.number)
        let stream = try StreamName(StreamPrefix.contact + id.description)
        for event in told {
            guard let type = types.type(of: event) else { continue }
            events.append(
                NewEvent(
                    id: EventID(namespace: id, name: (type.text + before).utf8), type: type,
                    schema: ContactEvent.schema, stream: stream,
                    tags: tags ?? worker.map { workers[$0.value].contactTags } ?? names.all,
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
                    id: EventID(namespace: society.identities.namespace, name: name.utf8),
                    type: type, schema: OperatorEvent.schema, stream: names.stream,
                    tags: names.tags, source: queues[names.queue].source, time: time,
                    data: .json(event.payload[...])))
        }
    }
}
