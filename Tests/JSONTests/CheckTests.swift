import JSON
import OwnThread
import TestSupport
import Testing

/// What is accepted as JSON, and where and why the rest is refused.
@Suite(.ownThread) struct CheckTests {
    @Test(arguments: [
        "0", "-0", "10", "-1.5e+10", "0.0", "1E9", "true", "false", "null", "\"\"", "[]", "{}",
        " \t\r\n[ ]\n", "[1,2]", "[[],{}]", #"{"":1}"#, #"{"a":1,"b":1}"#, #"{"a":{"a":{}}}"#,
        #""\"\\\/\b\f\n\r\t\u0000\uFFFF""#, #""\uD83D\uDE00""#, "\"\u{7F}\"", "\"\u{10FFFF}\"",
        #"{"é":1,"e\#u{301}":2}"#, #"{"a":1,"A":2}"#, "\"\u{FEFF}\"",
    ])
    func accepted(text: String) throws {
        try checkJSON(Array(text.utf8)[...])
        // In a slice that does not begin at 0 just the same.
        try checkJSON(Array("[[[\(text)]]]".utf8)[3...].dropLast(3))
    }

    @Test(arguments: [
        ("", 0, JSONError.Reason.unexpectedEnd), (" ", 1, .unexpectedEnd),
        ("[", 1, .unexpectedEnd), ("[1", 2, .unexpectedEnd), ("[1,", 3, .unexpectedEnd),
        ("{\"a\"", 4, .unexpectedEnd), ("{\"a\":", 5, .unexpectedEnd), ("\"a", 2, .unexpectedEnd),
        ("tru", 3, .unexpectedEnd), ("\"\\", 2, .unexpectedEnd), ("\"\\u12", 5, .unexpectedEnd),
        ("]", 0, .unexpectedByte(0x5D)), ("[1,]", 3, .unexpectedByte(0x5D)),
        ("[1 2]", 3, .unexpectedByte(0x32)), ("{a:1}", 1, .unexpectedByte(0x61)),
        ("{\"a\" 1}", 5, .unexpectedByte(0x31)), ("{\"a\":1,}", 7, .unexpectedByte(0x7D)),
        ("{\"a\":1 \"b\":2}", 7, .unexpectedByte(0x22)), ("trux", 3, .unexpectedByte(0x78)),
        ("NaN", 0, .unexpectedByte(0x4E)), ("+1", 0, .unexpectedByte(0x2B)),
        ("'a'", 0, .unexpectedByte(0x27)), ("\u{FEFF}1", 0, .unexpectedByte(0xEF)),
        (".5", 0, .unexpectedByte(0x2E)), ("-", 0, .invalidNumber), ("-a", 0, .invalidNumber),
        ("[1.]", 1, .invalidNumber), ("1e", 0, .invalidNumber), ("1e+", 0, .invalidNumber),
        ("01", 1, .trailingBytes), ("-01", 2, .trailingBytes), ("1 2", 2, .trailingBytes),
        ("{}x", 2, .trailingBytes), ("0x1", 1, .trailingBytes), ("truetrue", 4, .trailingBytes),
        ("\"\n\"", 1, .controlCharacter), ("[\"\u{0}\"]", 2, .controlCharacter),
        ("\"\\x\"", 1, .invalidEscape), ("\"\\u00g0\"", 1, .invalidEscape),
        ("\"\\U0041\"", 1, .invalidEscape), (#""a\ud800""#, 2, .loneSurrogate),
        (#""\udc00""#, 1, .loneSurrogate), (#""\ud800\u0041""#, 1, .loneSurrogate),
        (#""\ud800\ud800""#, 1, .loneSurrogate), (#""\ud800x""#, 1, .loneSurrogate),
        (#"{"a":1,"a":2}"#, 8, .duplicateKey("a")),
        (#"{"a":1,"\u0061":2}"#, 8, .duplicateKey("a")),
        (#"[{"b":{"":0,"":0}}]"#, 13, .duplicateKey("")),
        (#"{"é":1,"\u00E9":2}"#, 9, .duplicateKey("é")),
    ])
    func refused(text: String, offset: Int, reason: JSONError.Reason) {
        expectRefusal(Array(text.utf8), JSONError(offset: offset, reason: reason))
    }

    /// Table 3-7 of Unicode 15 from its outside: each is no UTF-8 at the second byte of the text.
    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x20], [0xE0, 0x80, 0x80],
            [0xE0, 0x9F, 0xBF], [0xE1, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xEF, 0xBF, 0xC0], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF], [0xF5, 0x80, 0x80, 0x80], [0xFF],
            [0xF1, 0x80, 0x80, 0x20],
        ] as [[UInt8]])
    func invalidUTF8IsRefused(bytes: [UInt8]) {
        expectRefusal([0x22] + bytes + [0x22], JSONError(offset: 1, reason: .invalidUTF8))
        expectRefusal([0x22] + bytes, JSONError(offset: 1, reason: .invalidUTF8))
    }

    @Test func depth64IsTheLimit() throws {
        func nested(_ depth: Int, _ open: String, _ inner: String, _ close: String) -> [UInt8] {
            let left = String(repeating: open, count: depth)
            return Array((left + inner + String(repeating: close, count: depth)).utf8)
        }
        try checkJSON(nested(64, "[", "1", "]")[...])
        try checkJSON(nested(64, "{\"a\":", "1", "}")[...])
        expectRefusal(nested(65, "[", "1", "]"), JSONError(offset: 64, reason: .tooDeep))
        expectRefusal(
            nested(65, "{\"a\":", "1", "}"), JSONError(offset: 64 * 5, reason: .tooDeep))
        // A long attack on the stack ends just as early.
        expectRefusal(nested(1_000_000, "[", "", ""), JSONError(offset: 64, reason: .tooDeep))
    }

    /// On either side of the number of keys where the search for duplicates changes its method.
    @Test(arguments: 2..<20)
    func duplicatesAreFoundAmongManyKeys(count: Int) throws {
        let keys = (0..<count).map { "key\($0)" }
        func text(_ keys: [String]) -> [UInt8] {
            Array(("{" + keys.map { "\"\($0)\":0" }.joined(separator: ",") + "}").utf8)
        }
        try checkJSON(text(keys)[...])
        for first in 0..<count - 1 {
            var repeated = keys
            repeated[count - 1] = keys[first]
            let error = #expect(throws: JSONError.self) { try checkJSON(text(repeated)[...]) }
            #expect(error?.reason == .duplicateKey(keys[first]))
        }
    }

    @Test(arguments: UInt64(0)..<50)
    func generatedTextIsAccepted(seed: UInt64) throws {
        var any = AnyJSON(seed: seed)
        for _ in 0..<50 { try checkJSON(Array(any.object().utf8)[...]) }
    }

    /// Skipped where python3 is absent: its json module is the independent judge.
    @Test(.enabled(if: Python.can("import json"), "python3 is absent"), arguments: UInt64(0)..<6)
    func agreesWithPythonOnMutatedText(seed: UInt64) throws {
        var any = AnyJSON(seed: seed &+ 1_000)
        let texts = (0..<4_000).map { _ in any.mutated(any.object()) }
        let answers = try Python.run(
            code: Self.judge, input: .text(texts.map { hexadecimal($0) + "\n" }.joined())
        ).lines
        try #require(answers.count == texts.count)
        var accepted = 0
        for (text, answer) in zip(texts, answers) {
            let ours = (try? checkJSON(text[...])) != nil
            accepted += ours ? 1 : 0
            if ours != (answer == "accepted") {
                Issue.record("\(String(decoding: text, as: UTF8.self)): \(ours), \(answer)")
            }
        }
        // Both verdicts occur often enough to mean something.
        #expect((400..<3_600).contains(accepted))
    }

    /// Reads hexadecimal lines; adds to Python's json what ours refuses beyond the grammar.
    private static let judge = """
        import json, sys
        def no_duplicates(pairs):
            keys = [key for key, _ in pairs]
            if len(set(keys)) != len(keys): raise ValueError("duplicate")
            return dict(pairs)
        def no_constant(text): raise ValueError(text)
        def depth(value):
            if isinstance(value, str): value.encode("utf-8")
            if isinstance(value, dict):
                for key in value: key.encode("utf-8")
                return 1 + max(map(depth, value.values()), default=0)
            if isinstance(value, list): return 1 + max(map(depth, value), default=0)
            return 0
        for line in sys.stdin:
            try:
                text = bytes.fromhex(line.strip()).decode("utf-8")
                value = json.loads(
                    text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
                print("accepted" if depth(value) <= 64 else "too deep")
            except ValueError as error:
                print("refused", str(error).replace("\\n", " "))
        """

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { padded16($0) }.joined()
    }

    private func padded16(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }

    private func expectRefusal(_ text: [UInt8], _ expected: JSONError) {
        let error = #expect(throws: JSONError.self) { try checkJSON(text[...]) }
        #expect(error == expected)
    }
}
