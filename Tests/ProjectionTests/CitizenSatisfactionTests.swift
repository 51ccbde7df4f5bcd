internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

@Suite struct CitizenSatisfactionTests {
    private typealias Subject = SurveyEvent.Subject

    private func at(minute: Int) -> Instant { Instant(microseconds: Int64(minute) * 60_000_000) }

    private func answered(
        _ stream: String, _ subject: Subject, _ scores: [String: Int64], tags: [String] = []
    ) -> Told {
        let answers = scores.sorted { $0.key < $1.key }.map {
            SurveyEvent.Answer(question: $0.key, value: $0.value)
        }
        return Told(
            stream: "survey/" + stream, event: .answered(subject, answers), time: at(minute: 9),
            tags: tags)
    }

    private func invited(_ stream: String, _ subject: Subject) -> Told {
        Told(stream: "survey/" + stream, event: .invited(subject), time: at(minute: 5))
    }

    private func rows(_ told: [Told], _ table: String, _ condition: String) async throws
        -> [ShownRow]
    {
        try await ToldLog(told: told).answer(
            .table(table, condition: condition), of: CitizenSatisfaction()
        ).shownRows
    }

    /// Fixture CS-1.
    @Test func topTwoBoxAndMeanOfFivePoints() async throws {
        let told = [5, 5, 4, 3, 2, 1, 5, 4, 0, 9].enumerated().map {
            answered("\($0)", Subject(survey: "s"), ["q": $1])
        }
        let row = try #require(try await rows(told, "scores", "dimension = 'all'").first)
        #expect(row["responses"] == 8)
        #expect(row["out_of_scale"] == 2)
        #expect(row["top_two"] == 5)
        #expect(row["satisfaction"] == .real(0.625))
        #expect(row["mean_score"] == .real(3.625))
        #expect(row["median_score"] == .real(4))
    }

    /// Fixtures E-1.
    @Test(arguments: [
        (8, 10, 0.490_162_471_5, 0.943_317_848_5), (0, 10, 0, 0.277_532_799_9),
        (10, 10, 1 - 0.277_532_799_9, 1),
    ])
    func wilsonIntervals(satisfied: Int, total: Int, low: Double, high: Double) async throws {
        let told = (0..<total).map {
            answered("\($0)", Subject(survey: "s"), ["q": $0 < satisfied ? 4 : 2])
        }
        let row = try #require(try await rows(told, "scores", "dimension = 'all'").first)
        guard case .real(let foundLow) = row["satisfaction_low"],
            case .real(let foundHigh) = row["satisfaction_high"]
        else {
            Issue.record("\(row)")
            return
        }
        #expect(abs(foundLow - low) < 1e-10)
        #expect(abs(foundHigh - high) < 1e-10)
    }

    @Test func aRequestHasTheChannelServiceAndGroupsOfItsContactOrCase() async throws {
        let queue = try queue("desk")
        let received = ContactEvent.received(
            .init(channel: .counter, direction: .incoming, queue: queue))
        let opened = CaseEvent.opened(.init(channel: .letter, service: "permits"))
        let told = [
            answered("1", Subject(survey: "s", contact: "a", channel: .phone), ["q": 5]),
            answered(
                "2", Subject(survey: "s", caseID: "b", service: "own"), ["q": 1],
                tags: ["group.age:65%2B", "group.gender:f"]),
            answered("3", Subject(survey: "s", contact: "lost", channel: .phone), ["q": 3]),
            // What they are about may enter the log after them.
            Told(stream: "contact/a", event: received, time: at(minute: 1)),
            Told(stream: "case/b", event: opened, time: at(minute: 1)),
        ]
        func parts(_ dimension: String) async throws -> [QueryValue: QueryValue] {
            let rows = try await rows(told, "scores", "dimension = '\(dimension)'")
            return Dictionary(
                uniqueKeysWithValues: rows.map { ($0["part"] ?? .null, $0["mean_score"] ?? .null) })
        }
        #expect(
            try await parts("channel")
                == ["counter": .real(5), "letter": .real(1), "phone": .real(3)])
        #expect(
            try await parts("service") == ["desk": .real(5), "own": .real(1), "unknown": .real(3)])
        #expect(try await parts("group.age") == ["65+": .real(1), "unknown": .real(4)])
        #expect(try await parts("group.gender") == ["f": .real(1), "unknown": .real(4)])
        #expect(try await parts("group.income") == [:])
    }

    @Test func idsOfContactsAreEncodedAsInTheNamesOfTheirStreams() async throws {
        let received = ContactEvent.received(.init(channel: .counter, direction: .incoming))
        let told = [
            answered("1", Subject(survey: "s", contact: "7/a b%"), ["q": 5]),
            answered("2", Subject(survey: "s", contact: "8"), ["q": 1]),
            answered("3", Subject(survey: "s"), ["q": 1]),
            Told(stream: "contact/7%2Fa%20b%25", event: received, time: at(minute: 1)),
        ]
        let rows = try await rows(told, "responses", "dimension = 'channel'")
        #expect(rows.map { $0["part"] } == ["counter", "unknown"])
        #expect(rows.map { $0["unmatched"] } == [0, 1])
    }

    @Test func requestsAboutWhatStaffBeganAreOnlyCounted() async throws {
        let told = [
            Told(
                stream: "contact/a", event: .received(.init(channel: .phone, direction: .outgoing)),
                time: at(minute: 1)),
            Told(
                stream: "case/b", event: .opened(.init(openedBy: .system)), time: at(minute: 1)),
            Told(
                stream: "case/c", event: .opened(.init(openedBy: .citizen)), time: at(minute: 1)),
            invited("1", Subject(survey: "s", contact: "a")),
            answered("1", Subject(survey: "s", contact: "a"), ["q": 5]),
            answered("2", Subject(survey: "s", caseID: "b"), ["q": 5]),
            answered("3", Subject(survey: "s", caseID: "c"), ["q": 2]),
        ]
        let row = try #require(try await rows(told, "responses", "dimension = 'all'").first)
        #expect([row["invited"], row["answered"], row["opened_by_staff"]] == [0, 1, 2])
        let score = try #require(try await rows(told, "scores", "dimension = 'all'").first)
        #expect([score["responses"], score["mean_score"]] == [1, .real(2)])
    }

    @Test func severalGroupsOfOneAttributeAreUnknown() async throws {
        let told = [
            answered(
                "1", Subject(survey: "s"), ["q": 5], tags: ["group.age:young", "group.age:old"]),
            answered("2", Subject(survey: "s"), ["q": 1], tags: ["group.age:old"]),
        ]
        let rows = try await rows(told, "scores", "dimension = 'group.age'")
        #expect(rows.map { $0["part"] } == ["old", "unknown"])
        #expect(rows.map { $0["responses"] } == [1, 1])
    }

    @Test func aStreamIsARequestOfOneSurvey() async throws {
        let told = [
            invited("1", Subject(survey: "s")),
            answered("1", Subject(survey: "other"), ["q": 5]),
            answered("1", Subject(survey: "s"), ["q": 4]),
        ]
        let source = try await ToldLog(told: told).source()
        let directory = try Scratch()
        let outcome = try Projector(CitizenSatisfaction(), in: directory.path)
            .bringUpToDate(from: source)
        #expect(outcome.unreadable.count == 1)
        #expect(outcome.unreadable.first?.reason.contains("survey s") == true)
        let rows = try ReadModel(of: CitizenSatisfaction(), in: directory.path)
            .answer(.table("scores", condition: "dimension = 'all'")).shownRows
        #expect(rows.map { $0["survey"] } == ["s"])
        #expect(rows.map { $0["mean_score"] } == [.real(4)])
    }

    @Test func responseRatesCountInvitationsThatArrived() async throws {
        func failed(_ stream: String) -> Told {
            Told(stream: "survey/" + stream, event: SurveyEvent.deliveryFailed, time: at(minute: 6))
        }
        let phone = Subject(survey: "s", channel: .phone)
        let told = [
            invited("1", phone), invited("2", phone), invited("3", phone), failed("3"),
            invited("4", phone), failed("4"), answered("1", phone, ["q": 4]),
            // It was answered, so it arrived.
            answered("4", phone, ["q": 4]), answered("5", phone, ["q": 4]),
            invited("6", Subject(survey: "s", channel: .chat)), failed("7"),
        ]
        let row = try #require(try await rows(told, "responses", "part = 'phone'").first)
        #expect(row["invited"] == 4)
        #expect(row["undeliverable"] == 1)
        #expect(row["answered"] == 3)
        #expect(row["answered_invited"] == 2)
        #expect(row["response_rate"] == .real(2.0 / 3))
        let silent = try #require(try await rows(told, "responses", "part = 'chat'").first)
        #expect(silent["response_rate"] == .real(0))
        #expect(silent["response_rate_low"] == .real(0))
    }

    @Test func theLastAnswerToAQuestionCounts() async throws {
        let told = [
            answered("1", Subject(survey: "s"), ["a": 1, "b": 2]),
            answered("1", Subject(survey: "s"), ["a": 5]),
        ]
        let rows = try await rows(told, "scores", "dimension = 'all'")
        #expect(rows.map { $0["mean_score"] } == [.real(5), .real(2)])
        #expect(rows.map { $0["responses"] } == [1, 1])
    }

    @Test(arguments: UInt64(1)...6)
    func anyStepsGiveTheSameRows(seed: UInt64) async throws {
        var numbers = SeededNumbers(seed: seed)
        var told: [Told] = []
        for _ in 0..<300 {
            let number = Int.random(in: 0..<60, using: &numbers)
            let subject = Subject(
                survey: number % 3 == 0 ? "t" : "s",
                contact: numbers.happens(oneIn: 3) ? nil : "\(number / 2)",
                channel: numbers.happens(oneIn: 2) ? .chat : nil)
            let tags = numbers.happens(oneIn: 2) ? ["group.age:\(number % 4)"] : []
            switch Int.random(in: 0..<4, using: &numbers) {
            case 0: told.append(invited("\(number)", subject))
            case 1:
                told.append(
                    Told(
                        stream: "contact/\(number)",
                        event: ContactEvent.received(.init(channel: .phone, direction: .incoming)),
                        time: at(minute: number)))
            case 2:
                told.append(
                    Told(
                        stream: "survey/\(number)", event: SurveyEvent.deliveryFailed,
                        time: at(minute: number)))
            default:
                let scores = ["q": Int64.random(in: 0...6, using: &numbers)]
                told.append(answered("\(number)", subject, scores, tags: tags))
            }
        }
        let source = try await ToldLog(told: told).source()
        let (directory, other) = (try Scratch(), try Scratch())
        var size = 0
        while size < 301 {
            size = min(301, size + .random(in: 1...90, using: &numbers))
            let chunk = UInt64.random(in: 1...40, using: &numbers)
            _ = try Projector(CitizenSatisfaction(), in: directory.path, chunkEvents: chunk)
                .bringUpToDate(from: source.first(size))
        }
        _ = try Projector(CitizenSatisfaction(), in: other.path).rebuild(from: source)
        let grown = ReadModel(of: CitizenSatisfaction(), in: directory.path)
        let built = ReadModel(of: CitizenSatisfaction(), in: other.path)
        #expect(try grown.digest() == built.digest(), "seed \(seed)")
        for table in CitizenSatisfaction().tables {
            let rows = try grown.answer(.table(table.name))
            #expect(try rows == built.answer(.table(table.name)), "seed \(seed)")
            #expect(!rows.rows.isEmpty)
        }
        // Parts of one dimension add up to all.
        let scores = try built.answer(.table("scores", condition: "survey = 's'")).shownRows
        func sum(_ dimension: String) -> Int64 {
            scores.filter { $0["dimension"] == .text(dimension) }.reduce(0) {
                if case .integer(let count) = $1["responses"] { $0 + count } else { $0 }
            }
        }
        #expect(sum("all") > 0)
        for dimension in ["channel", "service", "group.age"] {
            #expect(sum(dimension) == sum("all"), "seed \(seed) \(dimension)")
        }
    }

    @Test func unreadableEventsAreCounted() async throws {
        let good = answered("1", Subject(survey: "s"), ["q": 4])
        let bad = Told(
            stream: "contact/x",
            event: ContactEvent.received(.init(channel: .phone, direction: .incoming)),
            time: at(minute: 1), payload: #"{"channel":"telepathy","direction":"in"}"#)
        let source = try await ToldLog(told: [good, bad]).source()
        let directory = try Scratch()
        let outcome = try Projector(CitizenSatisfaction(), in: directory.path)
            .bringUpToDate(from: source)
        #expect(outcome.unreadable.count == 1)
        #expect(outcome.unreadable.first?.position == Position(2))
    }

    @Test func itsDocumentNamesEveryTableAndColumn() throws {
        let text = try Places.text("Projections/CitizenSatisfaction/README.md")
        for table in CitizenSatisfaction().tables {
            #expect(text.contains("`\(table.name)`"), "\(table.name)")
            for column in table.columns {
                #expect(text.contains("`\(column.name)`"), "\(column.name)")
            }
        }
    }
}
