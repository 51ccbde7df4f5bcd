package import ContactCentre

/// What a synthetic municipality offers, and how its citizens behave.
///
/// This is a description and nothing else: times are laws, and parts are ratios of what the comment
/// names. A municipality of a zone and services alone knows nothing but the telephone.
package struct Municipality: Sendable {
    /// IANA name of the zone whose clocks the services follow.
    package var zone: String
    /// 1 to 64, each of another name.
    package var services: [Service]
    /// Ways to write at any hour, at most 24.
    package var mailboxes: [Mailbox] = []
    /// By channel, the telephone's too; without habits nothing follows from a contact.
    package var habits: [Channel: Habits] = [:]
    /// What citizens may declare of themselves, at most 16 attributes.
    package var attributes: [Attribute] = []
    /// The attribute whose declared group is also the area of a case.
    package var areaAttribute: String?
    /// The difference between groups that is built in, if any.
    package var disparity: Disparity?
    package var offices = Offices()
    package var contactSurvey: Survey?
    package var caseSurvey: Survey?
    /// How the first, second… centre is made, and from the first on again; at least one.
    package var typologies = [Typology.specialisedVertical]
    /// Groups of citizens who are served before others, by what they declare.
    package var boosts: [PriorityBoost] = []

    package init(zone: String, services: [Service]) {
        self.zone = zone
        self.services = services
    }

    /// One service with a telephone queue and operators of its own in each centre.
    package struct Service: Sendable {
        /// The last part of the queue's name, such as `anagrafe`.
        package var name: String
        /// Part of all contacts, in relation to the shares of the other services.
        package var share: Double
        package var week: Week
        package var selfService: DurationLaw
        /// Part of the citizens who hang up in self-service, 0...1.
        package var hangUpRatio: Double
        package var patience: DurationLaw
        package var talk: DurationLaw
        package var afterWork: DurationLaw
        /// Operators beyond the offered load, in square roots of the load at the busiest hour.
        package var staffingGrade: Double
        /// Operators on every shift beyond those that the load asks for.
        package var additionalOperators = 0
        /// Where citizens are served besides on the telephone, at most 7.
        package var desks: [Desk] = []
        /// How its cases are handled; nil where it opens none.
        package var procedure: Procedure?
        /// Its experts, where a centre has a second level; nil where the first one does all.
        package var experts: Experts?
    }

    /// Operators to whom calls are handed on that the first level cannot answer.
    package struct Experts: Sendable {
        /// Part of the answered calls that are handed on, 0...1.
        package var ratio: Double
        package var talk: DurationLaw
        package var afterWork: DurationLaw
        /// Operators beyond the offered load, in square roots of the load at the busiest hour.
        package var staffingGrade: Double
    }

    /// A queue with operators of its own where a service is open, such as a counter.
    package struct Desk: Sendable {
        package var channel: Channel
        /// The last part of the queue's name, such as `counter`; nil for the service's own queue.
        package var name: String?
        /// Contacts for each call to the service, at least 0.
        package var contactsPerCall: Double
        package var week: Week
        /// What comes before the queue, if anything.
        package var selfService: DurationLaw?
        /// Part of the citizens who leave self-service for good, 0...1.
        package var hangUpRatio = 0.0
        /// Part of the citizens who need nobody after self-service, 0...1.
        package var containedRatio = 0.0
        package var patience: DurationLaw
        package var talk: DurationLaw
        package var afterWork: DurationLaw
        /// Operators beyond the offered load, in square roots of the load at the busiest hour.
        package var staffingGrade: Double
        /// Operators on every shift beyond those that the load asks for.
        package var additionalOperators = 0
    }

    /// A channel on which citizens write to all services at any hour and nobody waits on the line.
    package struct Mailbox: Sendable {
        package var channel: Channel
        /// Messages for each telephone call, at least 0.
        package var contactsPerCall: Double
        /// A guide that comes before the message, if any.
        package var selfService: DurationLaw?
        /// Part of the citizens who need nobody after the guide, 0...1.
        package var containedRatio = 0.0
        /// Working time from a message to its answer.
        package var reply: DurationLaw
    }

    /// When a service is open and how its contacts are spread over a week.
    package struct Week: Sendable {
        /// Monday first; nil where the service is closed.
        package var days: [Day?]

        package init(days: [Day?]) {
            precondition(days.count == 7, "a week has seven days, Monday first")
            self.days = days
        }

        /// Open on working days and, where given, on Saturday.
        package init(workingDays: Range<Int>, saturday: Range<Int>? = nil) {
            let weights = [1.28, 1.08, 1.0, 0.98, 0.86]
            let saturdayPlan = saturday.map { Day(openHours: $0, weight: 0.42) }
            self.init(
                days: weights.map { Day(openHours: workingDays, weight: $0) }
                    + [saturdayPlan, nil])
        }

        /// Open at all hours of all days.
        package static let always = Week(
            days: [1.04, 0.98, 0.97, 1.0, 1.12, 1.1, 0.86].map {
                Day(openHours: 0..<24, weight: $0)
            })

        /// When citizens write: on all days, and less at the end of the week.
        package static let writing = Week(
            days: [1.3, 1.2, 1.12, 1.1, 1.0, 0.66, 0.62].map {
                Day(openHours: 0..<24, weight: $0)
            })
    }

    package struct Day: Sendable {
        /// Hours of the local clock, within 0..<24.
        package var openHours: Range<Int>
        /// Contacts of this day in relation to the other days of the week.
        package var weight: Double

        package init(openHours: Range<Int>, weight: Double) {
            precondition(
                (0..<24).contains(openHours.lowerBound) && openHours.upperBound <= 24
                    && !openHours.isEmpty, "opening hours lie within a day")
            self.openHours = openHours
            self.weight = weight
        }
    }

    /// Contacts by hour of the day in relation to one another.
    enum DayCurve {
        /// Two humps and quiet nights.
        static let speaking: [Double] = [
            0.10, 0.07, 0.05, 0.05, 0.06, 0.12, 0.30, 0.70, 1.35, 1.90, 2.10, 1.95,
            1.55, 1.00, 1.10, 1.40, 1.45, 1.15, 0.80, 0.60, 0.45, 0.35, 0.25, 0.15,
        ]
        /// A morning, and an evening at home.
        static let writing: [Double] = [
            0.30, 0.15, 0.10, 0.08, 0.10, 0.20, 0.45, 0.90, 1.40, 1.70, 1.75, 1.60,
            1.35, 1.25, 1.30, 1.35, 1.30, 1.20, 1.15, 1.20, 1.30, 1.35, 1.05, 0.60,
        ]
    }
}

extension Municipality.Service {
    /// The telephone line of the service.
    var telephone: Municipality.Desk {
        Municipality.Desk(
            channel: .phone, name: nil, contactsPerCall: 1, week: week, selfService: selfService,
            hangUpRatio: hangUpRatio, patience: patience, talk: talk, afterWork: afterWork,
            staffingGrade: staffingGrade, additionalOperators: additionalOperators)
    }
}
