/// Swift text taken apart into code and comments.
///
/// Both keep every line break, so that a line number in one is the line number in the file. What
/// stands in string literals is in neither, so that a rule can quote what it forbids; what is
/// interpolated into them is code.
struct SwiftText {
    private(set) var code: [UInt8] = []
    private(set) var comments: [UInt8] = []

    private let bytes: [UInt8]
    private var index = 0
    private var contexts: [Context] = [.code]

    private enum Context {
        case code
        /// Code inside `\(…)`, with the parentheses open in it.
        case interpolation(open: Int)
        case string(hashes: Int, quotes: Int)
        case lineComment
        case blockComment
    }

    init(_ text: String) {
        bytes = Array(text.utf8)
        code.reserveCapacity(bytes.count)
        comments.reserveCapacity(bytes.count)
        while index < bytes.count {
            switch contexts.last {
            case .string(let hashes, let quotes): stepInString(hashes: hashes, quotes: quotes)
            case .lineComment: stepInLineComment()
            case .blockComment: stepInBlockComment()
            case .interpolation(let open): stepInInterpolation(open: open)
            case .code, nil: stepInCode()
            }
        }
    }

    private mutating func stepInCode() {
        if starts(with: "//") {
            contexts.append(.lineComment)
            take(2, into: .comments)
        } else if starts(with: "/*") {
            contexts.append(.blockComment)
            take(2, into: .comments)
        } else if let hashes = hashesBeforeQuote() {
            index += hashes
            let quotes = starts(with: "\"\"\"") ? 3 : 1
            index -= hashes
            contexts.append(.string(hashes: hashes, quotes: quotes))
            take(hashes + quotes, into: .neither)
        } else {
            take(1, into: .code)
        }
    }

    private mutating func stepInInterpolation(open: Int) {
        switch bytes[index] {
        case UInt8(ascii: "("):
            contexts[contexts.count - 1] = .interpolation(open: open + 1)
            take(1, into: .code)
        case UInt8(ascii: ")") where open == 0:
            contexts.removeLast()
            take(1, into: .neither)
        case UInt8(ascii: ")"):
            contexts[contexts.count - 1] = .interpolation(open: open - 1)
            take(1, into: .code)
        default:
            stepInCode()
        }
    }

    private mutating func stepInString(hashes: Int, quotes: Int) {
        let marks = String(repeating: "#", count: hashes)
        if starts(with: "\\" + marks + "(") {
            contexts.append(.interpolation(open: 0))
            take(hashes + 2, into: .neither)
        } else if starts(with: "\\" + marks) {
            take(hashes + 2, into: .neither)
        } else if starts(with: String(repeating: "\"", count: quotes) + marks) {
            contexts.removeLast()
            take(hashes + quotes, into: .neither)
        } else {
            take(1, into: .neither)
        }
    }

    private mutating func stepInLineComment() {
        if bytes[index] == UInt8(ascii: "\n") { contexts.removeLast() }
        take(1, into: .comments)
    }

    private mutating func stepInBlockComment() {
        if starts(with: "/*") {
            contexts.append(.blockComment)
            take(2, into: .comments)
        } else if starts(with: "*/") {
            contexts.removeLast()
            take(2, into: .comments)
        } else {
            take(1, into: .comments)
        }
    }

    /// How many `#` stand here before a quote, or nil where no string begins.
    private func hashesBeforeQuote() -> Int? {
        var end = index
        while end < bytes.count, bytes[end] == UInt8(ascii: "#") { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else { return nil }
        return end - index
    }

    private func starts(with text: String) -> Bool {
        // Asked of every byte, so the first look is a cheap one.
        bytes[index] == text.utf8.first && bytes[index...].starts(with: text.utf8)
    }

    private enum Part {
        case code
        case comments
        case neither
    }

    /// Moves on by `count` bytes, which stand in `part` and leave blanks elsewhere.
    private mutating func take(_ count: Int, into part: Part) {
        let blank = UInt8(ascii: " ")
        for byte in bytes[index...].prefix(count) {
            let isBreak = byte == UInt8(ascii: "\n")
            code.append(part == .code || isBreak ? byte : blank)
            comments.append(part == .comments || isBreak ? byte : blank)
        }
        index += count
    }
}
