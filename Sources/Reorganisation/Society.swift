internal import ContactCentre
internal import EventLog

/// The citizens of a municipality: who turns to it, and with what habits.
struct Society {
    let municipality: Municipality
    let draws: Draws
    let identities: Identities

    func habits(on channel: Channel) -> Municipality.Habits {
        municipality.habits[channel] ?? .silent
    }

    func citizen(of number: ContactNumber, on channel: Channel) -> Citizen {
        Citizen(
            Lot(draws, of: number), municipality.attributes,
            declaredRatio: habits(on: channel).declaredRatio)
    }

    /// Points of priority that the boosts give for what a citizen declares.
    func priority(of number: ContactNumber, on channel: Channel) -> Int64 {
        guard !municipality.boosts.isEmpty else { return 0 }
        let declared = citizen(of: number, on: channel).declared.map { declaration in
            let attribute = municipality.attributes[declaration.attribute]
            return (attribute.name, attribute.groups[declaration.group].value)
        }
        return municipality.boosts.reduce(0) { points, boost in
            let isMeant = declared.contains { attribute, group in
                attribute == boost.attribute && boost.groups.contains(group)
            }
            return isMeant ? points + boost.add : points
        }
    }
}

/// Who turned to the municipality, as far as it matters here.
struct Citizen {
    /// The place of the citizen's group by attribute, whether declared or not.
    let groups: [Int]
    let declared: [Declaration]

    init(_ lot: Lot, _ attributes: [Municipality.Attribute], declaredRatio: Double) {
        let groups = attributes.indices.map {
            attributes[$0].groups.place(at: lot.unit(.citizenGroup, index: $0))
        }
        self.groups = groups
        declared = attributes.indices.filter {
            lot.unit(.declaration, index: $0) < declaredRatio
        }.map { Declaration(attribute: $0, group: groups[$0]) }
    }
}

/// A group that a citizen declares, by the places of the attribute and of the group.
struct Declaration {
    let attribute: Int
    let group: Int
}

/// The ids of what is generated: UUIDs of version 5 over the settings and the contact.
struct Identities {
    let namespace: EventID

    /// Other settings tell of other contacts, so their events must have other ids.
    ///
    /// The number of days counts too: the last day ends without the operators of a next one.
    init(of settings: GeneratorSettings) {
        let name =
            "seed \(settings.seed) contacts per day \(settings.contactsPerDay) "
            + "centres \(settings.centres) first day \(settings.firstDay) days \(settings.days)"
        namespace = EventID(namespace: Self.synthetic, name: name.utf8)
    }

    /// Version 5 of `urn:ascolto:synthetic` in the namespace for URLs of RFC 9562.
    private static let synthetic = EventID(
        namespace: EventID(high: 0x6BA7_B811_9DAD_11D1, low: 0x80B4_00C0_4FD4_30C8),
        name: "urn:ascolto:synthetic".utf8)

    func contact(_ number: ContactNumber) -> EventID { id("contact", number) }
    func caseID(_ number: ContactNumber) -> EventID { id("case", number) }
    func survey(_ number: ContactNumber) -> EventID { id("survey", number) }

    private func id(_ kind: String, _ number: ContactNumber) -> EventID {
        EventID(namespace: namespace, name: "\(kind) \(number.value)".utf8)
    }
}

extension Municipality.Habits {
    fileprivate static let silent = Self(
        declaredRatio: 0, caseRatio: 0, invitedRatio: 0, undeliverableRatio: 0, responseRatio: 0,
        fairWaitUs: 1)
}
