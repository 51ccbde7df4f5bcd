import EventLog
import Foundation
import Intake
import JSON
import Synchronization
import TestSupport
import Testing

/// Imports queue logs into a collector, a file for each text.
func importingQueueLogs(
    _ texts: [String], secret: String = "", zone: String? = nil,
    into collector: Collector = Collector()
) async throws -> Imported {
    let scratch = try Scratch()
    var paths: [String] = []
    for (index, text) in texts.enumerated() {
        paths.append(try scratch.file("queue_log.\(index)", text: text))
    }
    let refused = Mutex<[RefusedRow]>([])
    let importer = Importer(
        destination: collector.destination, scratchDirectory: scratch.path, pseudonymSecret: secret,
        onRefusal: { row in refused.withLock { $0.append(row) } })
    let source = try #require(
        QueueLogSource(source: try Source(QueueLogSource.defaultSource), zone: zone))
    let report = try await importer.importQueueLog(paths, from: source)
    return Imported(report: report, events: collector.events, refused: refused.withLock { $0 })
}

@Suite("Asterisk queue logs")
struct QueueLogTests {
    /// `1700000000` is 2023-11-14T22:13:20Z.
    private func story(_ lines: String..., zone: String? = nil) async throws -> [String] {
        let text = lines.map { "17000000\($0)\n" }.joined()
        let imported = try await importingQueueLogs([text], zone: zone)
        let report = imported.report
        #expect(report.rows == lines.count)
        return imported.events.map { event in
            let seconds = (event.time?.microseconds ?? 0) / 1_000_000 - 1_700_000_000
            return "\(seconds) \(event.stream) \(event.type) [\(event.tags.joined)] "
                + event.dataText
        } + report.anomalies.map { "\($0.name) \($0.count)" }
            + report.skippedByRule.map { "skipped \($0.name) \($0.count)" }
            + imported.refused.map { "\($0.line): \($0.reason)" }
    }

    @Test("an answered call, with an offer that was missed: milliseconds there, seconds elsewhere")
    func answered() async throws {
        let story = try await story(
            "00|a.1|desk|NONE|ENTERQUEUE||0612345678|1|Mario Rossi",
            "10|a.1|desk|SIP/7|RINGNOANSWER|10500", "15|a.1|desk|SIP/7|RINGCANCELED|900",
            "30|a.1|desk|SIP/7|CONNECT|30|a.2|12", "90|a.1|desk|SIP/7|COMPLETEAGENT|30|60|1",
            zone: "Europe/Rome")
        let pseudonym = try #require(
            story.last { $0.contains("operator:") }?.split(separator: "operator:").last?
                .prefix { $0 != "]" })
        #expect(pseudonym.hasPrefix("operator-"))
        let queue = #""queueId":"desk""#
        #expect(
            story == [
                "0 contact/a.1 contact.received [queue:desk] "
                    + #"{"channel":"phone","direction":"in",\#(queue),"zone":"Europe/Rome"}"#,
                #"0 contact/a.1 contact.queued [queue:desk] {\#(queue),"enqueueReason":"first"}"#,
                #"10 contact/a.1 contact.offer_missed [] {"operatorId":"\#(pseudonym)","#
                    + #""ringUs":10500000}"#,
                #"15 contact/a.1 contact.offer_rescinded [] {"operatorId":"\#(pseudonym)","#
                    + #""ringUs":900000}"#,
                #"30 contact/a.1 contact.offer_accepted [] {"operatorId":"\#(pseudonym)","#
                    + #""ringUs":12000000}"#,
                #"30 contact/a.1 contact.left_queue [queue:desk] {\#(queue),"reason":"answered"}"#,
                "30 contact/a.1 contact.connected [operator:\(pseudonym)] "
                    + #"{"operatorId":"\#(pseudonym)"}"#,
                #"90 contact/a.1 contact.disconnected [] {"by":"operator"}"#,
            ])
    }

    @Test("a call that goes through every way out of a queue")
    func exits() async throws {
        let story = try await story(
            "00|a|q1|NONE|ENTERQUEUE||1|1", "10|a|q1|NONE|EXITWITHTIMEOUT|1|1|10",
            "10|a|q2|NONE|ENTERQUEUE||1|1", "20|a|q2|NONE|EXITEMPTY|1|1|10",
            "21|a|q2|NONE|ENTERQUEUE||1|1", "25|a|q2|NONE|EXITWITHKEY|5|1|1|4",
            "26|a|q3|NONE|ENTERQUEUE||1|1", "27|a|q3|SIP/1|AGENTDUMP",
            "28|a|q3|NONE|ABANDON|1|1|2", "30|b|q1|NONE|ENTERQUEUE||1|1",
            "31|b|q1|SIP/1|SYSCOMPAT")
        let told = story.map { line in
            line.split(separator: " ").enumerated().filter { [0, 2, 4].contains($0.offset) }
                .map(\.element).joined(separator: " ")
        }
        func queued(_ queue: Int, _ reason: String) -> String {
            #"contact.queued {"queueId":"q\#(queue)""#
                + (reason.isEmpty ? "}" : #","enqueueReason":"\#(reason)"}"#)
        }
        func left(_ queue: Int, _ reason: String) -> String {
            #"contact.left_queue {"queueId":"q\#(queue)","reason":"\#(reason)"}"#
        }
        #expect(
            told.filter { !$0.contains("received") && !$0.contains("offer") } == [
                "0 " + queued(1, "first"), "10 " + left(1, "timeout"),
                "10 " + queued(2, "overflow"), "20 " + left(2, "queue_closed"),
                "21 " + queued(2, "requeue"), "25 " + left(2, "key_exit"), "26 " + queued(3, ""),
                "28 " + left(3, "abandoned"), #"28 contact.abandoned {"stage":"queue"}"#,
                "30 " + queued(1, "first"), "31 " + left(1, "system_error"),
                #"31 contact.disconnected {"by":"system"}"#,
            ])
        #expect(told.filter { $0.contains("received") }.count == 2)
        #expect(told.filter { $0.contains("contact.offer_declined") }.count == 1)
    }

    @Test("transfers end the conversation, and the next queue is entered for that reason")
    func transfers() async throws {
        let story = try await story(
            "00|a|q1|NONE|ENTERQUEUE||1|1", "05|a|q1|SIP/1|CONNECT|5|x",
            "15|a|q1|SIP/1|BLINDTRANSFER|300|default|5|10|1", "15|a|q2|NONE|ENTERQUEUE||1|1",
            "20|a|q2|SIP/2|CONNECT|5|x|5",
            "30|a|q2|SIP/2|ATTENDEDTRANSFER|LINK|SIP/2-1|SIP/3-2|5|10|1",
            "40|b|q1|NONE|ENTERQUEUE||1|1", "50|b|q1|SIP/1|CONNECT|10|x|3",
            "55|b|q1|SIP/1|ATTENDEDTRANSFER|BRIDGE|e1|10|9|1",
            "60|c|q1|NONE|ENTERQUEUE||1|1", "61|c|q1|SIP/1|CONNECT|1|x|1",
            "70|c|q1|SIP/1|TRANSFER|300|default|1|9|1")
        let modes = story.filter { $0.contains("contact.transferred") }.map { line in
            line.contains(#""mode":"attended""#) ? "attended" : "blind"
        }
        #expect(modes == ["blind", "attended", "attended", "blind"])
        #expect(story.filter { $0.contains(#""enqueueReason":"transfer""#) }.count == 1)
        // The conversation of b lasted five seconds, and the line says nine.
        #expect(story.last == "stated_talk.ATTENDEDTRANSFER 1")
    }

    @Test("members log in, pause in several queues at once, and join and leave queues")
    func members() async throws {
        let story = try await story(
            "00|x|NONE|Agent/7|AGENTLOGIN|SIP/7-1", "01|REALTIME|desk|Agent/7|ADDMEMBER|",
            "10|NONE|desk|Agent/7|PAUSE|lunch", "10|NONE|tax|Agent/7|PAUSE|lunch",
            "10|NONE|NONE|Agent/7|PAUSEALL|", "20|NONE|desk|Agent/7|UNPAUSE|",
            "20|NONE|tax|Agent/7|UNPAUSE|", "20|NONE|NONE|Agent/7|UNPAUSEALL|",
            "30|MANAGER|desk|Agent/7|REMOVEMEMBER|", "40|x|NONE|Agent/7|AGENTLOGOFF|SIP/7-1|45")
        #expect(
            story.map { line in
                line.split(separator: " ").filter { !$0.contains("operator-") }
                    .joined(separator: " ")
            } == [
                "0 operator.logged_in {}",
                #"1 operator.queue_joined queue:desk] {"queueId":"desk"}"#,
                "10 operator.status_changed "
                    + #"{"from":"available","to":"unavailable","reasonCode":"lunch"}"#,
                #"20 operator.status_changed {"from":"unavailable","to":"available"}"#,
                #"30 operator.queue_left queue:desk] {"queueId":"desk"}"#,
                "40 operator.logged_out {}", "stated_login.AGENTLOGOFF 1", "skipped PAUSE 1",
                "skipped PAUSEALL 1", "skipped UNPAUSE 1", "skipped UNPAUSEALL 1",
            ])
    }

    @Test("what is no line is refused by number and reason, and the rest goes on")
    func refusals() async throws {
        let lines = [
            (
                "1|2|3",
                "the line has 3 of the five fields time, call, queue, member and event, "
                    + "separated by |"
            ),
            ("now|a|q|NONE|ABANDON|1|1|1", #""now" is not a time in seconds since 1970"#),
            ("999999999999|a|q|NONE|DID", #""999999999999" is not a time in seconds since 1970"#),
            ("1.|a|q|NONE|DID", #""1." is not a time in seconds since 1970"#),
            ("-1|a|q|NONE|DID", #""-1" is not a time in seconds since 1970"#),
            (
                "1|a|q|NONE|DANCE\u{7}",
                #""DANCE\u0007" is no event of a queue log that is known here"#
            ),
            ("1|NONE|q|NONE|ABANDON|1|1|1", "ABANDON needs a call, and none is given"),
            ("1|REALTIME|q|NONE|ENTERQUEUE||1|1", "ENTERQUEUE needs a call, and none is given"),
            ("1|a|NONE|S/1|CONNECT|1|x|1", "CONNECT needs a queue, and none is given"),
            ("1|a|NONE|NONE|AGENTLOGIN|S/1", "AGENTLOGIN needs a member, and none is given"),
            ("1|a|NONE|S/1|ADDMEMBER|", "ADDMEMBER needs a queue, and none is given"),
            (
                "1|a|q|NONE|ABANDON|1|1|-9223372036854775808",
                #"ABANDON: "-9223372036854775808" is not a whole number of seconds"#
            ),
            ("1|a|q|S/1|CONNECT|one|x|1", #"CONNECT: "one" is not a whole number of seconds"#),
            (
                "1|a|q|S/1|RINGNOANSWER|1.5",
                #"RINGNOANSWER: "1.5" is not a whole number of milliseconds"#
            ),
            ("1|a|q\u{1}|S/1|CONNECT|1|x|1", #"the queue's name "q\u0001" has control characters"#),
        ]
        let text = lines.map { $0.0 + "\n" }.joined() + "\n5|a|q|NONE|QUEUESTART|\r\n"
        let imported = try await importingQueueLogs([text])
        #expect(imported.refused.map { "\($0.reason)" } == lines.map(\.1))
        #expect(imported.refused.map(\.line) == Array(1...lines.count))
        #expect(imported.report.rows == lines.count + 1)
        #expect(imported.report.rejected == lines.count)
        #expect(imported.report.skippedByRule == [NamedCount(name: "QUEUESTART", count: 1)])
        #expect(imported.events.isEmpty)
    }

    @Test("no number and no name of a person is in an event, in whatever form")
    func personalData() async throws {
        let text =
            "1|a|q|NONE|ENTERQUEUE|sip:zoe@example.org|0612345678|1|Zoe Bee\n"
            + "2|a|q|SIP/zoe|CONNECT|1|SIP/zoe-1|1\n3|a|q|SIP/zoe|TRANSFER|0698765432|out|1|1|1\n"
        let plain = try await importingQueueLogs([text])
        let secret = try await importingQueueLogs([text], secret: "s")
        for event in plain.events {
            let line = "\(event.stream) \(event.tags.joined) \(event.dataText)".lowercased()
            #expect(!line.contains("zoe") && !line.contains("061") && !line.contains("069"))
        }
        // Ids do not depend on names, so another secret is refused instead of imported twice.
        #expect(plain.events.map(\.id) == secret.events.map(\.id))
        #expect(plain.events.map(\.dataText) != secret.events.map(\.dataText))
        let other = text.replacing("0612345678", with: "0699999999")
        #expect(try await importingQueueLogs([other]).events == plain.events)
    }

    @Test("a clock that runs backward reorders no call, and files come in the order of time")
    func order() async throws {
        let first = "100|a|q|NONE|ENTERQUEUE||1|1\n200|a|q|S/1|CONNECT|100|x|1\n"
        let second = "150|a|q|S/1|COMPLETEAGENT|100|1|1\n300|b|q|NONE|ENTERQUEUE||1|1\n"
        for texts in [[first, second], [second, first]] {
            let imported = try await importingQueueLogs(texts)
            #expect(
                imported.events.map { $0.type.text.dropFirst("contact.".count) } == [
                    "received", "queued", "offer_accepted", "left_queue", "connected",
                    "disconnected", "received", "queued",
                ])
            #expect(
                imported.report.anomalies.first
                    == NamedCount(name: "backward_clock.COMPLETEAGENT", count: 1))
        }
    }

    @Test("a log and its longer copy, in either order, say what the longer one says")
    func overlappingFiles() async throws {
        let lines = [
            "10|a|q|NONE|ENTERQUEUE||5551|1", "10|b|q|NONE|ENTERQUEUE||5552|2",
            "12|a|q|S/1|CONNECT|2|op-1|1", "13|b|q|S/1|RINGNOANSWER|1000",
            "13|b|q|S/2|RINGNOANSWER|1000", "20|a|q|S/1|COMPLETEAGENT|2|8|1",
            "30|b|q|NONE|ABANDON|2|2|20", "40|NONE|q|S/1|PAUSE|lunch",
        ].map { $0 + "\n" }
        let all = lines.joined()
        let whole = try await importingQueueLogs([all])
        for shared in 1..<lines.count {
            let beginning = lines.prefix(shared).joined()
            let end = lines.dropFirst(shared / 2).joined()
            for files in [[beginning, all], [all, beginning], [beginning, end], [all, all]] {
                let imported = try await importingQueueLogs(files)
                #expect(imported.events == whole.events)
                #expect(imported.report.rejected == 0)
                #expect(imported.report.anomalies == whole.report.anomalies)
            }
        }
    }

    @Test(
        "the reason of a pause is imported only where it is a code",
        arguments: [("lunch", true), ("not-ready_5", true), ("Anna is ill", false), ("è", false)])
    func reasons(reason: String, kept: Bool) async throws {
        let imported = try await importingQueueLogs([
            "5|NONE|q|S/1|ADDMEMBER|\n10|NONE|q|S/1|PAUSE|\(reason)\n"
        ])
        #expect(imported.data.contains { $0.contains("reasonCode") } == kept)
        let anomalies = imported.report.anomalies.map(\.name)
        #expect(anomalies.contains("reason_left_out.PAUSE") == !kept)
    }

    @Test("equal lines are several events, and ids are the same in every run")
    func identity() async throws {
        let line = "5.25|a|q|S/1|RINGNOANSWER|1000\n"
        let imported = try await importingQueueLogs([line + line, line + line])
        #expect(Set(imported.events.map(\.id)).count == 2)
        #expect(imported.events.count == 2)
        #expect(imported.report.skipped == 2)
        #expect(imported.events.first?.timeText == "1970-01-01T00:00:05.250000Z")
        let crlf = try await importingQueueLogs([line.replacing("\n", with: "\r\n")])
        #expect(crlf.events.first == imported.events.first)
    }

    @Test(
        "whatever stands in the lines, each is told, skipped or refused, and data are JSON",
        arguments: 0..<20 as Range<UInt64>)
    func anything(seed: UInt64) async throws {
        var random = SeededNumbers(seed: seed)
        let words = [
            "", "NONE", "REALTIME", "a", "1", "-1", "9223372036854775807", "q|q", "è\u{301}",
            "\u{7}", "\"", "|", String(repeating: "x", count: 300), "1700000000.123456789",
        ]
        let names = [
            "ENTERQUEUE", "CONNECT", "ABANDON", "COMPLETEAGENT", "TRANSFER", "ATTENDEDTRANSFER",
            "RINGNOANSWER", "EXITWITHKEY", "SYSCOMPAT", "PAUSE", "UNPAUSEALL", "ADDMEMBER",
            "AGENTLOGOFF", "DID", "connect",
        ]
        var text: [UInt8] = []
        for _ in 0..<500 {
            func word() -> String { words.randomElement(using: &random) ?? "" }
            let time = Bool.random(using: &random) ? "1700000000" : word()
            let name = names.randomElement(using: &random) ?? ""
            let line = [time, word(), word(), word(), name, word(), word(), word()]
            text += line.prefix(Int.random(in: 1...8, using: &random)).joined(separator: "|").utf8
            if Int.random(in: 0..<9, using: &random) == 0 { text.append(0xFF) }
            text.append(0x0A)
        }
        let scratch = try Scratch()
        let collector = Collector()
        let importer = Importer(
            destination: collector.destination, scratchDirectory: scratch.path, onRefusal: { _ in })
        let source = try #require(QueueLogSource(source: try Source("urn:x")))
        let report = try await importer.importQueueLog(
            [try scratch.file("queue_log", text)], from: source)
        let lines = text.split(separator: 0x0A).count
        #expect(report.rows == lines)
        #expect(report.skipped + report.rejected <= report.rows)
        #expect(report.events >= report.rows - report.skipped - report.rejected)
        for event in collector.events { try checkJSON(Array(event.dataText.utf8)[...]) }
        #expect(Set(collector.events.map(\.id)).count == collector.events.count)
    }

    @Test("a zone that does not exist is none")
    func zones() throws {
        let source = try Source("urn:x")
        #expect(QueueLogSource(source: source, zone: "Europe/Atlantis") == nil)
    }
}
