import Foundation
import JSON
import Testing

/// The scanner reads what Foundation's parser reads.
struct PayloadTests {
    @Test(arguments: UInt64(0)..<60)
    func agreesWithFoundation(seed: UInt64) throws {
        var any = AnyJSON(seed: seed)
        for _ in 0..<40 {
            let text = any.object()
            // Wrapped, so that the slice begins inside its storage.
            let bytes = Array("xx \(text) ".utf8)[2...]
            let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let payload = try #require(JSONPayload(checked: bytes))
            try expect(payload, equals: try #require(parsed as? [String: Any]), text)
        }
    }

    @Test func membersComeInTheirOrderAndAsWritten() throws {
        let payload = try #require(
            object(in: #" { "b" : [1, 2] , "\u0061":-7,"c":{"d":null} , "e":1.50 } "#))
        var seen: [String] = []
        payload.forEachMember { key, value in
            seen.append("\(key)=\(String(decoding: value.bytes, as: UTF8.self))")
        }
        #expect(seen == ["b=[1, 2]", "a=-7", #"c={"d":null}"#, "e=1.50"])
        #expect(payload.integer("a") == -7)
        #expect(payload.member("b")?.elements?.map(\.integer) == [1, 2])
        #expect(payload.member("c")?.object?.member("d")?.kind == .null)
        #expect(payload.integer("e") == nil)
        #expect(payload.string("a") == nil)
        #expect(payload.boolean("a") == nil)
        #expect(payload.member("d") == nil)
    }

    /// Spellings that are canonically equivalent are different keys, as they are for the log.
    @Test func keysAreComparedByTheirBytes() throws {
        let payload = try #require(object(in: #"{"e\#u{301}":1,"\u0065\u0301x":2,"\u00e9":3}"#))
        #expect(payload.integer("e\u{301}") == 1)
        #expect(payload.integer("e\u{301}x") == 2)
        #expect(payload.integer("\u{E9}") == 3)
        #expect(payload.integer("\u{E9}x") == nil)
    }

    @Test(arguments: ["[]", "1", "\"{}\"", "null", "", "  "])
    func onlyObjectsArePayloads(text: String) {
        #expect(JSONPayload(checked: Array(text.utf8)[...]) == nil)
    }

    @Test(arguments: [
        ("9223372036854775807", Int64.max), ("-9223372036854775808", .min), ("-0", 0),
        ("9223372036854775808", nil), ("1.0", nil), ("1e2", nil), ("\"1\"", nil), ("null", nil),
    ])
    func wholeNumbers(text: String, expected: Int64?) throws {
        let payload = try #require(object(in: "{\"n\":\(text)}"))
        #expect(payload.integer("n") == expected)
    }

    @Test func visitingEndsAtTheFirstError() throws {
        struct Enough: Error {}
        let payload = try #require(object(in: #"{"a":1,"b":2,"c":3}"#))
        var seen: [String] = []
        #expect(throws: Enough.self) {
            try payload.forEachMember { (key, _) throws(Enough) in
                seen.append(key)
                if key == "b" { throw Enough() }
            }
        }
        #expect(seen == ["a", "b"])
    }

    /// Bytes that were never checked give some answer, but never an access out of bounds.
    @Test(arguments: UInt64(0)..<60)
    func uncheckedBytesNeverTrap(seed: UInt64) {
        var any = AnyJSON(seed: seed &+ 5_000)
        for _ in 0..<200 {
            let bytes = any.mutated(any.object())
            if let payload = JSONPayload(checked: bytes[...]) { walk(payload, depth: 0) }
        }
    }

    @Test(arguments: [
        #"{"a":"\u"}"#, #"{"a":"\ud800"}"#, #"{"a":"\ud800\u0000"}"#, #"{"a":"\ud8"#,
        #"{"a":"\"#, #"{"a":"\x"}"#, #"{"\ud83d\u":1}"#, #"{"a""#, #"{""#, #"{"a":"#, "{",
        #"{"a":""#, #"{"a":["#, #"{"a":[1,"#,
    ])
    func brokenEscapesNeverTrap(text: String) throws {
        walk(try #require(JSONPayload(checked: Array(text.utf8)[...])), depth: 0)
    }

    private func walk(_ payload: JSONPayload, depth: Int) {
        payload.forEachMember { key, value in
            _ = payload.member(key)
            walk(value, depth: depth + 1)
        }
    }

    private func walk(_ value: JSONValue, depth: Int) {
        guard depth < 100 else { return }
        _ = (value.string, value.integer, value.boolean)
        for element in value.elements ?? [] { walk(element, depth: depth + 1) }
        if let object = value.object { walk(object, depth: depth) }
    }

    private func object(in text: String) -> JSONPayload? {
        let bytes = Array(text.utf8)[...]
        guard (try? checkJSON(bytes)) != nil else { return nil }
        return JSONPayload(checked: bytes)
    }

    private func expect(
        _ payload: JSONPayload, equals expected: [String: Any], _ text: String
    ) throws {
        var keys: Set<[UInt8]> = []
        try payload.forEachMember { key, value throws in
            keys.insert(Array(key.utf8))
            try expect(value, equals: try #require(expected[key], "\(text)"), text)
            #expect(payload.member(key)?.bytes == value.bytes)
        }
        #expect(keys.count == expected.count, "\(text)")
    }

    private func expect(_ value: JSONValue, equals expected: Any, _ text: String) throws {
        switch value.kind {
        case .string:
            let string = try #require(value.string)
            #expect(Array(string.utf8) == (expected as? String).map { Array($0.utf8) }, "\(text)")
        case .null: #expect(expected is NSNull, "\(text)")
        case .boolean: #expect(value.boolean == expected as? Bool, "\(text)")
        case .number:
            let number = try #require(expected as? NSNumber)
            if let integer = value.integer {
                #expect(integer == number.int64Value, "\(text)")
            } else {
                let written = String(decoding: value.bytes, as: UTF8.self)
                #expect(Double(written) == number.doubleValue, "\(text)")
            }
        case .array:
            let elements = try #require(value.elements)
            let others = try #require(expected as? [Any])
            try #require(elements.count == others.count)
            for (element, other) in zip(elements, others) {
                try expect(element, equals: other, text)
            }
        case .object:
            let object = try #require(value.object)
            try expect(object, equals: try #require(expected as? [String: Any]), text)
        }
    }
}
