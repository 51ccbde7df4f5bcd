import EventLog
import Intake
import Synchronization
import TestSupport
import Testing

@Suite("NDJSON")
struct NDJSONTests {
    private func importing(
        _ texts: [String], into destination: Importer.Destination
    ) async throws -> (report: ImportReport, refused: [String]) {
        let scratch = try Scratch()
        var paths: [String] = []
        for (index, text) in texts.enumerated() {
            paths.append(try scratch.file("\(index).ndjson", text: text))
        }
        let refused = Mutex<[String]>([])
        let importer = Importer(
            destination: destination, scratchDirectory: scratch.path,
            onRefusal: { row in refused.withLock { $0.append("\(row.line): \(row.reason)") } })
        let report = try await importer.importNDJSON(paths)
        return (report, refused.withLock { $0 })
    }

    private func line(_ type: String, _ members: String) -> String {
        #"{"specversion":"1.0","source":"urn:t","type":"\#(type)","subject":"s",\#(members)}"#
            + "\n"
    }

    @Test("data that are not those of their hash, and payloads that nobody can read, are refused")
    func altered() async throws {
        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        let text =
            line("a", #""datahash":"\#(hash)","data":{}"#)
            + line("a", #""datahash":"\#(hash)","data":{"a":1}"#)
            + line("a", #""datahash":"zz","data":{}"#)
            + line(
                "contact.received",
                #""schema":1,"data":{"channel":"phone","direction":"in","zone":"Mars/X"}"#)
            + line("contact.queued", #""schema":1,"data_base64":"AA==""#)
            + line("contact.queued", #""data":{}"#) + line("contact.queued", #""schema":9"#)
        let collector = Collector()
        let (report, refused) = try await importing([text], into: collector.destination)
        #expect(collector.events.count == 3)
        #expect(
            refused == [
                "2: the data are not those of \"datahash\"; they were changed after the export",
                "3: \"datahash\" must be 64 digits of lower-case hexadecimal",
                "4: contact.received: \"zone\" must be an IANA time zone like Europe/Rome, "
                    + "not \"Mars/X\"",
                "5: contact.queued: \"queueId\" must be in \"data\", which must be a JSON object",
            ])
        #expect(report.anomalies == [NamedCount(name: "schema_missing", count: 1)])
    }

    @Test("lines keep their order, blank ones do not count, bad ones are refused")
    func lines() async throws {
        let first =
            line("b", #""id":"01890a5d-ac96-774b-bcce-b302099a8057","data":{"n":2}"#)
            + "\n" + line("meta.log_created", #""position":"0","data":{}"#)
            + line("a", #""type":"b""#) + " \t\r\n"
            + line("a", #""position":"7","revision":"3","recorded":"x","data":{"n":1}"#)
            + line("a", #""datahash":"\#(String(repeating: "0", count: 64))","data":null"#)
            + line("a", #""data":[1,}"#)
        let collector = Collector()
        let (report, refused) = try await importing(
            [first, String(line("c", #""data":null"#).dropLast())], into: collector.destination)
        #expect(collector.events.map(\.type.text) == ["b", "a", "c"])
        #expect(collector.events.map(\.dataText) == [#"{"n":2}"#, #"{"n":1}"#, "null"])
        #expect(report.rows == 7)
        #expect(report.skippedByRule == [NamedCount(name: "meta.log_created", count: 1)])
        #expect(
            refused == [
                "4: the key \"type\" appears twice in one object at byte 64",
                "7: the data of this event were removed; it cannot be appended again",
                "8: unexpected '}' in the JSON text at byte 73",
            ])
        #expect(report.rejected == 3)
    }

    @Test("a line over 4 MiB is refused and the next one is read")
    func longLine() async throws {
        let long = String(repeating: "x", count: 4 << 20 + 1)
        let (report, refused) = try await importing(
            [long + "\n" + line("a", #""data":{}"#)], into: .nowhere)
        #expect(report.events == 1)
        #expect(refused == ["1: the line has \(long.utf8.count) bytes; at most 4194304 are read"])
    }

    @Test("a line without an id gets the same one in every run, equal lines distinct ones")
    func derivedIDs() async throws {
        let text = line("a", #""data":1"#) + line("b", #""data":1"#) + line("a", #""data":1"#)
        var runs: [[EventID?]] = []
        for _ in 0..<2 {
            let collector = Collector()
            _ = try await importing([text], into: collector.destination)
            runs.append(collector.events.map(\.id))
        }
        #expect(runs[0] == runs[1])
        #expect(Set(runs[0].compactMap(\.self)).count == 3)
    }

    @Test("a line without an id gets the same one whether lines end with LF or CRLF")
    func lineEnds() async throws {
        let text = line("a", #""data":1"#) + line("b", #""data":1"#) + line("a", #""data":1"#)
        let withReturns = String(text.dropLast()).split(separator: "\n")
            .map { $0 + "\r\n" }.joined()
        var runs: [[EventID?]] = []
        for text in [text, withReturns] {
            let collector = Collector()
            _ = try await importing([text], into: collector.destination)
            runs.append(collector.events.map(\.id))
        }
        #expect(runs[0].count == 3)
        #expect(runs[0] == runs[1])
    }

    @Test("many lines reach a log in order, and a rerun finds them there")
    func rerun() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.path + "/log", zone: "UTC")
        let log = try EventLog.open(at: scratch.path + "/log", access: .writing)
        defer { log.close() }
        let lines = (0..<9_000).map { line("t", "\"data\":{\"n\":\($0)}") }
        let destination = Importer.Destination.log { try await log.append(each: $0) }
        let (first, _) = try await importing([lines.joined()], into: destination)
        #expect(first.events == 9_000)
        let (second, _) = try await importing([lines.joined()], into: destination)
        #expect(second.events == 0)
        #expect(second.alreadyAppended == 9_000)
        var data: [String] = []
        try log.read(Selection()) { event in
            data.append(String(decoding: event.data.content ?? [], as: UTF8.self))
            return .next
        }
        #expect(data.dropFirst() == (0..<9_000).map { "{\"n\":\($0)}" }[...])
    }

    @Test("what the log rejects is reported by line")
    func rejections() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.path + "/log", zone: "UTC")
        let log = try EventLog.open(at: scratch.path + "/log", access: .writing)
        defer { log.close() }
        let id = #""id":"01890a5d-ac96-774b-bcce-b302099a8057""#
        let (report, refused) = try await importing(
            [line("a", id) + line("b", id) + line("a", id)],
            into: .log { try await log.append(each: $0) })
        #expect(report.events == 1)
        #expect(report.alreadyAppended == 1)
        #expect(
            refused == [
                "2: the log rejects it: the id 01890a5d-ac96-774b-bcce-b302099a8057 is in the log"
                    + " at position 1 with other content; give a new event a new id"
            ])
        #expect(report.rejected == 1)
    }
}
