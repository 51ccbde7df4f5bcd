import EventLog
import Intake
import JSON
import TestSupport
import Testing

@Suite("CSV")
struct CSVTests {
    static func mapping(_ file: String = "") -> String {
        """
        namespace: urn:test
        source: urn:test
        file: {\(file)}
        values:
          a: {column: a, absent: []}
          b: {column: b, absent: []}
        stream: row
        events:
          - name: row
            type: test.row
            data: {a: "{a}", b: "{b}"}
        """
    }

    @Test(
        "reads the grammar of RFC 4180",
        arguments: [
            ("a,b\n1,2\n", [#"{"a":"1","b":"2"}"#]),
            ("a,b\r\n1,2\r\n3,4", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#]),
            ("\u{FEFF}a,b\n1,2", [#"{"a":"1","b":"2"}"#]),
            ("\u{FEFF}\"a\",b\n1,2", [#"{"a":"1","b":"2"}"#]),
            ("b,c,a\n1,2,3\n", [#"{"a":"3","b":"1"}"#]),
            ("a,b\n\n1,2\n\r\n3,4\n\n", [#"{"a":"1","b":"2"}"#, #"{"a":"3","b":"4"}"#]),
            ("a,b\n,\n", [#"{"a":"","b":""}"#]),
            ("a,b\n\"1\",\"2\"\r\n", [#"{"a":"1","b":"2"}"#]),
            ("a,b\n\"1\",\"2\"", [#"{"a":"1","b":"2"}"#]),
            ("a,b\n\"1,5\",\"say \"\"hi\"\"\"\n", [#"{"a":"1,5","b":"say \"hi\""}"#]),
            ("a,b\n\"\",\"\"\"\"\n", [#"{"a":"","b":"\""}"#]),
            ("a,b\n\"x\r\ny\n\",2\n", [#"{"a":"x\r\ny\n","b":"2"}"#]),
            ("a,b\n1,\"2\r\"\n", [#"{"a":"1","b":"2\r"}"#]),
            ("a,b\n5\" pipe,2\" pipe\n", [#"{"a":"5\" pipe","b":"2\" pipe"}"#]),
            ("a,b\nè,日本\n", [#"{"a":"è","b":"日本"}"#]),
        ])
    func grammar(table: String, expected: [String]) async throws {
        let imported = try await importing(table, mapping: Self.mapping())
        #expect(imported.data == expected)
        #expect(imported.refused == [])
        #expect(imported.report.rows == expected.count)
    }

    @Test(
        "the delimiter is the mapping's",
        arguments: [("semicolon", ";"), ("tab", "\t"), ("comma", ","), ("pipe", "|")])
    func delimiters(name: String, character: String) async throws {
        let imported = try await importing(
            "a\(character)b\n\"x,;\t\"\(character)2\n",
            mapping: Self.mapping("delimiter: \(name)"))
        #expect(imported.data == [#"{"a":"x,;\t","b":"2"}"#])
    }

    @Test("Latin-1 becomes UTF-8")
    func latin1() async throws {
        let table = Array("a,b\n".utf8) + [0xE8, 0x2C, 0xFF, 0x0A]
        let imported = try await importing(
            [table], mapping: Self.mapping("encoding: latin-1"))
        #expect(imported.data == [#"{"a":"è","b":"ÿ"}"#])
    }

    @Test("every byte of windows-1252 becomes the character that the standard gives it")
    func windows1252() async throws {
        let open: [UInt8] = [0x81, 0x8D, 0x8F, 0x90, 0x9D]
        let upper = (0x80...0x9F).filter { !open.contains($0) }
        var table = Array("a,b\n".utf8) + upper + [0x2C, 0xE8, 0xA0, 0x0A]
        for byte in open { table += [0x78, 0x2C, byte, 0x0A] }
        let imported = try await importing(
            [table], mapping: Self.mapping("encoding: windows-1252"))
        #expect(
            imported.data == [#"{"a":"€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ","b":"è\#u{A0}"}"#])
        #expect(imported.refused.map(\.line) == [3, 4, 5, 6, 7])
        let reason = try #require(imported.refused.first).reason
        #expect("\(reason)" == "the byte 0x81 stands for no character in windows-1252")
    }

    @Test("a file of UTF-8 by its mark is refused in another encoding")
    func utf8Mark() async throws {
        let error = await #expect(throws: (any Error).self) {
            _ = try await importing(
                "\u{FEFF}a,b\n1,2\n", mapping: Self.mapping("encoding: windows-1252"))
        }
        #expect("\(try #require(error))".contains("it begins with the byte-order mark of UTF-8"))
    }

    @Test("a carriage return alone ends no line and is refused outside of quotes")
    func loneCarriageReturns() async throws {
        let error = await #expect(throws: (any Error).self) {
            _ = try await importing("a,b\r1,2\r3,4\r", mapping: Self.mapping())
        }
        #expect("\(try #require(error))".contains("a carriage return stands without a line feed"))
        let imported = try await importing(
            "a,b\nx\ry,2\nx,y\rz\n1,2\r", mapping: Self.mapping("columns: [a, b]"))
        #expect(imported.data == [#"{"a":"a","b":"b"}"#, #"{"a":"1","b":"2"}"#])
        #expect(imported.refused.map(\.line) == [2, 3])
    }

    @Test("UTF-16 is refused by its byte-order mark, with what to do")
    func utf16() async throws {
        let error = await #expect(throws: (any Error).self) {
            _ = try await importing([[0xFF, 0xFE, 0x61, 0, 0x2C, 0]], mapping: Self.mapping())
        }
        #expect("\(try #require(error))".contains("it is UTF-16; bring it into UTF-8"))
    }

    @Test("lines before the header are stepped over, whatever they hold, and counted")
    func linesBeforeTheHeader() async throws {
        let table = "\u{FEFF}Report of \"2026\n\nmade by: x,y,z\r\na,b\n1,2\n3\n"
        let imported = try await importing(table, mapping: Self.mapping("skip_lines: 3"))
        #expect(imported.data == [#"{"a":"1","b":"2"}"#])
        #expect(imported.refused.map(\.line) == [6])
        let tooMany = await #expect(throws: (any Error).self) {
            _ = try await importing(table, mapping: Self.mapping("skip_lines: 9"))
        }
        #expect(
            "\(try #require(tooMany))"
                .contains("it has no line after the 9 that \"skip_lines\" steps over"))
    }

    @Test("a file without a header has its columns named by the mapping")
    func noHeader() async throws {
        let imported = try await importing(
            "1,2\n3,4\n5\n", mapping: Self.mapping("columns: [b, a]"))
        #expect(imported.data == [#"{"a":"2","b":"1"}"#, #"{"a":"4","b":"3"}"#])
        #expect(imported.refused.map(\.line) == [3])
    }

    @Test("padding is removed around fields, and kept within quotes")
    func padding() async throws {
        let table = "  a |b  \r\n 1  |   2 \r\n   \r\n|  \n  \n \" x \"  |\" y \" "
        let file = "delimiter: pipe, padding: remove"
        let imported = try await importing(table, mapping: Self.mapping(file))
        #expect(
            imported.data == [
                #"{"a":"1","b":"2"}"#, #"{"a":"","b":""}"#, #"{"a":" x ","b":" y "}"#,
            ])
    }

    @Test("a bad row is refused with its line, and every other row is read")
    func badRows() async throws {
        var table = Array("a,b\nok,1\n".utf8)
        table += Array("x,".utf8) + [0xFF] + Array("\n".utf8)
        table += Array("one\n1,2,3\nok,2\n\"two\nlines\"\n\"a\"b,c\nok,3\n".utf8)
        table += Array("open,\"never\nok,4\nok,5".utf8)
        let imported = try await importing([table], mapping: Self.mapping())
        #expect(
            imported.data == (1...5).map { #"{"a":"ok","b":"\#($0)"}"# })
        #expect(
            imported.refused.map { "\($0.line): \($0.reason)" } == [
                "3: field 2 is not UTF-8; should the mapping say \"encoding: windows-1252\"?",
                "4: it has 1 fields, and there are 2 columns",
                "5: it has 3 fields, and there are 2 columns",
                "7: it has 1 fields, and there are 2 columns",
                "9: text follows a closing quote; a quote inside a quoted field is written twice",
                "11: a quote that opens in this row is never closed",
            ])
        #expect(imported.report.rows == 11)
        #expect(imported.report.rejected == 6)
    }

    @Test("a row over the limit costs one line")
    func longRow() async throws {
        let rows = String(repeating: "ok,\(String(repeating: "x", count: 2_000))\n", count: 600)
        let imported = try await importing("a,b\nx,\"open\n" + rows, mapping: Self.mapping())
        #expect(imported.report.rows == 601)
        #expect(imported.report.events == 600)
        #expect(imported.refused.map(\.line) == [2])
        #expect(imported.refused.map(\.reason) == [.malformed(.tooLong)])
    }

    @Test("ragged rows can be padded")
    func ragged() async throws {
        let imported = try await importing(
            "a,b\n1\n1,2,3\n", mapping: Self.mapping("ragged_rows: pad"))
        #expect(imported.data == [#"{"a":"1","b":""}"#, #"{"a":"1","b":"2"}"#])
        #expect(imported.refused == [])
    }

    @Test("rows are read alike wherever the buffers end", arguments: 0..<8 as Range<UInt64>)
    func randomRows(seed: UInt64) async throws {
        var random = SeededNumbers(seed: seed)
        let alphabet = ["x", ",", "\"", "\n", "\r\n", "é", ";", " "]
        var table = "a,b\r\n"
        var expected: [String] = []
        while table.utf8.count < 200_000 {
            let fields = (0..<2).map { _ in
                (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                    alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                }.joined()
            }
            table += fields.map {
                "\"\($0.replacing("\"", with: "\"\""))\""
            }.joined(separator: ",")
            table += Bool.random(using: &random) ? "\n" : "\r\n"
            expected.append(fields.joined(separator: "|"))
        }
        let imported = try await importing(table, mapping: Self.mapping())
        #expect(imported.refused == [], "seed \(seed)")
        let found = imported.events.map { event in
            let object = event.data.object
            return "\(object?.string("a") ?? "-")|\(object?.string("b") ?? "-")"
        }
        #expect(found == expected, "seed \(seed)")
    }

    @Test("an empty file and a broken header are errors of the file")
    func headers() async throws {
        await #expect(throws: IntakeError.self) {
            try await importing("", mapping: Self.mapping())
        }
        await #expect(throws: IntakeError.self) {
            try await importing("\"a,b\n", mapping: Self.mapping())
        }
        await #expect(throws: IntakeError.self) {
            try await importing("a,a,b\n", mapping: Self.mapping())
        }
        let imported = try await importing("a,b\n", mapping: Self.mapping())
        #expect(imported.report.rows == 0)
    }
}
