internal import ContactCentre
internal import Foundation
internal import JSON
internal import ProjectionKit

/// Figures counted straight from contacts of chance, in the plainest way: no sums kept, no zone
/// tables, every table by a pass over all contacts.
struct Oracle {
    let contacts: [RandomContact]
    let logZone: String
    var threshold: Int64 = 20_000_000

    /// Something that belongs to a queue and a moment: an offer, or an arrival without any.
    struct Item {
        var contact: RandomContact
        var visit: RandomContact.Visit?
        var queue: String
        var moment: Instant
        /// Whether the contact's arrival is counted here.
        var arrivals: Int64
    }

    var items: [Item] {
        contacts.flatMap { contact -> [Item] in
            let arrivals: Int64 = contact.arrival == .told ? 1 : 0
            if contact.visits.isEmpty {
                guard contact.arrival == .told else { return [] }
                return [
                    Item(
                        contact: contact, queue: contact.asked ?? "unknown",
                        moment: contact.received, arrivals: 1)
                ]
            }
            return contact.visits.enumerated().map { index, visit in
                Item(
                    contact: contact, visit: visit, queue: visit.queue, moment: visit.queued,
                    arrivals: index == 0 ? arrivals : 0)
            }
        }
    }

    /// The expected row of figures over some items, by column.
    func figures(_ items: [Item]) -> ShownRow {
        let visits = items.compactMap(\.visit)
        let answered = visits.filter { $0.reason == .answered }
        let abandoned = visits.filter { $0.reason == .abandoned }
        let answeredWaits = answered.compactMap(\.wait)
        let abandonedWaits = abandoned.compactMap(\.wait)
        let handles = answered.compactMap { visit -> Int64? in
            let known = visit.talks.compactMap(\.handle)
            return !visit.talks.isEmpty && known.count == visit.talks.count
                ? known.reduce(0, +) : nil
        }
        let within = answeredWaits.filter { $0 <= threshold }.count
        let gaveUp = items.filter { $0.visit == nil && $0.contact.stage == .selfService }.count
        let decided = answered.count + abandoned.count
        let unjudged = (answered + abandoned).filter(\.isCoarse).count
        return [
            "received": .integer(items.map(\.arrivals).reduce(0, +)),
            "offered": .integer(Int64(visits.count)),
            "answered": .integer(Int64(answered.count)),
            "abandoned": .integer(Int64(abandoned.count)),
            "abandoned_in_self_service": .integer(Int64(gaveUp)),
            "answered_within_threshold": .integer(Int64(within)),
            "abandoned_within_threshold": .integer(
                Int64(abandonedWaits.filter { $0 <= threshold }.count)),
            "service_level": ratio(within, of: decided - unjudged),
            "wait_excluded_by_precision": .integer(Int64(unjudged)),
            "abandonment_rate": ratio(abandoned.count, of: decided),
            "average_speed_of_answer_us": average(answeredWaits),
            "average_handle_us": average(handles),
            "wait_answered_us": .integer(answeredWaits.reduce(0, +)),
            "answered_with_known_wait": .integer(Int64(answeredWaits.count)),
            "wait_abandoned_us": .integer(abandonedWaits.reduce(0, +)),
            "abandoned_with_known_wait": .integer(Int64(abandonedWaits.count)),
            "handled": .integer(Int64(handles.count)),
            "handle_us": .integer(handles.reduce(0, +)),
            "excluded_by_precision": .integer(
                Int64(
                    (answered + abandoned).filter { visit in
                        visit.isCoarse
                            || visit.reason == .answered && visit.talks.contains(where: \.isCoarse)
                    }.count)),
        ]
    }

    private func ratio(_ numerator: Int, of denominator: Int) -> QueryValue {
        denominator == 0 ? .null : .real(Double(numerator) / Double(denominator))
    }

    private func average(_ values: [Int64]) -> QueryValue {
        guard !values.isEmpty else { return .null }
        return .integer(
            Int64((Double(values.reduce(0, +)) / Double(values.count)).rounded()))
    }

    func totals() -> ShownRow { figures(items) }

    func byQueue() -> [String: ShownRow] {
        Dictionary(grouping: items, by: \.queue).mapValues(figures)
    }

    func byDay() -> [String: ShownRow] {
        let zoneDays = Dictionary(grouping: items) { date(at: $0.moment, in: $0.contact.zone) }
        return Dictionary(
            uniqueKeysWithValues: zoneDays.map { day, items in
                var row = figures(items)
                row["waiting_max"] = .integer(Int64(waitingMax(on: day)))
                return (day, row)
            })
    }

    func byOperator() -> [String: [Int64]] {
        var rows: [String: [Int64]] = [:]
        for visit in contacts.flatMap(\.visits) where visit.reason == .answered {
            let first = visit.talks.first?.operatorName ?? "unknown"
            rows[first, default: [0, 0, 0]][0] += 1
            for talk in visit.talks {
                guard let handle = talk.handle else { continue }
                rows[talk.operatorName ?? "unknown", default: [0, 0, 0]][1] += 1
                rows[talk.operatorName ?? "unknown", default: [0, 0, 0]][2] += handle
            }
        }
        return rows
    }

    /// Contacts and visit numbers that wait at a moment.
    func waiting(at moment: Instant) -> Set<String> {
        var names = Set<String>()
        for contact in contacts {
            for (index, visit) in contact.visits.enumerated() {
                let end = visit.left ?? .latest
                if visit.queued <= moment, moment < end {
                    names.insert("\(contact.stream)#\(index + 1)")
                }
            }
        }
        return names
    }

    /// Tries every moment at which a wait begins, and the day's first.
    private func waitingMax(on day: String) -> Int {
        let waits = contacts.flatMap { contact in
            contact.visits.compactMap { visit -> (Instant, Instant)? in
                let calendar = calendar(contact.zone)
                guard let start = calendar.date(from: parts(of: day)),
                    let end = calendar.date(byAdding: .day, value: 1, to: start)
                else { return nil }
                let begin = max(visit.queued, instant(start))
                let finish = min(visit.left ?? .latest, instant(end))
                return begin < finish ? (begin, finish) : nil
            }
        }
        return waits.map { candidate in
            waits.filter { $0.0 <= candidate.0 && candidate.0 < $0.1 }.count
        }.max() ?? 0
    }

    private func calendar(_ zone: String?) -> Calendar {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: zone ?? logZone) ?? .gmt
        return calendar
    }

    private func parts(of day: String) -> DateComponents {
        let numbers = day.split(separator: "-").compactMap { Int($0) }
        return DateComponents(year: numbers[0], month: numbers[1], day: numbers[2])
    }

    private func instant(_ date: Date) -> Instant {
        Instant(microseconds: Int64(date.timeIntervalSince1970) * 1_000_000)
    }

    private func date(at moment: Instant, in zone: String?) -> String {
        let seconds = Double(moment.microseconds.flooredDivision(by: 1_000_000).quotient)
        let parts = calendar(zone).dateComponents(
            [.year, .month, .day], from: Date(timeIntervalSince1970: seconds))
        return [parts.year, parts.month, parts.day].map { part in
            let text = String(part ?? 0)
            return text.count < 2 ? "0" + text : text
        }.joined(separator: "-")
    }
}
