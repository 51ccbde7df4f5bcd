internal import ContactCentre
package import EventLog
package import JSON

/// What to generate.
package struct GeneratorSettings: Sendable {
    /// Days from ``firstDay`` on, 1...3,660.
    package var days: Int
    /// Contacts of all centres on a day, averaged over a week; 1...100,000.
    package var contactsPerDay: Int
    package var seed: UInt64
    /// Centres with queues and operators of their own, 1...100.
    package var centres: Int
    /// In the years 1970 to 2080.
    package var firstDay: CivilDate

    package init(
        days: Int = 30, contactsPerDay: Int = 1_000, seed: UInt64 = 1, centres: Int = 1,
        firstDay: CivilDate = CivilDate(daysSince1970: 20_513)
    ) {
        self.days = days
        self.contactsPerDay = contactsPerDay
        self.seed = seed
        self.centres = centres
        self.firstDay = firstDay
    }
}

/// Why nothing can be generated.
package enum GeneratorError: Error, Equatable, Sendable {
    case outOfRange(setting: String, allowed: String)
    case unknownZone(String)
    case duplicateService(String)
    /// A name of the municipality does not fit into an event.
    case event(EventError)
}

extension GeneratorError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .outOfRange(let setting, let allowed): "\(setting) must be \(allowed)"
        case .unknownZone(let zone):
            "the time zone \(jsonString(zone)) is not in the system's database; "
                + "use an IANA name like Europe/Rome"
        case .duplicateService(let name): "two services are called \(jsonString(name))"
        case .event(let error): "\(error)"
        }
    }
}

/// Makes the events of a synthetic municipality, day by day.
///
/// The same settings give the same events to the last byte. Every event's source begins with
/// ``sourcePrefix``. Memory is that of one day, whatever the number of days.
package struct Generator {
    /// What the source of every generated event begins with.
    package static let sourcePrefix = "urn:ascolto:synthetic:"

    private let settings: GeneratorSettings
    private let zone: Zone
    private let draws: Draws
    private let lines: [LinePlan]
    private var simulation: Simulation
    private var narrator: Narrator
    private var daysDone = 0

    /// A municipality at the beginning of its first day.
    package init(
        _ settings: GeneratorSettings, municipality: Municipality = .standard
    ) throws(GeneratorError) {
        try settings.check()
        guard let zone = Zone(identifier: municipality.zone) else {
            throw .unknownZone(municipality.zone)
        }
        guard (1...Self.servicesMax).contains(municipality.services.count) else {
            throw .outOfRange(setting: "services", allowed: "1 to \(Self.servicesMax)")
        }
        var names: Set<String> = []
        for service in municipality.services where !names.insert(service.name).inserted {
            throw .duplicateService(service.name)
        }
        self.settings = settings
        self.zone = zone
        draws = Draws(seed: settings.seed)
        lines = Self.lines(of: municipality, settings)
        simulation = Simulation(
            queueCount: lines.count,
            serving: lines.flatMap { line in line.operatorNames.map { _ in line.queue } })
        do throws(EventError) {
            narrator = try Narrator(lines, settings, zone: municipality.zone, draws)
        } catch {
            throw .event(error)
        }
    }

    private static let servicesMax = 64

    /// The events of the next day in order of time, or nil after the last.
    ///
    /// What the last day began comes to its end within its chunk.
    package mutating func nextDay() throws(GeneratorError) -> [NewEvent]? {
        guard daysDone < settings.days else { return nil }
        let date = CivilDate(daysSince1970: settings.firstDay.daysSince1970 + daysDone)
        daysDone += 1
        for line in lines {
            for contact in line.arrivals(on: date, in: zone, draws) { simulation.add(contact) }
            for shift in line.shifts(on: date, in: zone) { simulation.add(shift) }
        }
        let end = zone.start(of: CivilDate(daysSince1970: date.daysSince1970 + 1))
        var occurrences: [Occurrence] = []
        simulation.run(before: daysDone < settings.days ? end : nil) { occurrences.append($0) }
        var events: [NewEvent] = []
        events.reserveCapacity(occurrences.count * 2)
        do throws(EventError) {
            for occurrence in occurrences { try narrator.tell(occurrence, to: &events) }
        } catch {
            throw .event(error)
        }
        return events
    }

    private static func lines(
        of municipality: Municipality, _ settings: GeneratorSettings
    ) -> [LinePlan] {
        let shares = municipality.services.reduce(0) { $0 + $1.share }
        let weeklyContacts = Double(settings.contactsPerDay) * 7 / Double(settings.centres)
        var lines: [LinePlan] = []
        var operatorCount = 0
        for centre in 0..<settings.centres {
            for (number, service) in municipality.services.enumerated() {
                let line = LinePlan(
                    service: service, place: .init(centre: centre, service: number),
                    queue: QueueIndex(lines.count),
                    weeklyContacts: weeklyContacts * service.share / shares,
                    firstOperator: operatorCount)
                operatorCount += line.operatorNames.count
                lines.append(line)
            }
        }
        return lines
    }
}

extension GeneratorSettings {
    fileprivate func check() throws(GeneratorError) {
        guard (1...3_660).contains(days) else {
            throw .outOfRange(setting: "days", allowed: "1 to 3660")
        }
        guard (1...100_000).contains(contactsPerDay) else {
            throw .outOfRange(setting: "contacts per day", allowed: "1 to 100000")
        }
        guard (1...100).contains(centres) else {
            throw .outOfRange(setting: "centres", allowed: "1 to 100")
        }
        guard (1970...2080).contains(firstDay.year) else {
            throw .outOfRange(setting: "the first day", allowed: "in the years 1970 to 2080")
        }
    }
}
