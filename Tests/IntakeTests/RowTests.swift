import EventLog
import Intake
import JSON
import OwnThread
import TestSupport
import Testing

@Suite("Rows to events", .ownThread)
struct RowTests {
    /// A mapping with one event whose data show the value `x`.
    private func mapping(_ values: String, head: String = "") -> String {
        """
        namespace: urn:test
        source: urn:test
        times: {zone: Europe/Rome, format: yyyy-MM-dd HH:mm}
        \(head)
        values:
        \(values)
        stream: s
        events:
          - {name: one, type: test.one, data: {x: "{x}"}}
        """
    }

    @Test("texts are compared and templates are read by their bytes, not by characters")
    func normalisation() async throws {
        let imported = try await importing(
            "a\ncaf\u{E9}\ncafe\u{301}\nnone\nnon\u{65}\u{301}\n",
            mapping: mapping(
                """
                  y: {column: a, absent: [none, "cafe\u{301}"]}
                  x: {text: "{y}\u{301}"}
                """))
        #expect(
            imported.data.map { Array($0.utf8) } == [
                Array("{\"x\":\"caf\u{E9}\u{301}\"}".utf8), Array("{}".utf8), Array("{}".utf8),
                Array("{\"x\":\"none\u{301}\u{301}\"}".utf8),
            ])
    }

    @Test(
        "a value becomes a member of its kind",
        arguments: [
            ("  x: {column: a}", "text", #"{"x":"text"}"#),
            ("  x: {column: a}", "", "{}"),
            ("  x: {column: a, absent: []}", "", #"{"x":""}"#),
            ("  x: {column: a, absent: [\"0\", \"-\"]}", "-", "{}"),
            ("  x: {column: a, absent: [\"0\", \"-\"]}", "", #"{"x":""}"#),
            ("  x: {column: a, as: integer}", "-12", #"{"x":-12}"#),
            ("  x: {column: a, map: {y: true, n: false}}", "y", #"{"x":true}"#),
            ("  x: {column: a, map: {one: 1, two: \"2\"}}", "one", #"{"x":1}"#),
            ("  x: {column: a, map: {one: 1, two: \"2\"}}", "two", #"{"x":"2"}"#),
            ("  x: {column: a, map: {y: yes}, otherwise: other}", "z", #"{"x":"other"}"#),
            ("  x: {time: a}", "2026-01-01 12:00", #"{"x":"2026-01-01T11:00:00Z"}"#),
            (
                "  x: {time: a, format: \"yyyy-MM-dd HH:mmXXX\"}", "2026-01-01 12:00+05:30",
                #"{"x":"2026-01-01T06:30:00Z"}"#
            ),
            (
                "  x: {time: a, zone: America/New_York}", "2026-01-01 12:00",
                #"{"x":"2026-01-01T17:00:00Z"}"#
            ),
            ("  x: {text: \"<{y}>\"}\n  y: {column: a}", "1", #"{"x":"<1>"}"#),
            ("  x: {text: \"<{y}>\"}\n  y: {column: a}", "", "{}"),
            ("  x: {text: \"{{{y}}}\"}\n  y: {column: a}", "1", #"{"x":"{1}"}"#),
            ("  x: {first_of: [y, z]}\n  y: {column: a}\n  z: {text: none}", "", #"{"x":"none"}"#),
            ("  x: {first_of: [y, z]}\n  y: {column: a}\n  z: {text: none}", "1", #"{"x":"1"}"#),
            ("  x: {column: a, when: {a: k}}\n  a: {column: a}", "l", "{}"),
            ("  x: {column: a, when: {a: [k, l]}}\n  a: {column: a}", "l", #"{"x":"l"}"#),
            ("  x: {text: t, when: {present: a}}\n  a: {column: a}", "", "{}"),
            ("  x: {text: t, when: {absent: a}}\n  a: {column: a}", "", #"{"x":"t"}"#),
            ("  x: {text: t, when: {not: {a: l}}}\n  a: {column: a}", "l", "{}"),
            ("  x: {text: t, when: {any: [{a: l}, {a: k}]}}\n  a: {column: a}", "k", #"{"x":"t"}"#),
            ("  x: {text: t, when: {all: [{a: l}, {a: k}]}}\n  a: {column: a}", "k", "{}"),
        ])
    func kinds(values: String, field: String, data: String) async throws {
        let imported = try await importing("a,b\n\(field),", mapping: mapping(values))
        #expect(imported.data == [data])
        #expect(imported.refused == [])
    }

    @Test(
        "a field that cannot be read refuses the row, whether a member needs it or not",
        arguments: [
            ("{column: a, as: integer}", "1.5", "y: '1.5' in a is not a whole number"),
            ("{column: a, map: {k: 1, j: 2}}", "l", "y: 'l' in a is not one of j, k"),
            (
                "{time: [a, b]}", "2026-02-30",
                "y: '2026-02-30 12:00' in a and b is not a time like yyyy-MM-dd HH:mm"
            ),
            ("{time: [b, a]}", "1", "y: '12:00 1' in b and a is not a time like yyyy-MM-dd HH:mm"),
        ])
    func unreadable(value: String, field: String, reason: String) async throws {
        let imported = try await importing(
            "a,b\n\(field),12:00\n", mapping: mapping("  x: {text: t}\n  y: \(value)"))
        #expect(imported.refused.map(\.line) == [2])
        #expect(imported.refused.map { "\($0.reason)" } == [reason])
        #expect(imported.events.isEmpty)
        #expect(imported.report.rejected == 1)
    }

    @Test(
        "numbers keep the digits that they are written with; products are whole and exact",
        arguments: [
            ("as: decimal", "12,50", "12.50"), ("as: decimal", "-0,05", "-0.05"),
            ("as: decimal", "007", "7"), ("as: decimal", "+3", "3"), ("as: decimal", "-0", "0"),
            ("as: decimal", "999999999999999999", "999999999999999999"),
            ("as: decimal", "0,00000000000000001", "0.00000000000000001"),
            ("as: decimal", "0,000000000000000001", nil),
            ("as: decimal", "12.50", nil), ("as: decimal", "1.234,5", nil),
            ("as: decimal", ",5", nil), ("as: decimal", "5,", nil), ("as: decimal", "-", nil),
            ("as: decimal", "1,2,3", nil), ("as: decimal", "1e3", nil), ("as: decimal", " 1", nil),
            ("as: decimal", "1000000000000000000", nil), ("as: decimal", "--1", nil),
            ("multiply_by: 100", "12,5", "1250"), ("multiply_by: 100", "-0,07", "-7"),
            ("multiply_by: 100", "1,005", nil), ("multiply_by: 100", "1,000", "100"),
            ("multiply_by: 86400000000", "999999999999", nil),
            ("multiply_by: 10", "922337203685477580,7", nil),
        ])
    func decimals(reading: String, field: String, expected: String?) async throws {
        let imported = try await importing(
            "a;b\n\(field);\n;\n",
            mapping: mapping(
                "  x: {column: a, \(reading)}",
                head: "file: {delimiter: semicolon, decimal_separator: comma}"))
        #expect(imported.data == [expected.map { "{\"x\":\($0)}" }, "{}"].compactMap { $0 })
        let example =
            reading == "as: decimal"
            ? "a number like 12,5"
            : "a number like 12,5 whose product by \(reading.dropFirst(13)) is a whole number "
                + "of 64 bits"
        #expect(
            imported.refused.map { "\($0.reason)" }
                == (expected == nil ? ["x: '\(field)' in a is not \(example)"] : []))
    }

    @Test(
        "a duration leads from one time to another, over midnight and a change of the clock",
        arguments: [
            ("seconds", "90", "2026-10-24T22:01:30Z"), ("seconds", "0", "2026-10-24T22:00:00Z"),
            ("seconds", "0.0000019", "2026-10-24T22:00:00.000001Z"),
            ("minutes", "1.5", "2026-10-24T22:01:30Z"), ("days", "1", "2026-10-25T22:00:00Z"),
            ("hours", "3", "2026-10-25T01:00:00Z"),
            ("milliseconds", "1500", "2026-10-24T22:00:01.500000Z"),
            ("h:mm:ss", "100:59:59.5", "2026-10-29T02:59:59.500000Z"),
            ("h:mm:ss", "0:00:09", "2026-10-24T22:00:09Z"),
            ("h:mm", "1:05", "2026-10-24T23:05:00Z"), ("m:ss", "75:05", "2026-10-24T23:15:05Z"),
            ("seconds", "-1", nil), ("seconds", "+1", nil), ("seconds", "1:00", nil),
            ("h:mm:ss", "1:5:00", nil), ("h:mm:ss", "1:60:00", nil), ("h:mm:ss", "1:00:60", nil),
            ("h:mm:ss", "1:00", nil), ("m:ss", "1.5:00", nil), ("m:ss", ":05", nil),
            ("m:ss", "1:005", nil), ("m:ss", "1:-5", nil), ("days", "2912346", nil),
            ("days", "999999999999", nil), ("m:ss", "999999999999999999:00", nil),
        ])
    func durations(unit: String, field: String, expected: String?) async throws {
        let imported = try await importing(
            "a,b\n2026-10-25 00:00,\(field)\n2026-10-25 00:00,\n,1\n",
            mapping: mapping("  s: {time: a}\n  x: {after: s, by: b, unit: \"\(unit)\"}"))
        #expect(imported.data.first == (expected.map { "{\"x\":\"\($0)\"}" } ?? "{}"))
        #expect(imported.data.dropFirst(expected == nil ? 0 : 1).allSatisfy { $0 == "{}" })
        #expect(imported.refused.map(\.line) == (expected == nil ? [2] : []))
        #expect(imported.events.count == (expected == nil ? 2 : 3))
        if expected == nil {
            let reason = try #require(imported.refused.first).reason
            #expect("\(reason)".hasPrefix("x: '\(field)' in b is not a "))
        }
    }

    @Test(
        "a clock wraps at midnight where it lies more than twelve hours back",
        arguments: [
            ("23:50", "00:10", "2026-01-02T23:10:00Z"), ("23:50", "11:49", "2026-01-03T10:49:00Z"),
            ("23:50", "11:50", "2026-01-02T10:50:00Z"), ("12:00", "00:00", "2026-01-01T23:00:00Z"),
            ("10:00", "09:59", "2026-01-02T08:59:00Z"), ("10:00", "23:00", "2026-01-02T22:00:00Z"),
        ])
    func midnight(start: String, end: String, expected: String) async throws {
        let imported = try await importing(
            "day,start,end\n2026-01-02,\(start),\(end)\n",
            mapping: mapping("  s: {time: [day, start]}\n  x: {time: [day, end], wraps_after: s}"))
        #expect(imported.data == [#"{"x":"\#(expected)"}"#])
    }

    @Test(
        "a skipped clock moves forward by the gap, a repeated one means the first",
        arguments: [
            ("2026-03-29 01:59", "2026-03-29T00:59:00Z"),
            ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),
            ("2026-03-29 03:00", "2026-03-29T01:00:00Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
            ("2026-10-25 03:00", "2026-10-25T02:00:00Z"),
        ])
    func daylightSaving(clock: String, expected: String) async throws {
        let imported = try await importing("a\n\(clock)\n", mapping: mapping("  x: {time: a}"))
        #expect(imported.data == [#"{"x":"\#(expected)"}"#])
    }

    @Test("values in streams and tags are percent-encoded, empty ones leave the tag out")
    func percentEncoding() async throws {
        let yaml = """
            namespace: urn:test
            source: urn:test
            values:
              a: {column: a, absent: []}
            stream: s/{a}
            tags: ["k:{a}", "k:fixed"]
            events:
              - {name: one, type: test.one, tags: ["k:{a}", "l:x{a}"]}
            """
        let imported = try await importing("a\nà /%:1\n\"b\n\t\u{85}\"\n\"\"\n", mapping: yaml)
        #expect(imported.events.map(\.stream.text) == ["s/à%20%2F%25:1", "s/b%0A%09%C2%85", "s/"])
        #expect(
            imported.events.map(\.tags.joined) == [
                "k:fixed k:à%20/%25:1 l:xà%20/%25:1", "k:b%0A%09%C2%85 k:fixed l:xb%0A%09%C2%85",
                "k:fixed l:x",
            ])
        let long = String(repeating: "x", count: 300)
        let refused = try await importing("a\n\(long)\n", mapping: yaml).refused
        #expect(refused.map(\.line) == [2])
        #expect("\(refused[0].reason)".hasPrefix("the event 'one': the tag \"k:xxx"))
    }

    @Test("a pseudonym hides the name, is the same everywhere and needs the secret")
    func pseudonyms() async throws {
        let yaml = mapping("  x: {column: a, pseudonym: operator, absent: [NOBODY]}")
        let table = "a\nAnna Rossi\nBruno\nAnna Rossi\nNOBODY\n"
        let imported = try await importing(table, mapping: yaml)
        let names = imported.events.map { $0.data.object?.string("x") }
        #expect(names[0] == names[2])
        #expect(names[0] != names[1])
        #expect(names[3] == nil)
        for name in names.compactMap(\.self) {
            #expect(name.wholeMatch(of: /operator-[0-9a-f]{12}/) != nil)
        }
        #expect(!imported.data.joined().contains("Anna"))
        let other = try await importing([table.utf8], mapping: yaml, secret: "salt")
        #expect(other.events[0].data != imported.events[0].data)
    }

    @Test(
        "identifiers tell a hidden name to nobody without the secret",
        arguments: ["", "key: [k, a]"])
    func hiddenKeys(head: String) async throws {
        let yaml = mapping("  x: {column: a, pseudonym: operator}", head: head)
        let table = "k,a\n1,Anna Rossi\n1,Bruno\n"
        let imported = try await importing([table.utf8], mapping: yaml, secret: "salt")
        #expect(Set(imported.events.map(\.id)).count == 2)
        let again = try await importing([table.utf8], mapping: yaml, secret: "salt")
        #expect(again.events.map(\.id) == imported.events.map(\.id))
        let other = try await importing([table.utf8], mapping: yaml, secret: "pepper")
        #expect(Set(other.events.map(\.id)).isDisjoint(with: imported.events.map(\.id)))
    }

    @Test("an event that no projection could read is refused with its row")
    func payloads() async throws {
        let yaml = """
            namespace: urn:test
            source: urn:test
            values:
              channel: {column: channel}
              queue: {column: queue}
            stream: contact/1
            events:
              - name: arrived
                type: contact.received
                data: {channel: "{channel}", direction: in}
              - {name: waiting, type: contact.queued, data: {queueId: "{queue}"}}
              - {name: later, type: contact.queued, schema: 2, data: {}}
            """
        let imported = try await importing(
            "channel,queue\nphone,Q\nfone,Q\nphone,a\u{0}b\n,Q\n", mapping: yaml)
        #expect(imported.report.rows == 4)
        #expect(imported.events.count == 3)
        #expect(imported.refused.map(\.line) == [3, 4, 5])
        let reasons = imported.refused.map { "\($0.reason)" }
        #expect(reasons[0].hasPrefix("the event 'arrived': contact.received: \"channel\" must be"))
        #expect(reasons[1].contains("\"queueId\" must not contain control characters"))
        #expect(reasons[2].contains("\"channel\" is missing"))
    }

    @Test("ids follow from key and event name alone")
    func ids() async throws {
        let yaml = mapping("  x: {column: x}", head: "key: [k, l]")
        let first = try await importing("k,l,x\n1,2,a\n12,,b\n", mapping: yaml)
        let second = try await importing("x,l,k\nc,,12\nd,2,1\n", mapping: yaml)
        #expect(first.events.map(\.id) == second.events.map(\.id).reversed())
        #expect(Set(first.events.map(\.id)).count == 2)
        // By Python: uuid5(uuid5(NAMESPACE_URL, "urn:test"), "1:11:23:one")
        #expect(first.events[0].id == EventID("73bcd1aa-c2c0-54d1-a325-e96afe51771c"))
    }

    @Test("without a key, equal rows of a file are told apart by their number")
    func occurrences() async throws {
        let yaml = mapping("  x: {column: x}")
        let table = "x,y\na,1\na,1\nb,1\na,2\na,1\n"
        let once = try await importing(table, mapping: yaml)
        #expect(Set(once.events.map(\.id)).count == 5)
        let twice = try await importing([table.utf8, table.utf8], mapping: yaml)
        #expect(Set(twice.events.map(\.id)) == Set(once.events.map(\.id)))
        let joined = try await importing(["xy,\n,z\n".utf8], mapping: mapping("  x: {column: xy}"))
        #expect(joined.events.count == 1)
    }

    @Test("rules skip, refuse and count")
    func rules() async throws {
        let yaml = """
            namespace: urn:test
            source: urn:test
            times: {zone: UTC, format: yyyy-MM-dd}
            values:
              kind: {column: kind}
              start: {time: start}
              end: {time: end}
            skip:
              test: {kind: test}
              ghost: {kind: [ghost, phantom]}
            refuse:
              - {when: {not: {kind: [call, visit]}}, reason: "the kind is {kind}"}
            anomalies:
              ends_first: {before: [end, start]}
              open: {absent: end}
            stream: s/{kind}
            events:
              - {name: start, type: test.start, time: start}
              - {name: end, type: test.end, when: {present: end}, time: end}
            """
        let imported = try await importing(
            """
            kind,start,end
            call,2026-01-01,2026-01-02
            test,never,never
            phantom,2026-01-01,
            visit,2026-01-03,2026-01-01
            mail,2026-01-01,
            call,2026-01-01,
            call,,2026-01-01
            ,2026-01-01,
            test,,
            """, mapping: yaml)
        let report = imported.report
        #expect(report.rows == 9)
        #expect(report.skipped == 3)
        #expect(
            report.skippedByRule == [
                NamedCount(name: "ghost", count: 1), NamedCount(name: "test", count: 2),
            ])
        #expect(report.events == 5)
        #expect(report.rejected == 3)
        #expect(
            report.anomalies == [
                NamedCount(name: "backward_clock.end", count: 1),
                NamedCount(name: "ends_first", count: 1), NamedCount(name: "open", count: 1),
            ])
        #expect(
            imported.refused.map { "\($0.line) \($0.reason)" } == [
                "6 the kind is mail",
                "8 the event 'start' has no time: its value is absent",
                "9 a rule of the mapping refuses the row",
            ])
        #expect(imported.refused[0].description.contains("0.csv:6: the kind is mail"))
    }

    @Test("what the log refuses is reported by row, once")
    func rejections() async throws {
        let collector = Collector { event in
            event.dataText.contains("bad") ? .rejected(.noEvents) : nil
        }
        let imported = try await importing(
            ["x\ngood\nbad\n".utf8, "x\n\n\nbad\n".utf8],
            mapping: mapping("  x: {column: x}"), into: collector)
        #expect(imported.report.events == 1)
        #expect(imported.report.rejected == 2)
        #expect(imported.refused.map(\.line) == [3, 4])
        #expect(imported.refused[1].file.hasSuffix("1.csv"))
        #expect(
            "\(imported.refused[0].reason)"
                == "the log rejects it: an append needs at least one event")
    }

    @Test("a dry run appends nothing and counts what it would hand over")
    func dryRun() async throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.csv", text: "x\n1\n2\n")
        let importer = Importer(
            destination: .nowhere, scratchDirectory: scratch.path,
            onRefusal: { Issue.record("\($0)") })
        let report = try await importer.importCSV(
            [path], mapping: try Mapping(yaml: mapping("  x: {column: x}")))
        #expect(report.rows == 2)
        #expect(report.events == 2)
    }

    @Test("a truncated file stops the import with nothing appended")
    func truncated() async throws {
        let collector = Collector()
        let yaml = CSVTests.mapping()
        for bytes in [InputFileTests.gzip.dropLast(3), InputFileTests.zstd.dropLast(3)] {
            await #expect(throws: (any Error).self) {
                try await importing([Array(bytes)], mapping: yaml, into: collector)
            }
        }
        #expect(collector.events.isEmpty)
        let whole = try await importing(
            [InputFileTests.gzip, InputFileTests.zstd], mapping: yaml, into: collector)
        #expect(whole.report.rows == 4)
    }

    @Test("progress reaches the totals")
    func progress() async throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.csv", text: "x\n1\n2\n")
        var seen: [ImportProgress] = []
        let importer = Importer(
            destination: .nowhere, scratchDirectory: scratch.path,
            onRefusal: { Issue.record("\($0)") }, onProgress: { seen.append($0) })
        _ = try await importer.importCSV(
            [path, path], mapping: try Mapping(yaml: mapping("  x: {column: x}")))
        #expect(seen.contains(.reading(bytes: 12, of: 12)))
        #expect(seen.last == .appending(events: 4, of: 4))
    }
}
