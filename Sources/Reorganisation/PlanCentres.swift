internal import ContactCentre

/// The queues of all centres, and which contacts come to them, as the typologies have it.
///
/// - Specialised numbers: each service has a number of its own, and operators who know it.
/// - A centralised first level: one number for all services, answered by who knows some of each.
/// - A first and second level: the same, and experts to whom calls are handed on.
/// - A networked centre: two bodies with a number each and the same hours, who take over each
///   other's calls where nobody has answered them for a while.
///
/// Counters and chats belong to their service in all of them.
struct PlanCentres {
    private(set) var queues: [QueuePlan] = []
    private(set) var demands: [Demand] = []
    private var operatorCount = 0
    private let municipality: Municipality

    /// After which wait the other body of a networked centre takes over.
    static let overflowAfterUs: Int64 = 45_000_000

    init(_ municipality: Municipality, _ places: [Place]) {
        self.municipality = municipality
        for start in stride(from: 0, to: places.count, by: municipality.services.count) {
            let places = Array(places[start..<start + municipality.services.count])
            guard let centre = places.first?.centre else { continue }
            switch municipality.typology(ofCentre: centre) {
            case .specialisedVertical:
                for place in places {
                    addPhone(of: place)
                    addDesks(of: place)
                }
            case .centralisedFirstLevel:
                _ = addFront("front", centre, places)
                for place in places { addDesks(of: place) }
            case .centralisedFirstAndSecondLevel:
                addLevels(centre, places)
                for place in places { addDesks(of: place) }
            case .networked:
                addNetwork(centre, places)
                for place in places { addDesks(of: place) }
            }
        }
    }

    private func service(of place: Place) -> Municipality.Service {
        municipality.services[place.service]
    }

    private mutating func addPhone(of place: Place) {
        add(service(of: place).telephone, number: 0, of: place)
    }

    private mutating func addDesks(of place: Place) {
        for (number, desk) in service(of: place).desks.enumerated() {
            add(desk, number: number + 1, of: place)
        }
    }

    /// A desk with a queue and operators of its own.
    private mutating func add(_ desk: Municipality.Desk, number: Int, of place: Place) {
        let suffix = desk.name.map { ".\($0)" } ?? ""
        let queue = addQueue(
            place.name + suffix, place.centre, .ofService, services: [place.service],
            channel: desk.channel, calendar: place.serviceName + suffix,
            [Demand.load(of: desk, number: number, in: place)])
        demands.append(Demand(desk: desk, number: number, place: place, queue: queue))
    }

    private mutating func addQueue(
        _ name: String, _ centre: Int, _ line: QueuePlan.Line, services: [Int],
        channel: Channel, calendar: String, _ loads: [QueuePlan.Load]
    ) -> QueueIndex {
        let plan = QueuePlan(
            name, centre: centre, line, services: services, channel: channel, calendar: calendar,
            loads, firstOperator: operatorCount)
        operatorCount += plan.operatorNames.count
        queues.append(plan)
        return QueueIndex(queues.count - 1)
    }

    /// One number for all calls to some services.
    private mutating func addFront(
        _ name: String, _ centre: Int, _ places: [Place],
        handingOn onward: [Int: Demand.Onward] = [:], openLike others: [Place] = []
    ) -> QueueIndex {
        func load(_ place: Place) -> QueuePlan.Load {
            Demand.load(of: service(of: place).telephone, number: 0, in: place)
        }
        let loads = places.map(load) + others.map { load($0).withoutWork }
        let queue = addQueue(
            "\(Place.name(ofCentre: centre)).\(name)", centre, .front,
            services: places.map(\.service), channel: .phone, calendar: name, loads)
        for place in places {
            demands.append(
                Demand(
                    desk: service(of: place).telephone, number: 0, place: place, queue: queue,
                    onward: onward[place.service]))
        }
        return queue
    }

    private mutating func addLevels(_ centre: Int, _ places: [Place]) {
        var onward: [Int: Demand.Onward] = [:]
        for place in places {
            let service = service(of: place)
            guard let experts = service.experts else { continue }
            let load = Demand.load(of: service.telephone, number: 0, in: place, for: experts)
            let queue = addQueue(
                "\(place.name).second", centre, .second, services: [place.service],
                channel: .phone, calendar: place.serviceName, [load])
            onward[place.service] = Demand.Onward(queue: queue, experts: experts)
        }
        _ = addFront("front", centre, places, handingOn: onward)
    }

    private mutating func addNetwork(_ centre: Int, _ places: [Place]) {
        let bodies = Self.bodies.enumerated().map { number, body in
            (body, places.filter { $0.service % Self.bodies.count == number })
        }
        // Nobody goes over to a body where nobody is at work.
        let fronts = bodies.filter { !$0.1.isEmpty }.map {
            addFront($0.0, centre, $0.1, openLike: places)
        }
        guard fronts.count == Self.bodies.count else { return }
        for (front, other) in zip(fronts, fronts.reversed()) {
            queues[front.value].overflow = (other, Self.overflowAfterUs)
        }
    }

    /// What the bodies of a networked centre are called.
    static let bodies = ["comune", "unione"]
}

extension Municipality {
    func typology(ofCentre centre: Int) -> Typology { typologies[centre % typologies.count] }
}
