import EventLog
import Foundation
import Intake
import TestSupport
import Testing

@Suite(
    "A month of real calls",
    .enabled(if: Places.hasCalls, "\(Places.callsNeeded)"))
struct TechnionTests {
    private struct Month {
        let file: String
        let rows: Int
        let skipped: Int
        let events: [String: Int]
        let anomalies: [NamedCount]
    }

    /// Counted by a script of its own from the rows.
    private static let january = Month(
        file: "technion_bank_calls_1999-01.tsv.gz", rows: 31_599, skipped: 240,
        events: [
            "contact.received": 31_359, "contact.self_service_ended": 31_359,
            "contact.abandoned": 1_198, "contact.queued": 30_161, "contact.left_queue": 30_161,
            "contact.connected": 27_018, "contact.disconnected": 27_018,
        ],
        anomalies: [
            NamedCount(name: "abandoned_with_service_times", count: 83),
            NamedCount(name: "answered_without_service_times", count: 42),
            NamedCount(name: "backward_clock.connected", count: 20_654),
            NamedCount(name: "backward_clock.disconnected", count: 182),
            NamedCount(name: "backward_clock.queued", count: 32),
            NamedCount(name: "backward_clock.self_service_ended", count: 32),
        ])
    private static let february = Month(
        file: "technion_bank_calls_1999-02.tsv.gz", rows: 33_344, skipped: 278,
        events: [
            "contact.received": 33_066, "contact.self_service_ended": 33_066,
            "contact.abandoned": 1_941, "contact.queued": 31_125, "contact.left_queue": 31_125,
            "contact.connected": 27_112, "contact.disconnected": 27_112,
        ],
        anomalies: [
            NamedCount(name: "abandoned_with_service_times", count: 97),
            NamedCount(name: "answered_without_service_times", count: 50),
            NamedCount(name: "backward_clock.connected", count: 20_904),
            NamedCount(name: "backward_clock.disconnected", count: 33),
            NamedCount(name: "backward_clock.queued", count: 23),
            NamedCount(name: "backward_clock.self_service_ended", count: 23),
        ])

    private static func mapping() throws -> String {
        try Places.text("Tools/mappings/technion.yaml")
    }

    @Test("has the events and anomalies that its rows have", arguments: 0..<2)
    func counts(index: Int) async throws {
        let month = [Self.january, Self.february][index]
        let scratch = try Scratch()
        let collector = Collector()
        let importer = Importer(
            destination: collector.destination, scratchDirectory: scratch.path,
            onRefusal: { Issue.record("\($0)") })
        let report = try await importer.importCSV(
            ["\(Places.shared)/data/\(month.file)"], mapping: try Mapping(yaml: Self.mapping()))
        #expect(report.rows == month.rows)
        #expect(report.skipped == month.skipped)
        #expect(report.rejected == 0)
        #expect(report.events == month.events.values.reduce(0, +))
        #expect(report.anomalies == month.anomalies)
        let events = collector.events
        #expect(Dictionary(grouping: events, by: \.type.text).mapValues(\.count) == month.events)
        #expect(Set(events.map(\.id)).count == events.count)
        var started = Set<String>()
        for event in events {
            if event.type.text == "contact.received" {
                started.insert(event.stream.text)
            } else {
                #expect(started.contains(event.stream.text))
            }
        }
    }
}

@Suite("The mapping of the call records")
struct TechnionMappingTests {
    private static let header =
        "vru+line\tcall_id\tcustomer_id\tpriority\ttype\tdate\tvru_entry\tvru_exit\tvru_time"
        + "\tq_start\tq_exit\tq_time\toutcome\tser_start\tser_exit\tser_time\tserver\r\n"

    private func row(
        _ clocks: [String], outcome: String, server: String = "NO_SERVER", date: String = "990101"
    ) -> String {
        "AA0101\t33116\t9664491\t2\tPS\t\(date)\t\(clocks[0])\t\(clocks[1])\t5\t\(clocks[2])"
            + "\t\(clocks[3])\t0\t\(outcome)\t\(clocks[4])\t\(clocks[5])\t0\t\(server)\r\n"
    }

    private func story(_ rows: String...) async throws -> [String] {
        let imported = try await importing(
            Self.header + rows.joined(), mapping: try Places.text("Tools/mappings/technion.yaml"))
        return imported.events.map { event in
            "\(event.timeText ?? "-") \(event.type) \(event.tags.joined) \(event.dataText)"
        } + imported.refused.map { "\($0.line): \($0.reason)" }
    }

    private func left(for reason: String) -> String {
        #"contact.left_queue queue:PS {"queueId":"PS","reason":"\#(reason)"}"#
    }

    private let received =
        #"queue:PS {"channel":"phone","direction":"in","zone":"Asia/Jerusalem","queueId":"PS"}"#

    @Test("a call that is answered after a wait, over midnight")
    func answered() async throws {
        let story = try await story(
            row(
                ["23:58:00", "23:58:10", "23:58:10", "0:01:00", "0:00:58", "0:05:00"],
                outcome: "AGENT", server: "MICHAL"))
        #expect(
            story == [
                "1999-01-01T21:58:00Z contact.received \(received)",
                #"1999-01-01T21:58:10Z contact.self_service_ended  {"result":"to_operator"}"#,
                #"1999-01-01T21:58:10Z contact.queued queue:PS {"queueId":"PS"}"#,
                "1999-01-01T22:01:00Z \(left(for: "answered"))",
                #"1999-01-01T22:00:58Z contact.connected operator:operator-bfde50ec3380 "#
                    + #"{"operatorId":"operator-bfde50ec3380"}"#,
                "1999-01-01T22:05:00Z contact.disconnected  {}",
            ])
    }

    @Test("a call that an unknown operator takes at once")
    func answeredAtOnce() async throws {
        let story = try await story(
            row(
                ["7:00:00", "7:00:10", "0:00:00", "never", "7:00:10", "7:01:00"],
                outcome: "AGENT"))
        #expect(
            story.dropFirst(2) == [
                #"1999-01-01T05:00:10Z contact.queued queue:PS {"queueId":"PS"}"#,
                "1999-01-01T05:00:10Z \(left(for: "answered"))",
                "1999-01-01T05:00:10Z contact.connected  {}",
                "1999-01-01T05:01:00Z contact.disconnected  {}",
            ])
    }

    @Test("a call that is answered without service times")
    func answeredWithoutService() async throws {
        let story = try await story(
            row(
                ["7:00:00", "7:00:10", "7:00:10", "7:00:20", "0:00:00", "0:00:00"],
                outcome: "AGENT", server: "MICHAL"))
        #expect(
            story.dropFirst(3) == [
                "1999-01-01T05:00:20Z \(left(for: "answered"))"
            ])
    }

    @Test("a call that is abandoned in self-service, and one in the queue")
    func abandoned() async throws {
        let inSelfService = try await story(
            row(
                ["7:00:00", "7:00:10", "0:00:00", "0:00:00", "0:00:00", "0:00:00"],
                outcome: "HANG"))
        #expect(
            inSelfService == [
                "1999-01-01T05:00:00Z contact.received \(received)",
                #"1999-01-01T05:00:10Z contact.self_service_ended  {"result":"hung_up"}"#,
                #"1999-01-01T05:00:10Z contact.abandoned  {"stage":"self_service"}"#,
            ])
        let inQueue = try await story(
            row(
                ["7:00:00", "7:00:10", "7:00:10", "7:00:20", "7:00:15", "7:00:18"],
                outcome: "HANG", server: "MICHAL"))
        #expect(
            inQueue.dropFirst(1) == [
                #"1999-01-01T05:00:10Z contact.self_service_ended  {"result":"to_operator"}"#,
                #"1999-01-01T05:00:10Z contact.queued queue:PS {"queueId":"PS"}"#,
                "1999-01-01T05:00:20Z \(left(for: "abandoned"))",
            ])
    }

    @Test("only what must be read can refuse a row")
    func refusals() async throws {
        let bad = "24:00:00"
        let zero = "0:00:00"
        let hang = { (clocks: [String]) in row(clocks, outcome: "HANG") }
        for (index, clocks) in [
            [bad, zero, zero, zero, zero, zero], [zero, bad, zero, zero, zero, zero],
            [zero, zero, bad, zero, zero, zero], [zero, zero, "0:00:01", bad, zero, zero],
            [zero, zero, zero, zero, bad, zero], [zero, zero, zero, zero, zero, bad],
            [zero, zero, "", zero, zero, zero], [zero, zero, zero, zero, "", zero],
        ].enumerated() {
            let story = try await story(hang(clocks))
            #expect(story.count == 1 && story[0].hasPrefix("2: "), "case \(index): \(story)")
        }
        #expect(try await story(hang([zero, zero, zero, bad, zero, zero])).count == 3)
        #expect(try await story(row([bad, bad, bad, bad, bad, bad], outcome: "PHANTOM")) == [])
        #expect(
            try await story(row([zero, zero, zero, zero, zero, zero], outcome: "BUSY"))
                == ["2: the outcome is none of AGENT, HANG and PHANTOM"])
        #expect(
            try await story(
                row([zero, zero, zero, zero, zero, zero], outcome: "HANG", date: "990230")
            )
            .count == 1)
    }
}
