import TestSupport

extension SeededNumbers {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    mutating func pick(_ texts: [String]) -> String { texts[below(texts.count)] }
}

/// Writes random JSON text: valid, but with unusual white space, escapes and numbers.
struct AnyJSON {
    var random: SeededNumbers

    init(seed: UInt64) { random = SeededNumbers(seed: seed) }

    mutating func object(depth: Int = 0) -> String {
        var text = "{" + space()
        for number in 0..<random.below(5) {
            if number > 0 { text += "," + space() }
            // The number keeps the keys of one object apart.
            text += "\"" + characters() + "\(number)\"" + space() + ":" + space()
            text += value(depth: depth + 1) + space()
        }
        return text + "}"
    }

    mutating func value(depth: Int) -> String {
        switch random.below(depth > 4 ? 6 : 8) {
        case 0: return random.pick(["true", "false", "null"])
        case 1, 2: return number()
        case 3, 4, 5: return "\"" + characters() + "\""
        case 6: return object(depth: depth)
        default: break
        }
        var text = "[" + space()
        for number in 0..<random.below(4) {
            if number > 0 { text += "," + space() }
            text += value(depth: depth + 1) + space()
        }
        return text + "]"
    }

    /// Some change of one or a few bytes, which may leave the text valid.
    mutating func mutated(_ text: String) -> [UInt8] {
        var bytes = Array(text.utf8)
        let alphabet = Array("{}[]\",:\\/ u0123456789abDdtfn-+.eE\u{1}\n\t".utf8)
        for _ in 0...random.below(2) where !bytes.isEmpty {
            let at = random.below(bytes.count)
            switch random.below(6) {
            case 0: bytes[at] = alphabet[random.below(alphabet.count)]
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(alphabet[random.below(alphabet.count)], at: at)
            case 3: bytes[at] ^= 1 << UInt8(random.below(8))
            case 4: bytes.removeSubrange(at...)
            default:
                let end = min(bytes.count, at + 1 + random.below(6))
                bytes.insert(contentsOf: Array(bytes[at..<end]), at: random.below(bytes.count))
            }
        }
        return bytes
    }

    private mutating func space() -> String {
        random.pick(["", "", "", " ", "\n", "\t", "\r", " \n  "])
    }

    private mutating func number() -> String {
        random.pick([
            "0", "-0", "7", "-12", "9223372036854775807", "-9223372036854775808",
            "9223372036854775808", "0.5", "-0.0", "1e3", "1E+2", "12.50e-1", "\(random.next())",
            "\(Int64(bitPattern: random.next()))",
        ])
    }

    private mutating func characters() -> String {
        let parts = [
            "a", "Z", "0", " ", "/", "é", "e\u{301}", "日", "😀", "\u{7F}", "\u{2028}", "\\\"",
            "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0041", "\\u00e9", "\\u0000",
            "\\ud83d\\uDE00", "\\uFFFF", "{", "}", "[", "]", ":", ",",
        ]
        return (0..<random.below(6)).map { _ in random.pick(parts) }.joined()
    }
}
