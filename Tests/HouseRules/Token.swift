/// A word or a single mark of a Swift file, and the line where it stands, from 1.
struct Token {
    let text: String
    let line: Int
    /// Whether it touches the token before it, as the mark in `try!` does and in `try !a` does not.
    let isJoined: Bool

    /// The tokens of code or of comments, as ``SwiftText`` gives them.
    static func tokens(of bytes: [UInt8]) -> [Token] {
        var tokens: [Token] = []
        var word: [UInt8] = []
        var line = 1
        var isJoined = false
        func add(_ text: String) {
            tokens.append(Token(text: text, line: line, isJoined: isJoined))
            isJoined = true
        }
        for byte in bytes + [UInt8(ascii: "\n")] {
            if isWord(byte) {
                word.append(byte)
                continue
            }
            if !word.isEmpty {
                add(String(decoding: word, as: UTF8.self))
                word.removeAll(keepingCapacity: true)
            }
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                isJoined = false
                line += byte == UInt8(ascii: "\n") ? 1 : 0
            default:
                add(String(UnicodeScalar(byte)))
            }
        }
        return tokens
    }

    /// Backticks belong to the word, since a quoted keyword is a plain name; so do bytes of letters
    /// beyond ASCII.
    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "`"): true
        default: byte >= 0x80
        }
    }
}
