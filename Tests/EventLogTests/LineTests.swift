import EventLog
import Foundation
import JSON
import Testing

@Suite struct LineTests {
    private func read(_ text: String) throws -> NewEvent {
        try NewEvent(cloudEvent: Array(text.utf8)[...], logMembers: .refused)
    }

    private func line(_ members: String) -> String {
        #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","source":"/a?b=%20","#
            + #""type":"t","subject":"s"\#(members)}"#
    }

    /// What goes in comes out, in canonical order and spelling.
    @Test(arguments: [
        (
            #","data": {"b" : [1, 2.50, "\u00e8"],\#n "a":null}"#,
            #""data":{"b" : [1, 2.50, "\u00e8"],  "a":null}}"#
        ),
        (#","data":null"#, #""data":null}"#),
        (#","data_base64":"AAEC/w==""#, #""data_base64":"AAEC/w=="}"#),
        ("", #""data_base64":""}"#),
    ])
    func dataKeepTheirForm(members: String, end: String) throws {
        let text = try String(decoding: stored(try read(line(members))).line, as: UTF8.self)
        #expect(text.hasSuffix(end), "\(text)")
    }

    private func stored(_ sent: NewEvent) throws -> Event {
        Event(
            position: Position(5), revision: Revision(2), recorded: Instant(microseconds: 1_500),
            id: sent.id ?? EventID(high: 0, low: 0), type: sent.type, schema: sent.schema,
            stream: sent.stream, tags: sent.tags, source: sent.source, time: sent.time,
            cause: sent.cause, correlation: sent.correlation, attributes: sent.attributes,
            data: sent.data)
    }

    @Test func theWholeLineIsCanonical() throws {
        let sent = try read(
            #"{"tags":"q:2 a:1","zeta":true,"alpha":-5,"data":{},"schema":3,"#
                + #""time":"2026-11-23T10:00:00.1234567+01:00","subject":"s\"\u0041\/","#
                + #""type":"t\\","source":"urn:x","id":"01890A5D-AC96-774B-BCCE-B302099A8057","#
                + #""causationid":"00000000-0000-0000-0000-000000000001","mid":"ü","#
                + #""correlationid":"00000000-0000-0000-0000-000000000002","specversion":"1.0"}"#)
        let expected =
            #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","#
            + #""source":"urn:x","type":"t\\","subject":"s\"A/","#
            + #""time":"2026-11-23T09:00:00.123456Z","schema":3,"tags":"a:1 q:2","#
            + #""causationid":"00000000-0000-0000-0000-000000000001","#
            + #""correlationid":"00000000-0000-0000-0000-000000000002","#
            + #""alpha":-5,"mid":"ü","zeta":true,"position":"5","revision":"2","#
            + #""recorded":"1970-01-01T00:00:00.001500Z","datahash":"#
            + #""44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","data":{}}"#
        #expect(String(decoding: try stored(sent).line, as: UTF8.self) == expected)
        let leaf = String(decoding: try stored(sent).leaf, as: UTF8.self)
        #expect(leaf == expected.replacingOccurrences(of: #","data":{}}"#, with: "}"))
        #expect(try Event(line: Array(expected.utf8)[...]) == stored(sent))
    }

    @Test(arguments: [
        (#"{"specversion":"1.0"}"#, "\"type\" is missing"),
        (#"{"specversion":"0.3","type":"t"}"#, "specversion"),
        (#"nonsense"#, "at byte 1"),
        (#"[1]"#, "not a JSON object"),
        (#"{"a":1,"\u0061":2}"#, "appears twice"),
        (#"{"a":"\ud800"}"#, "lone surrogate"),
    ])
    func whatIsNoEventIsRefused(text: String, message: String) {
        #expect {
            try read(text)
        } throws: { error in
            "\(error)".contains(message)
        }
    }

    @Test(arguments: [
        (#","position":"1""#, "set by the log"), (#","datahash":"x""#, "set by the log"),
        (#","schema":0"#, "1 to 65535"), (#","schema":"1""#, "1 to 65535"),
        (#","tags":"a""#, "key:value"), (#","tags":"a: b""#, "key:value"),
        (#","tags":"a:1 a:1""#, "twice"), (#","time":"yesterday""#, "RFC 3339"),
        (#","Big":1"#, "lower-case"), (#","float":1.5"#, "32 bits"),
        (#","large":3000000000"#, "32 bits"), (#","list":[1]"#, "32 bits"),
        (#","data":1,"data_base64":"AA==""#, "exclude each other"),
        (#","data_base64":"AA=""#, "not base64"), (#","causationid":"x""#, "UUID"),
        (#","tags":"\#("k:" + String(repeating: "v", count: 300))""#, "128 bytes"),
        (#","data":"\#(String(repeating: "x", count: 2 << 20))""#, "1048576"),
    ])
    func eachMistakeIsNamed(members: String, message: String) {
        #expect {
            try read(line(members))
        } throws: { error in
            "\(error)".contains(message)
        }
    }

    @Test func invalidUTF8IsRefusedWithItsPlace() {
        var bytes = Array(line("").utf8)
        bytes[3] = 0xFF
        #expect(throws: EventError.json(JSONError(offset: 3, reason: .invalidUTF8))) {
            try NewEvent(cloudEvent: bytes[...], logMembers: .refused)
        }
    }

    @Test func removedDataKeepTheirHash() throws {
        let event = try stored(try read(line(#","data":{"secret":1}"#)))
        var removed = event
        let text = String(decoding: event.line, as: UTF8.self)
        let cut = text.replacingOccurrences(of: #"{"secret":1}"#, with: "null")
        removed = try Event(line: Array(cut.utf8)[...])
        #expect(removed.leaf == event.leaf)
        #expect(String(decoding: removed.line, as: UTF8.self) == cut)
        #expect(throws: EventError.removedData) {
            try NewEvent(cloudEvent: Array(cut.utf8)[...], logMembers: .dropped)
        }
    }
}
