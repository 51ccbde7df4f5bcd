internal import ContactCentre
internal import Foundation
internal import JSON
internal import OwnThread
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// The calls of a bank's call centre ("Anonymous Bank", Technion) against figures that another
/// program computed from the same rows.
///
/// The data lie beside the project and are no part of it; without them these tests are skipped.
@Suite(.ownThread) struct TechnionTests {
    private static let expected = Places.shared + "/data/expected"
    private static let isThere = FileManager.default.fileExists(atPath: expected)

    @Test(
        .enabled(if: isThere, "\(Places.callsNeeded)"),
        .timeLimit(.minutes(10)), arguments: ["01", "02"])
    func aMonthEqualsTheExpectedFigures(month: String) async throws {
        let calls = try TechnionCalls(compressed: Places.calls(month: month))
        let source = try await ToldLog(told: calls.told).source()
        let directory = try Scratch()
        // Half a month first: what the second run does to the same rows is part of the test.
        for size in [calls.told.count / 2, calls.told.count + 1] {
            let projector = Projector(OperatorQueues(), in: directory.path)
            _ = try projector.bringUpToDate(from: source.first(size))
        }
        let model = ReadModel(of: OperatorQueues(), in: directory.path)
        let content = try contents(
            of: "\(Self.expected)/technion_bank_calls_1999-\(month).json")
        let expected = try JSONDecoder().decode(ExpectedMonth.self, from: content)
        let totals = try model.answer(.table("totals")).shownRows
        #expect(totals[0].figures(like: expected.total) == expected.total)
        for row in try model.answer(.table("queues")).shownRows {
            let figures = try #require(expected.queues[text(row["queue"])])
            #expect(row.figures(like: figures) == figures)
        }
        let days = try model.answer(.table("days")).shownRows
        #expect(Set(days.map { text($0["day"]) }) == Set(expected.days.keys))
        for row in days {
            let day = text(row["day"])
            let figures = try #require(expected.days[day])
            #expect(row.figures(like: figures) == figures)
            #expect(row["waiting_max"] == .integer(calls.waitingMax(on: day)), "\(day)")
        }
    }

    private func text(_ value: QueryValue?) -> String {
        if case .text(let text) = value { text } else { "" }
    }
}

/// The figures of a month as the other program wrote them.
private struct ExpectedMonth: Decodable {
    let total: Figures
    let queues: [String: Figures]
    let days: [String: Figures]

    struct Figures: Decodable, Equatable {
        let received, offered, answered, abandoned, abandonedInSelfService: Int64
        let answeredWithin20s, abandonedWithin20s: Int64
        let waitSecondsAnswered, waitSecondsAbandoned, handled, handleSeconds: Int64
        let serviceLevel, abandonmentRate: Double?
    }
}

extension ShownRow {
    /// This row in the other program's terms; its sums are in whole seconds.
    fileprivate func figures(like other: ExpectedMonth.Figures) -> ExpectedMonth.Figures? {
        func count(_ column: String) -> Int64 {
            if case .integer(let number) = self[column] { number } else { -1 }
        }
        func seconds(_ column: String) -> Int64 {
            count(column) % second == 0 ? count(column) / second : -1
        }
        func ratio(_ column: String) -> Double? {
            if case .real(let number) = self[column] { number } else { nil }
        }
        return ExpectedMonth.Figures(
            received: count("received"), offered: count("offered"), answered: count("answered"),
            abandoned: count("abandoned"),
            abandonedInSelfService: count("abandoned_in_self_service"),
            answeredWithin20s: count("answered_within_threshold"),
            abandonedWithin20s: count("abandoned_within_threshold"),
            waitSecondsAnswered: seconds("wait_answered_us"),
            waitSecondsAbandoned: seconds("wait_abandoned_us"), handled: count("handled"),
            handleSeconds: seconds("handle_us"), serviceLevel: ratio("service_level"),
            abandonmentRate: ratio("abandonment_rate"))
    }
}

/// The rows of a month as contacts, read without the importer.
private struct TechnionCalls {
    private(set) var told: [Told] = []
    /// When each call waited: local date and seconds since that date began, ends excluded.
    private var waits: [(day: Int, from: Int, to: Int)] = []

    init(compressed path: String) throws {
        let zone = try #require(Zone(identifier: "Asia/Jerusalem"))
        let lines = try Program.run("gzip", ["-dc", path]).text.split(separator: "\r\n")
        let header = lines[0].split(separator: "\t").map(String.init)
        var contacts: [RandomContact] = []
        for (number, line) in lines.dropFirst().enumerated() {
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false)
            let row = Dictionary(
                zip(header, cells.map(String.init)), uniquingKeysWith: { first, _ in first })
            guard let call = Call(row, zone) else { continue }
            contacts.append(try call.contact(number))
            if let wait = call.wait { waits.append((call.day, wait.lowerBound, wait.upperBound)) }
        }
        told = contacts.inOrderOfTime()
    }

    /// Counts second by second, as clocks on the wall run: this zone's offset did not change then.
    func waitingMax(on day: String) -> Int64 {
        let numbers = day.split(separator: "-").compactMap { Int($0) }
        guard let date = CivilDate(year: numbers[0], month: numbers[1], day: numbers[2]) else {
            return -1
        }
        var waiting = [Int64](repeating: 0, count: 86_400)
        for wait in waits {
            let shift = (date.daysSince1970 - wait.day) * 86_400
            let from = max(0, wait.from - shift)
            let to = min(86_400, wait.to - shift)
            if from < to { for second in from..<to { waiting[second] += 1 } }
        }
        return waiting.max() ?? 0
    }
}

/// One readable row that is no phantom; times are seconds since the row's date began.
private struct Call {
    let day: Int
    private let zone: Zone
    private let queueName: String
    private let answered: LeaveReason
    private let entered: Int
    private let offered: Int?
    private let left: Int?
    private let service: (from: Int, to: Int, server: String?)?

    /// From and to, excluded, where the call waits at all.
    var wait: Range<Int>? {
        guard let offered, let left, offered < left else { return nil }
        return offered..<left
    }

    init?(_ row: [String: String], _ zone: Zone) {
        self.zone = zone
        guard let date = row["date"], let number = Int(date), let type = row["type"],
            let outcome = row["outcome"], outcome == "AGENT" || outcome == "HANG",
            let civil = CivilDate(
                year: 1900 + number / 10_000, month: number / 100 % 100, day: number % 100),
            let entered = Self.clock(row["vru_entry"])
        else { return nil }
        func later(_ column: String) -> Int? {
            guard let time = Self.clock(row[column]) else { return nil }
            return time < entered - 43_200 ? time + 86_400 : time
        }
        guard let menuLeft = later("vru_exit"), let serviceFrom = later("ser_start"),
            let serviceTo = later("ser_exit")
        else { return nil }
        day = civil.daysSince1970
        queueName = type
        answered = outcome == "AGENT" ? .answered : .abandoned
        self.entered = entered
        if row["q_start"] != "0:00:00" {
            guard let from = later("q_start"), let to = later("q_exit") else { return nil }
            (offered, left) = (from, to)
        } else if outcome == "AGENT" {
            (offered, left) = (menuLeft, menuLeft)
        } else {
            (offered, left) = (nil, nil)
        }
        let isServed = outcome == "AGENT" && row["ser_start"] != "0:00:00"
        let server = row["server"] == "NO_SERVER" ? nil : row["server"]
        service = isServed ? (serviceFrom, serviceTo, server) : nil
    }

    private static func clock(_ text: String?) -> Int? {
        let parts = (text ?? "").split(separator: ":").compactMap { Int($0) }
        guard parts.count == 3, (0..<24).contains(parts[0]), (0..<60).contains(parts[1]),
            (0..<60).contains(parts[2])
        else { return nil }
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    }

    func contact(_ number: Int) throws -> RandomContact {
        let midnight = zone.start(of: CivilDate(daysSince1970: day))
        var story = Story("\(number)", from: midnight)
            .received(queue: queueName, zone: zone.identifier, after: Double(entered))
        if let offered, let left {
            story = try story.queued(queueName, after: Double(offered))
                .left(queueName, answered, after: Double(left))
        } else {
            story = story.adding(.abandoned(.selfService), Double(entered))
        }
        if let service {
            story = story.connected(service.server, after: Double(service.from))
                .disconnected(after: Double(service.to))
        }
        return RandomContact(
            stream: story.stream, arrival: .told, received: midnight, told: story.told)
    }
}
