/// Something that may not be written, where, and what to write instead.
private struct Ban {
    let text: String
    let tokens: [Token]
    let instead: String
    let isAllowed: @Sendable (SourceFile) -> Bool

    init(
        _ text: String, instead: String,
        unless isAllowed: @escaping @Sendable (SourceFile) -> Bool = { _ in false }
    ) {
        self.text = text
        tokens = Token.tokens(of: Array(text.utf8))
        self.instead = instead
        self.isAllowed = isAllowed
    }

    func stands(in found: ArraySlice<Token>) -> Bool {
        guard found.count == tokens.count else { return false }
        return zip(found, tokens).dropFirst().allSatisfy {
            $0.text == $1.text && $0.isJoined == $1.isJoined
        }
    }
}

extension Rule {
    static let bans = Rule(name: "nothing banned is written") { file in
        violations(of: codeBans, among: file.code, in: file)
            + violations(of: commentBans, among: file.comments, in: file)
    }

    private static let codeBans = [
        Ban("try!", instead: "use `try` and let the error reach who can act on it"),
        Ban("as!", instead: "use `as?` and say what happens otherwise"),
        Ban("fatalError(", instead: "throw, or state the invariant with `precondition`"),
        Ban(
            "Date()", instead: "take the time as an argument; the log reads its LogClock",
            unless: isTest),
        Ban(
            "Date.now",
            instead: "take the time as an argument; the log reads its LogClock",
            // The auditor's program has no other clock, and asks once how old cosignatures are.
            unless: { isTest($0) || $0.isIn("Tools/ascolto-verify") }),
        Ban(
            "UUID()", instead: "take the identifier, or the generator, as an argument",
            unless: isTest),
        Ban(
            "print(", instead: "return the text; only Tools writes to the terminal",
            unless: { $0.isIn("Tools") }),
        Ban(
            "@unchecked Sendable", instead: "keep it in Sources/Storage, with its reason",
            unless: isStorage),
        Ban(
            "unsafe", instead: "keep it in Sources/Storage and give it a safe interface",
            unless: isStorage),
        Ban(
            "@_lifetime", instead: "keep it in Sources/Storage, its spelling may change",
            unless: isStorage),
        Ban(
            "JSONDecoder", instead: "use checkJSON and JSONPayload of the JSON module",
            // What it reads there, this program has written itself, and nobody else reads.
            unless: { isTest($0) || $0.path == "Sources/Routing/RoutingSnapshots.swift" }),
        Ban("DateFormatter", instead: "use Instant of the JSON module", unless: isTest),
        Ban("ISO8601DateFormatter", instead: "use Instant of the JSON module", unless: isTest),
        Ban(
            "Process()", instead: "run it with Program of TestSupport, which leaves nothing open",
            unless: { !isTest($0) || $0.path == "Tests/TestSupport/Program.swift" }),
        Ban(
            "Thread.sleep", instead: "waitUntil of TestSupport ends, and says what did not come",
            unless: { !isTest($0) || $0.path == "Tests/TestSupport/Wait.swift" }),
        Ban("@testable", instead: "test what the module promises to its callers"),
    ]

    private static let commentBans = ["TODO", "FIXME", "XXX", "HACK"].map {
        Ban($0, instead: "do it now, or write an issue")
    }

    private static let isStorage: @Sendable (SourceFile) -> Bool = { $0.isIn("Sources/Storage") }
    /// Tests may use Foundation as an oracle, and a clock and random names for their files.
    private static let isTest: @Sendable (SourceFile) -> Bool = { $0.isIn("Tests") }

    private static func violations(
        of bans: [Ban], among tokens: [Token], in file: SourceFile
    ) -> [Violation] {
        bans.filter { !$0.isAllowed(file) }.flatMap { ban -> [Violation] in
            tokens.indices.compactMap { index in
                // Asked of every token by every ban, so the first look is a cheap one.
                guard tokens[index].text == ban.tokens[0].text,
                    ban.stands(in: tokens[index...].prefix(ban.tokens.count))
                else { return nil }
                return Violation(
                    file: file, line: tokens[index].line,
                    message: "no `\(ban.text)` here: \(ban.instead)")
            }
        }
    }
}
