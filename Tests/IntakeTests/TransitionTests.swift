import ContactCentre
import EventLog
import Foundation
import Intake
import TestSupport
import Testing

@Suite("Transitions that a state machine does not allow are counted, and imported")
struct TransitionTests {
    private func line(_ stream: String, _ type: String, _ data: String = "{}") -> String {
        #"{"specversion":"1.0","source":"urn:t","type":"\#(type)","schema":1,"#
            + #""subject":"\#(stream)","data":\#(data)}"# + "\n"
    }

    private func received(_ stream: String) -> String {
        line(stream, "contact.received", #"{"channel":"phone","direction":"in"}"#)
    }

    private func importing(
        _ lines: String, into destination: Importer.Destination
    ) async throws -> ImportReport {
        let scratch = try Scratch()
        let importer = Importer(
            destination: destination, scratchDirectory: scratch.path,
            onRefusal: { Issue.record("\($0)") })
        return try await importer.importNDJSON([try scratch.file("lines", text: lines)])
    }

    private func transitions(_ report: ImportReport) -> [NamedCount] {
        report.anomalies.filter { $0.name.hasPrefix("transition.") }
    }

    @Test("by rule, for contacts and operators, in order and in a dry run")
    func counts() async throws {
        let change = #"{"from":"available","to":"break"}"#
        let lines =
            received("contact/1") + received("contact/1") + line("contact/1", "contact.resumed")
            + line("contact/2", "contact.disconnected") + line("operator/a", "operator.logged_out")
            + line("operator/a", "operator.logged_in")
            + line("operator/a", "operator.status_changed", change)
            + line("operator/a", "operator.status_changed", change)
            + line("contact/3", "contact.never_heard_of") + received("contact/3")
        let expected = [
            NamedCount(name: "transition.continues_from_status", count: 1),
            NamedCount(name: "transition.logged_in_first", count: 1),
            NamedCount(name: "transition.received_first", count: 1),
            NamedCount(name: "transition.received_once", count: 1),
            NamedCount(name: "transition.resumed_after_hold", count: 1),
        ]
        let collector = Collector()
        let report = try await importing(lines, into: collector.destination)
        #expect(transitions(report) == expected)
        #expect(report.events == 10)
        #expect(collector.events.count == 10)
        #expect(transitions(try await importing(lines, into: .nowhere)) == expected)
    }

    @Test("among rows, in the order in which the log gets them")
    func rows() async throws {
        let mapping = """
            namespace: urn:test
            source: urn:test
            times: {zone: UTC, format: yyyy-MM-dd HH:mm}
            values: {at: {time: at}, call: {column: call}, what: {column: what}}
            stream: contact/{call}
            events:
              - name: received
                type: contact.received
                time: at
                when: {what: arrived}
                data: {channel: phone, direction: in}
              - name: ended
                type: contact.disconnected
                time: at
                when: {what: ended}
            """
        let imported = try await IntakeTests.importing(
            "call,what,at\n1,ended,2026-01-01 10:05\n1,arrived,2026-01-01 10:00\n"
                + "2,ended,2026-01-01 10:06\n2,arrived,2026-01-01 10:07\n", mapping: mapping)
        #expect(
            transitions(imported.report) == [
                NamedCount(name: "transition.received_first", count: 1),
                NamedCount(name: "transition.received_once", count: 1),
            ])
    }

    @Test("but not where the log refuses the event, which then has not happened")
    func refused() async throws {
        let collector = Collector { event in
            event.type.text == "contact.resumed"
                ? .rejected(.reservedType(event.type)) : nil
        }
        let scratch = try Scratch()
        let importer = Importer(
            destination: collector.destination, scratchDirectory: scratch.path, onRefusal: { _ in })
        let lines = received("contact/1") + line("contact/1", "contact.resumed")
        let report = try await importer.importNDJSON([try scratch.file("lines", text: lines)])
        #expect(report.rejected == 1)
        #expect(transitions(report) == [])
    }

    /// The limit is stated: 32,768 streams are known in any case, twice as many are not.
    @Test("within a bounded memory of streams", arguments: [(32_000, 0), (66_000, 1)])
    func bound(others: Int, forgotten: Int) async throws {
        let lines =
            received("contact/first") + (0..<others).map { received("contact/\($0)") }.joined()
            + line("contact/first", "contact.disconnected")
        let report = try await importing(lines, into: .nowhere)
        #expect(
            transitions(report)
                == (forgotten == 0
                    ? [] : [NamedCount(name: "transition.received_first", count: forgotten)]))
    }

    @Test("in a queue log whose beginning is missing, once for the call")
    func queueLog() async throws {
        let imported = try await importingQueueLogs([
            "1|a|q|S/1|CONNECT|1|x|1\n9|a|q|S/1|COMPLETEAGENT|1|8|1\n20|b|q|NONE|ENTERQUEUE||1|1\n"
                + "30|b|q|NONE|ENTERQUEUE||1|1\n40|NONE|q|S/1|PAUSE|\n"
        ])
        #expect(
            transitions(imported.report) == [
                NamedCount(name: "transition.logged_in_first", count: 1),
                NamedCount(name: "transition.one_queue_at_a_time", count: 1),
                NamedCount(name: "transition.received_first", count: 1),
            ])
    }
}
