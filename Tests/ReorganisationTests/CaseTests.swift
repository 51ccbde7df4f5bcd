import ContactCentre
import EventLog
import Foundation
import JSON
import Reorganisation
import Testing

/// Cases, groups and opinions come out as the municipality describes them.
///
/// Bounds are five standard deviations wide, so that a right generator fails once in a million.
struct CaseTests {
    /// A town whose citizens write: many cases for few events.
    private static let writing: Municipality = {
        var town = Municipality.standard
        town.mailboxes[0].contactsPerCall = 20
        return town
    }()

    private static func settings(_ seed: UInt64) -> GeneratorSettings {
        GeneratorSettings(days: 45, contactsPerDay: 20, seed: seed)
    }

    @Test(arguments: [UInt64(3), 41])
    func partsAreThoseOfEachChannel(seed: UInt64) throws {
        let town = Municipality.standard
        let history = try History(
            GeneratorSettings(days: 14, contactsPerDay: 500, seed: seed), town)
        var (expected, variance) = (0.0, 0.0)
        for (channel, habits) in town.habits {
            let contacts = history.contacts.values.filter { $0.channel == channel }
            try #require(!contacts.isEmpty, "seed \(seed): no \(channel)")
            let answered = contacts.filter { ($0.answered ?? history.end) < history.end }
            let cases = history.cases.values.filter { $0.opening.channel == channel }
            #expect(
                isNear(cases.count, of: answered.count, habits.caseRatio),
                "seed \(seed): \(channel) opens \(cases.count) of \(answered.count)")
            expected += habits.caseRatio * Double(answered.count)
            variance += habits.caseRatio * (1 - habits.caseRatio) * Double(answered.count)
            for attribute in town.attributes {
                let declared = contacts.count { $0.groups[attribute.name] != nil }
                #expect(
                    isNear(declared, of: contacts.count, habits.declaredRatio),
                    "seed \(seed): \(channel) declares \(declared) of \(contacts.count)")
            }
        }
        let surplus = Double(history.cases.count) - expected
        #expect(abs(surplus) < 5 * variance.squareRoot(), "seed \(seed): \(surplus) cases")
        for attribute in town.attributes {
            let declared = history.contacts.values.compactMap { $0.groups[attribute.name] }
            let weights = attribute.groups.reduce(0) { $0 + $1.weight }
            for group in attribute.groups {
                let count = declared.count { $0 == group.value }
                #expect(isNear(count, of: declared.count, group.weight / weights))
            }
        }
        let missing = { (channel: Channel) in
            let contacts = history.contacts.values.filter { $0.channel == channel }
            return Double(contacts.count { $0.groups["language"] == nil }) / Double(contacts.count)
        }
        #expect(missing(.phone) > missing(.counter) + 0.3)
    }

    /// Invitations that had time to be answered before the log ends, by channel.
    @Test(arguments: [UInt64(5), 77])
    func opinionsAreAskedAndGiven(seed: UInt64) throws {
        let town = Municipality.standard
        let history = try History(
            GeneratorSettings(days: 28, contactsPerDay: 300, seed: seed), town)
        let lastDays: Int64 = 10 * 86_400_000_000
        let cut = Instant(microseconds: history.end.microseconds - lastDays)
        for (channel, habits) in town.habits {
            let closed = history.cases.filter { $0.value.opening.channel == channel }
                .filter { ($0.value.closed ?? history.end) < cut }
            let asked = Set(
                history.surveys.values.compactMap(\.subject.caseID).map { "case/" + $0 })
            let invited = closed.keys.count { asked.contains($0) }
            #expect(
                isNear(invited, of: closed.count, habits.invitedRatio), "seed \(seed): \(channel)")
            let surveys = history.surveys.values.filter {
                $0.subject.channel == channel && $0.invited < cut
            }
            let lost = surveys.count { $0.isUndeliverable }
            #expect(isNear(lost, of: surveys.count, habits.undeliverableRatio))
            let answered = surveys.count { $0.answers != nil }
            #expect(
                isNear(answered, of: surveys.count - lost, habits.responseRatio),
                "seed \(seed): \(channel) answers \(answered) of \(surveys.count - lost)")
            #expect(habits.responseRatio < 1)
        }
        for survey in history.surveys.values {
            let questions = survey.answers?.map(\.question)
            let isOfCase = survey.subject.caseID != nil
            #expect(questions == nil || questions == (isOfCase ? ["csat", "effort"] : ["csat"]))
            #expect(survey.answers?.allSatisfy { (1...5).contains($0.value) } ?? true)
            // Who is asked about what is in the log, and has ended before.
            let subject = survey.subject
            let ended =
                subject.caseID.map { history.cases["case/" + $0]?.closed }
                ?? subject.contact.map { history.contacts["contact/" + $0]?.answered }
            #expect(try #require(ended ?? nil) <= survey.invited)
        }
    }

    /// Without a disparity the working times to resolution have the quantiles of their law.
    @Test(arguments: [UInt64(11), 12])
    func resolutionsFollowTheirLaw(seed: UInt64) throws {
        var town = Self.writing
        town.disparity = nil
        let history = try History(Self.settings(seed), town)
        for service in town.services {
            let law = try #require(service.procedure).resolution
            let times = workingTimes(of: early(history) { $0.service == service.name }, history)
            try #require(times.count > 100)
            for part in [0.1, 0.25, 0.5, 0.75, 0.9] {
                let quantile = Double(law.duration(at: part))
                #expect(
                    isNear(times.count { $0 <= quantile }, of: times.count, part),
                    "seed \(seed): \(service.name) at \(part)")
            }
            let half = times.count { $0 <= law.medianUs }
            #expect(isNear(half, of: times.count, 0.5))
        }
        // Offices resolve on working days within their hours.
        for life in history.cases.values {
            guard let resolved = life.firstResolved else { continue }
            let moment = Instant(microseconds: resolved.microseconds - 1)
            #expect(history.workingUs(moment, resolved, hours: town.offices.hours) == 1)
        }
    }

    /// Who speaks another language waits 1.4 times as long, and misses the term as follows from it.
    @Test(arguments: [UInt64(21), 22])
    func theDisparityIsFound(seed: UInt64) throws {
        var town = Self.writing
        town.habits[.email]?.declaredRatio = 1
        let disparity = try #require(town.disparity)
        let history = try History(Self.settings(seed), town)
        // Working times in relation to the median of their service.
        var times: [String: [Double]] = [:]
        var onTime: [String: Int] = [:]
        var expectedOnTime = 0
        for service in town.services {
            let median = try #require(service.procedure).resolution.medianUs
            for life in early(history, where: { $0.service == service.name }) {
                guard let group = life.groups[disparity.attribute] else { continue }
                let took = workingTime(of: life, history)
                let target = try #require(life.opening.target)
                let term = Double(
                    history.workingUs(life.opened, target, hours: town.offices.hours))
                times[group, default: []].append(took / median)
                if took <= term { onTime[group, default: 0] += 1 }
                if group != disparity.group, took * disparity.resolutionFactor <= term {
                    expectedOnTime += 1
                }
            }
        }
        let slow = try #require(times[disparity.group]).sorted()
        let others = try #require(times["italian"]).sorted()
        // The logarithm of a median of n has a deviation of 1.2533 σ / √n; σ is 0.89 at most, and
        // most services have less, so that four of these deviations are enough.
        let bound =
            4 * 1.2533 * 0.89 * (1 / Double(slow.count) + 1 / Double(others.count)).squareRoot()
        let difference = log(slow[slow.count / 2] / others[others.count / 2])
        #expect(abs(difference - log(disparity.resolutionFactor)) < bound, "seed \(seed)")
        #expect(difference > bound / 2, "seed \(seed): a disparity that nobody can see")
        #expect(bound < log(disparity.resolutionFactor), "too few cases to see it")
        let ratio = Double(expectedOnTime) / Double(others.count)
        #expect(isNear(onTime[disparity.group] ?? 0, of: slow.count, ratio), "seed \(seed)")
        #expect(ratio < Double(onTime["italian"] ?? 0) / Double(others.count) - 0.03)
    }

    @Test(arguments: [UInt64(31)])
    func livesOfCasesAreAsDescribed(seed: UInt64) throws {
        let town = Self.writing
        let history = try History(Self.settings(seed), town)
        let cases = early(history) { _ in true }
        let offices = town.offices
        let favourable = Set(offices.favourable.map(\.value))
        let resolutions = cases.compactMap(\.resolutions.first)
        #expect(
            isNear(
                resolutions.count { favourable.contains($0) }, of: cases.count,
                offices.favourableRatio))
        #expect(
            isNear(
                cases.count { $0.opening.openedBy == .operator }, of: cases.count,
                offices.openedByOperatorRatio))
        #expect(
            isNear(
                cases.count { $0.opening.openedBy == .system }, of: cases.count,
                offices.openedBySystemRatio))
        #expect(
            isNear(
                cases.count { $0.resolutions.count > 1 }, of: cases.count, offices.reopenedRatio))
        for service in town.services {
            let procedure = try #require(service.procedure)
            let own = cases.filter { $0.opening.service == service.name }
            let second = own.filter { $0.lines.contains(.second) }
            let back = second.filter { $0.lines.contains(.backoffice) }
            let waits = own.count { life in
                life.events.contains { $0.event.kind == .waitingStarted }
            }
            #expect(isNear(second.count, of: own.count, procedure.secondLineRatio))
            #expect(isNear(back.count, of: second.count, procedure.backOfficeRatio))
            #expect(isNear(waits, of: own.count, procedure.waitsForCitizenRatio))
        }
        // A term is breached exactly where it passes before the first resolution.
        for life in history.cases.values {
            let target = try #require(life.opening.target)
            let isLate = (life.firstResolved ?? history.end) > target && target < history.end
            #expect(life.breached == (isLate ? target : nil))
            #expect(life.events.map(\.time) == life.events.map(\.time).sorted())
        }
        let breached = history.cases.values.count { $0.breached != nil }
        #expect((0.02...0.2).contains(Double(breached) / Double(history.cases.count)))
        #expect(history.cases.values.contains { $0.closed == nil })
    }

    /// Bad outcomes and late ones are liked less.
    @Test(arguments: [UInt64(51)])
    func scoresFollowWaitAndOutcome(seed: UInt64) throws {
        var town = Self.writing
        for channel in town.habits.keys {
            town.habits[channel]?.invitedRatio = 1
            town.habits[channel]?.responseRatio = 1
        }
        let history = try History(Self.settings(seed), town)
        let favourable = Set(town.offices.favourable.map(\.value))
        var scores: [String: [Int64]] = [:]
        for survey in history.surveys.values {
            guard let id = survey.subject.caseID, let life = history.cases["case/" + id],
                let answer = survey.answers?.first, let last = life.resolutions.last
            else { continue }
            scores[favourable.contains(last) ? "good" : "bad", default: []].append(answer.value)
            if favourable.contains(last) {
                scores[life.breached == nil ? "early" : "late", default: []].append(answer.value)
            }
        }
        func mean(_ name: String) throws -> Double {
            let values = try #require(scores[name])
            try #require(values.count > 50)
            return Double(values.reduce(0, +)) / Double(values.count)
        }
        #expect(try mean("good") > mean("bad") + 0.8)
        #expect(try mean("early") > mean("late") + 0.2)
    }

    @Test func unknownGroupsAreRefused() throws {
        var town = Municipality.standard
        town.disparity?.group = "martian"
        #expect(throws: GeneratorError.unknownGroup("language:martian")) {
            try Generator(GeneratorSettings(), municipality: town)
        }
        town.disparity = nil
        town.areaAttribute = "planet"
        #expect(throws: GeneratorError.unknownGroup("planet")) {
            try Generator(GeneratorSettings(), municipality: town)
        }
        town.areaAttribute = nil
        town.habits[.phone]?.caseRatio = 1.01
        #expect(
            throws: GeneratorError.outOfRange(setting: "case ratio of phone", allowed: "0 to 1")
        ) {
            try Generator(GeneratorSettings(), municipality: town)
        }
    }

    /// Cases of the first 15 of 45 days: all but the longest have ended.
    private func early(
        _ history: History, where isWanted: (CaseEvent.Opened) -> Bool
    ) -> [History.Case] {
        let cut = Instant(microseconds: history.end.microseconds - 30 * 86_400_000_000)
        return history.cases.values.filter { $0.opened < cut && isWanted($0.opening) }
    }

    private func workingTimes(of cases: [History.Case], _ history: History) -> [Double] {
        cases.map { workingTime(of: $0, history) }
    }

    /// Microseconds from the opening to the first resolution; infinite where the log ends before.
    private func workingTime(of life: History.Case, _ history: History) -> Double {
        guard let resolved = life.firstResolved else { return .infinity }
        return Double(history.workingUs(life.opened, resolved, hours: 8..<16))
    }
}
