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
    private let demands: [Demand]
    private let groups: GroupTags
    private let types: Types

    private struct QueueNames {
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

    /// A narrator for these queues; names that do not fit into an event are thrown back.
    init(_ centres: PlanCentres, _ society: Society, seed: UInt64) throws(EventError) {
        self.society = society
        demands = centres.demands
        types = try Types()
        groups = try GroupTags(society.municipality.attributes)
        var queues: [QueueNames] = []
        var workers: [WorkerNames] = []
        for (place, plan) in centres.queues.enumerated() {
            let centreName = Place.name(ofCentre: plan.centre)
            let centre = try Tag("\(TagKey.centre):\(centreName)")
            let queueTag = try Tag("\(TagKey.queue):\(plan.name)")
            let source = try Generator.source(ofCentre: centreName, seed: seed)
            guard let queue = QueueID(plan.name) else { continue }
            queues.append(
                QueueNames(
                    queue: queue, source: source, tags: [centre, queueTag],
                    all: try Tags([centre, queueTag])))
            for text in plan.operatorNames {
                guard let name = OperatorID(text) else { continue }
                let tag = try Tag("\(TagKey.operator):\(text)")
                workers.append(
                    WorkerNames(
                        name: name, stream: try StreamName(StreamPrefix.operator + text),
                        queue: place, contactTags: try Tags([centre, queueTag, tag]),
                        tags: try Tags([centre, tag])))
            }
        }
        self.queues = queues
        self.workers = workers
    }

    /// Adds the events of one occurrence.
    func tell(_ occurrence: Occurrence, to chronicle: inout Chronicle) throws(EventError) {
        let time = occurrence.time
        switch occurrence.kind {
        case .received(let contact): try receive(contact, at: time, &chronicle)
        case .selfServiceEnded(let contact):
            let told: [ContactEvent] =
                switch contact.selfService?.ending {
                case .toOperator: [.selfServiceEnded(.toOperator)]
                case .hungUp: [.selfServiceEnded(.hungUp), .abandoned(.selfService)]
                case .contained: [.selfServiceEnded(.contained)]
                case nil: []
                }
            try add(told, of: contact, at: time, to: &chronicle)
        case .queued(let contact):
            let queued = ContactEvent.Queued(
                queue: queues[contact.queue.value].queue,
                reason: contact.moves == 0 ? .first : .transfer)
            try add([.queued(queued)], of: contact, at: time, to: &chronicle)
        case .foundNobody(let contact):
            try decide(contact, goesTo: nil, at: time, &chronicle)
        case .overflowed(let contact, let from):
            try decide(
                contact, from: from, goesTo: queues[contact.queue.value].queue.text, at: time,
                &chronicle)
        case .gaveUpWaiting(let contact):
            let left = ContactEvent.LeftQueue(
                queue: queues[contact.queue.value].queue, reason: .abandoned)
            let stage: AbandonmentStage =
                demands[contact.origin].desk.channel == .counter ? .ticketWithdrawn : .queue
            try add([.leftQueue(left), .abandoned(stage)], of: contact, at: time, to: &chronicle)
        case .connected(let contact, let worker):
            try connect(contact, worker, at: time, &chronicle)
        case .handedOn(let contact, let worker):
            try add(
                [.transferred(.blind)], of: contact, by: worker, at: time, to: &chronicle)
            try turn(worker, .onContact, .available, for: contact, at: time, &chronicle)
        case .disconnected(let contact, let worker):
            try add(
                [.disconnected(by: endingParty(contact))], of: contact, by: worker, at: time,
                to: &chronicle)
            try turn(worker, .onContact, .afterWork, for: contact, at: time, &chronicle)
        case .afterWorkEnded(let contact, let worker):
            try add(
                [.afterWorkEnded(workers[worker.value].name)], of: contact, by: worker, at: time,
                to: &chronicle)
            try turn(worker, .afterWork, .available, for: contact, at: time, &chronicle)
        case .loggedIn(let worker):
            try add(
                [.loggedIn, turn(.offline, .available)], of: worker,
                for: "\(time)", at: time, to: &chronicle)
        case .loggedOut(let worker):
            try add(
                [turn(.available, .offline), .loggedOut], of: worker,
                for: "\(time)", at: time, to: &chronicle)
        }
    }

    private func receive(
        _ contact: ContactNeed, at time: Instant, _ chronicle: inout Chronicle
    ) throws(EventError) {
        let names = queues[contact.queue.value]
        let demand = demands[contact.origin]
        let received = ContactEvent.Received(
            channel: demand.desk.channel, direction: .incoming, queue: names.queue,
            zone: society.municipality.zone)
        let citizen = society.citizen(of: contact.number, on: demand.desk.channel)
        // Where one number is for all services, the queue does not tell what it is about.
        let about = try Tag("service:\(demand.place.serviceName)")
        let tags = try groups.tags(names.tags + [about], declared: citizen.declared)
        try add([.received(received)], of: contact, tags: tags, at: time, to: &chronicle)
    }

    private func connect(
        _ contact: ContactNeed, _ worker: OperatorIndex, at time: Instant,
        _ chronicle: inout Chronicle
    ) throws(EventError) {
        let name = workers[worker.value].name
        try decide(contact, goesTo: name.text, at: time, &chronicle)
        let left = ContactEvent.LeftQueue(
            queue: queues[contact.queue.value].queue, reason: .answered)
        try add(
            [.offerEnded(.accepted, name), .leftQueue(left), .connected(name)], of: contact,
            by: worker, at: time, to: &chronicle)
        try turn(worker, .available, .onContact, for: contact, at: time, &chronicle)
    }

    /// Has a router decide, which cannot come to anything else than the simulation: both know the
    /// same, and go by the same rules.
    private func decide(
        _ contact: ContactNeed, from: QueueIndex? = nil, goesTo target: String?,
        at time: Instant, _ chronicle: inout Chronicle
    ) throws(EventError) {
        let id = society.identities.contact(contact.number)
        let decided = try chronicle.decide(
            try StreamName(StreamPrefix.contact + id.description), at: time,
            source: queues[(from ?? contact.queue).value].source, ids: id)
        precondition(
            decided == target,
            "the simulation and the router decide alike about \(id): \(target ?? "nobody"), and "
                + "\(decided ?? "nobody")")
    }

    private func turn(
        _ worker: OperatorIndex, _ from: OperatorStatus, _ to: OperatorStatus,
        for contact: ContactNeed, at time: Instant, _ chronicle: inout Chronicle
    ) throws(EventError) {
        let moves = contact.moves == 0 ? "" : " move \(contact.moves)"
        try add(
            [turn(from, to)], of: worker, for: "\(contact.number.value)\(moves)", at: time,
            to: &chronicle)
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
        tags: Tags? = nil, at time: Instant, to chronicle: inout Chronicle
    ) throws(EventError) {
        // A contact can do in each queue what it has done in another one.
        let moves = contact.moves == 0 ? "" : " move \(contact.moves)"
        let names = queues[contact.queue.value]
        let id = society.identities.contact(contact.number)
        let stream = try StreamName(StreamPrefix.contact + id.description)
        for event in told {
            guard let type = types.type(of: event), let schema = event.kind?.schema else {
                continue
            }
            chronicle.add(
                NewEvent(
                    id: EventID(namespace: id, name: (type.text + moves).utf8), type: type,
                    schema: schema, stream: stream,
                    tags: tags ?? worker.map { workers[$0.value].contactTags } ?? names.all,
                    source: names.source, time: time, data: .json(event.payload[...])))
        }
    }

    /// Adds events of an operator; `reason` tells those of one status apart.
    private func add(
        _ told: [OperatorEvent], of worker: OperatorIndex, for reason: String, at time: Instant,
        to chronicle: inout Chronicle
    ) throws(EventError) {
        let names = workers[worker.value]
        for event in told {
            guard let type = types.type(of: event), let schema = event.kind?.schema else {
                continue
            }
            // An operator turns to one status only once for one contact, or at one moment.
            let status =
                if case .statusChanged(let change) = event { change.to.spelling } else { "" }
            let name = "\(names.name) \(type.text) \(status) \(reason)"
            chronicle.add(
                NewEvent(
                    id: EventID(namespace: society.identities.namespace, name: name.utf8),
                    type: type, schema: schema, stream: names.stream,
                    tags: names.tags, source: queues[names.queue].source, time: time,
                    data: .json(event.payload[...])))
        }
    }
}
