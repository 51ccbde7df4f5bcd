/// What a synthetic municipality offers on the telephone.
package struct Municipality: Sendable {
    /// IANA name of the zone whose clocks the services follow.
    package var zone: String
    package var services: [Service]

    package init(zone: String, services: [Service]) {
        self.zone = zone
        self.services = services
    }

    /// One service with a queue and operators of its own in each centre.
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

    /// Contacts by hour of the day in relation to one another: two humps and quiet nights.
    static let hourWeights: [Double] = [
        0.10, 0.07, 0.05, 0.05, 0.06, 0.12, 0.30, 0.70, 1.35, 1.90, 2.10, 1.95,
        1.55, 1.00, 1.10, 1.40, 1.45, 1.15, 0.80, 0.60, 0.45, 0.35, 0.25, 0.15,
    ]
}

extension Municipality {
    /// Five services such as an Italian town of some 100,000 people has them.
    ///
    /// The figures are invented, but of the size that is seen in practice: service times near to
    /// log-normal, patience of a few minutes (Brown et al., JASA 100, 2005).
    package static let standard = Municipality(
        zone: "Europe/Rome",
        services: [
            Service(
                name: "anagrafe", share: 0.33,
                week: Week(workingDays: 8..<18, saturday: 8..<13),
                selfService: seconds(24, variation: 0.5), hangUpRatio: 0.03,
                patience: seconds(260, variation: 1.1), talk: seconds(215, variation: 0.9),
                afterWork: seconds(35, variation: 0.8), staffingGrade: 0.45),
            Service(
                name: "tributi", share: 0.22, week: Week(workingDays: 9..<17),
                selfService: seconds(33, variation: 0.5), hangUpRatio: 0.05,
                patience: .exponential(meanUs: 240e6), talk: seconds(330, variation: 1.0),
                afterWork: seconds(60, variation: 0.9), staffingGrade: -0.15),
            Service(
                name: "polizia_locale", share: 0.16, week: .always,
                selfService: seconds(9, variation: 0.4), hangUpRatio: 0.015,
                patience: .exponential(meanUs: 170e6), talk: seconds(150, variation: 1.0),
                afterWork: seconds(45, variation: 1.0), staffingGrade: 0.9),
            Service(
                name: "servizi_sociali", share: 0.10, week: Week(workingDays: 9..<16),
                selfService: seconds(21, variation: 0.5), hangUpRatio: 0.02,
                patience: seconds(420, variation: 1.0), talk: seconds(430, variation: 0.9),
                afterWork: seconds(120, variation: 0.8), staffingGrade: 0.1),
            Service(
                name: "urp", share: 0.19, week: Week(workingDays: 8..<19, saturday: 8..<14),
                selfService: seconds(18, variation: 0.5), hangUpRatio: 0.025,
                patience: .exponential(meanUs: 210e6), talk: seconds(175, variation: 0.85),
                afterWork: seconds(25, variation: 0.8), staffingGrade: 0.6),
        ])

    private static func seconds(_ mean: Double, variation: Double) -> DurationLaw {
        .logNormal(meanUs: mean * 1e6, variation: variation)
    }
}
