/// A function, initialiser or subscript as its tokens show it.
struct FunctionDeclaration {
    struct Parameter {
        /// What a caller writes, `_` for nothing.
        let label: String
        let name: String
        /// Without specifiers such as `inout` and without the default value.
        let type: String
        let line: Int
    }

    let name: String
    let modifiers: Set<String>
    let parameters: [Parameter]
    let line: Int
    /// The line of the closing brace; of the signature's end where there is no body.
    let lastLine: Int

    static func all(in file: SourceFile) -> [FunctionDeclaration] {
        file.code.indices.compactMap { Reader(code: file.code, keyword: $0).declaration() }
    }
}

/// Reads the declaration that begins at one keyword.
private struct Reader {
    let code: [Token]
    let keyword: Int

    private static let keywords: Set = ["func", "init", "deinit", "subscript"]
    private static let modifiers: Set = [
        "public", "package", "internal", "fileprivate", "private", "static", "class", "final",
        "override", "mutating", "nonmutating", "consuming", "borrowing", "convenience", "required",
        "nonisolated", "prefix", "postfix", "isolated",
    ]
    /// Where one of these follows a signature, the function has no body.
    private static let next: Set<String> = modifiers.union(keywords).union([
        "}", "@", "#", ";", "var", "let", "case", "enum", "struct", "actor", "extension",
        "protocol", "associatedtype", "typealias", "import",
    ])

    func declaration() -> FunctionDeclaration? {
        guard Self.keywords.contains(code[keyword].text), isDeclaration else { return nil }
        var end = keyword
        var parameters: [FunctionDeclaration.Parameter] = []
        if code[keyword].text != "deinit" {
            guard let open = firstIndex(of: "(", from: keyword), let close = match(open) else {
                return nil
            }
            parameters = split(open + 1..<close).compactMap(parameter)
            end = close
        }
        return FunctionDeclaration(
            name: name, modifiers: modifiers, parameters: parameters, line: code[keyword].line,
            lastLine: code[bodyEnd(after: end)].line)
    }

    /// False for calls such as `.init(…)` and `self.init(…)`.
    private var isDeclaration: Bool {
        keyword == 0 || code[keyword - 1].text != "."
    }

    private var name: String {
        guard code[keyword].text == "func", keyword + 1 < code.count else {
            return code[keyword].text
        }
        return code[keyword + 1].text
    }

    private var modifiers: Set<String> {
        let before = code[..<keyword].reversed().prefix { Self.modifiers.contains($0.text) }
        return Set(before.map(\.text))
    }

    private func bodyEnd(after signature: Int) -> Int {
        var index = signature + 1
        var depth = 0
        while index < code.count {
            switch code[index].text {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return match(index) ?? signature
            case let text where depth == 0 && Self.next.contains(text): return signature
            default: break
            }
            index += 1
        }
        return signature
    }

    private func parameter(_ tokens: ArraySlice<Token>) -> FunctionDeclaration.Parameter? {
        let specifiers: Set = ["inout", "consuming", "borrowing", "sending", "isolated", "__owned"]
        guard let colon = tokens.firstIndex(where: { $0.text == ":" }) else { return nil }
        let names = tokens[..<colon].map(\.text)
        guard let label = names.first, let name = names.last else { return nil }
        let type = tokens[(colon + 1)...]
            .prefix { $0.text != "=" }
            .drop { specifiers.contains($0.text) }
        return FunctionDeclaration.Parameter(
            label: label, name: name, type: type.map(\.text).joined(), line: tokens[colon].line)
    }

    /// The parts of a parameter list between the commas that separate parameters.
    private func split(_ range: Range<Int>) -> [ArraySlice<Token>] {
        var parts: [ArraySlice<Token>] = []
        var start = range.lowerBound
        var depth = 0
        for index in range {
            switch code[index].text {
            case "(", "[", "{", "<": depth += 1
            case ")", "]", "}": depth -= 1
            // The mark of an arrow closes nothing.
            case ">" where code[index - 1].text != "-": depth -= 1
            case "," where depth == 0:
                parts.append(code[start..<index])
                start = index + 1
            default: break
            }
        }
        return parts + [code[start..<range.upperBound]]
    }

    private func firstIndex(of text: String, from start: Int) -> Int? {
        code[start...].firstIndex { $0.text == text }
    }

    /// The index that closes the bracket at `open`.
    private func match(_ open: Int) -> Int? {
        let pairs = ["(": ")", "{": "}"]
        let opening = code[open].text
        var depth = 0
        for index in open..<code.count {
            if code[index].text == opening { depth += 1 }
            if code[index].text == pairs[opening] { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }
}
