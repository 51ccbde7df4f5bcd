package import ContactCentre

/// One of several values, as often as its weight says in relation to the others.
package struct Weighted<Value: Sendable>: Sendable {
    package var value: Value
    /// More than 0.
    package var weight: Double

    package init(_ value: Value, _ weight: Double) {
        self.value = value
        self.weight = weight
    }
}

// What follows from contacts: cases, groups and opinions. Working time passes from Monday to
// Friday within the hours of the offices, and a working day is as long as those hours.
extension Municipality {
    /// What citizens of one channel do beyond their contact.
    package struct Habits: Sendable {
        /// Part of the contacts that declare an attribute, 0...1, each attribute on its own.
        package var declaredRatio: Double
        /// Part of the contacts that staff ended that open a case, 0...1.
        package var caseRatio: Double
        /// Part of the closed cases, and of the ended contacts without one, that are followed by
        /// an invitation to a survey, 0...1.
        package var invitedRatio: Double
        /// Part of the invitations that do not arrive, 0...1.
        package var undeliverableRatio: Double
        /// Part of the invitations that arrive and are answered, 0...1.
        package var responseRatio: Double
        /// A wait for an operator or an answer that citizens think fair, more than 0.
        package var fairWaitUs: Double
    }

    /// How the cases of a service are handled.
    package struct Procedure: Sendable {
        /// Working time from the opening to the first resolution, waits for the citizen included.
        package var resolution: DurationLaw
        /// Days after that of the opening at whose end a case should be resolved, 1...365.
        package var termDays: Int
        /// Part of the cases that the first line hands to the second, 0...1.
        package var secondLineRatio: Double
        /// Part of those that the second line hands to the back office, 0...1.
        package var backOfficeRatio: Double
        /// Part of the cases that wait for the citizen once, 0...1.
        package var waitsForCitizenRatio: Double

        package init(
            resolution: DurationLaw, termDays: Int, secondLineRatio: Double,
            backOfficeRatio: Double, waitsForCitizenRatio: Double
        ) {
            self.resolution = resolution
            self.termDays = termDays
            self.secondLineRatio = secondLineRatio
            self.backOfficeRatio = backOfficeRatio
            self.waitsForCitizenRatio = waitsForCitizenRatio
        }
    }

    /// How those who handle cases work, whatever the service.
    package struct Offices: Sendable {
        /// Hours of the local clock in which working time passes, Monday to Friday.
        package var hours = 8..<16
        /// Part of the cases that an operator opens without being asked, 0...1.
        package var openedByOperatorRatio = 0.06
        /// Part of the cases that a system opens, 0...1.
        package var openedBySystemRatio = 0.03
        /// Part of the cases of the back office that return to the second line, 0...1.
        package var returnedRatio = 0.12
        /// Part of the cases that end in the citizen's favour, 0...1.
        package var favourableRatio = 0.85
        package var favourable: [Weighted<Resolution>] = [
            Weighted(.granted, 0.5), Weighted(.information, 0.3), Weighted(.fixed, 0.2),
        ]
        package var unfavourable: [Weighted<Resolution>] = [
            Weighted(.denied, 0.5), Weighted(.noAction, 0.2), Weighted(.notCompetent, 0.18),
            Weighted(.withdrawn, 0.12),
        ]
        /// Part of the cases that citizens reopen before they are closed, 0...1.
        package var reopenedRatio = 0.06
        /// The second resolution's working time in relation to the first's, at least 0.
        package var reworkFactor = 0.5
        /// Working time from a resolution to the closing, or to a reopening.
        package var closing = DurationLaw.logNormal(meanUs: 3 * 8 * 3_600e6, variation: 0.6)
        /// People of each line of a service in each centre, at least 1.
        package var caseworkers = 6

        package init() {}
    }

    /// Something that citizens may declare of themselves; each belongs to one of its groups.
    package struct Attribute: Sendable {
        /// Such as `language`, for tags `group.language:…`.
        package var name: String
        package var groups: [Weighted<String>]

        package init(name: String, groups: [Weighted<String>]) {
            self.name = name
            self.groups = groups
        }
    }

    /// One group whose cases take longer, whether its citizens declare it or not.
    ///
    /// Its cases are taken in charge later and miss their term more often; all else is alike.
    package struct Disparity: Sendable {
        /// The name of an ``Attribute``.
        package var attribute: String
        /// The name of one of its groups.
        package var group: String
        /// What the time to resolution is multiplied by, more than 0; 1 is no difference.
        package var resolutionFactor: Double

        package init(attribute: String, group: String, resolutionFactor: Double) {
            self.attribute = attribute
            self.group = group
            self.resolutionFactor = resolutionFactor
        }
    }

    /// What citizens are asked, and what they answer from 1 to 5, 5 being best.
    package struct Survey: Sendable {
        package var name: String
        package var questions: [Question]
        /// From the end of the contact or case to the invitation.
        package var invitation: DurationLaw
        /// From the invitation to the answer.
        package var answer: DurationLaw
    }

    /// A question and how its answers come about.
    ///
    /// An answer is `best` − `waitLoss` · ln(1 + wait / fair wait), less `outcomeLoss` where the
    /// outcome was not in the citizen's favour, with a normal deviation, rounded into 1...5. For a
    /// case, the fair wait is the time from its opening to the end of its term.
    package struct Question: Sendable {
        package var name: String
        package var best: Double
        package var waitLoss: Double
        package var outcomeLoss: Double
        package var deviation: Double
    }
}
