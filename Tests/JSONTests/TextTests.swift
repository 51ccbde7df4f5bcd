import Foundation
import JSON
import TestSupport
import Testing

/// Strings are written as RFC 8785 (3.2.2.2) asks.
struct TextTests {
    @Test func everyCharacterBelow0x20HasItsEscape() {
        let expected: [UInt32: String] = [
            0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: "\\\"",
            0x5C: "\\\\",
        ]
        for value in UInt32(0)..<0x300 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let hexadecimal = String(value, radix: 16)
            let escape =
                expected[value]
                ?? (value < 0x20
                    ? "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
                    : String(scalar))
            #expect(jsonString(String(scalar)) == "\"\(escape)\"")
        }
    }

    @Test(arguments: UInt64(0)..<30)
    func whatIsWrittenIsReadBack(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        for _ in 0..<100 {
            let scalars = (0..<random.below(12)).compactMap { _ in
                Unicode.Scalar(UInt32(random.below(random.below(3) == 0 ? 0x110000 : 0x100)))
            }
            let text = String(String.UnicodeScalarView(scalars))
            let written = Array("{\"a\":\(jsonString(text))}".utf8)
            try checkJSON(written[...])
            let read = try #require(JSONPayload(checked: written[...])?.string("a"))
            #expect(Array(read.utf8) == Array(text.utf8))
        }
    }

    @Test func hexadecimalDigits() {
        for value in UInt8(0)..<16 {
            #expect(hexDigit(lowercaseHexDigit(value)) == value)
            let upper = String(value, radix: 16, uppercase: true).utf8.first
            #expect(upper.flatMap(hexDigit) == value)
        }
        let digits = Set("0123456789abcdefABCDEF".utf8)
        #expect((UInt8.min...UInt8.max).allSatisfy { (hexDigit($0) != nil) == digits.contains($0) })
    }
}
