import Testing

@Suite("House rules")
struct HouseRulesTests {
    @Test("hold everywhere", arguments: Rule.all)
    func everywhere(rule: Rule) {
        for violation in SourceTree.files.flatMap(rule.violations) {
            Issue.record("\(violation)")
        }
    }

    /// Without this a moved test file would find no sources, and every rule would hold.
    @Test("are asked of every module")
    func modules() {
        let found = Set(SourceTree.files.compactMap(\.module))
        #expect(found == Set(Rule.importTable.keys))
        #expect(SourceTree.files.contains { $0.path == "Package.swift" && !$0.code.isEmpty })
        #expect(SourceTree.files.contains { $0.path == "Tests/HouseRules/HouseRulesTests.swift" })
    }

    @Test("let pass what keeps them", arguments: Rule.all)
    func goodSample(rule: Rule) {
        #expect(rule.violations(Sample.good).map(\.description) == [])
    }

    @Test("name the place and what to do", arguments: Sample.bad)
    func badSample(sample: Sample) {
        let found = sample.rule.violations(sample.file)
        #expect(found.map(\.line) == sample.lines)
        for violation in found {
            #expect(violation.description.hasPrefix("\(sample.file.path):\(violation.line): "))
            #expect(violation.message.contains(sample.advice), "\(violation)")
        }
    }

    @Test("have a bad sample each")
    func samples() {
        #expect(Set(Sample.bad.map(\.rule.name)) == Set(Rule.all.map(\.name)))
    }

    @Test("tell code from comments and strings")
    func parts() {
        let source = ##"""
            let a = "no // comment \(call(b("x")) + c) end" // one "quoted"
            let d = #"raw \(no) " \#(yes) "# /* two /* three */ four */ + e
            let f = """
                many " \" lines \(g)
                """
            """##
        let text = SwiftText(source)
        let code = Token.tokens(of: text.code)
        #expect(
            code.map(\.text).joined(separator: " ")
                == "let a = call ( b ( ) ) + c let d = yes + e let f = g")
        #expect(
            code.map(\.line) == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4])
        let comments = Token.tokens(of: text.comments).map(\.text).filter { $0.count > 1 }
        #expect(comments == ["one", "quoted", "two", "three", "four"])
    }
}

/// A file that breaks one rule, with the lines where it does.
struct Sample: CustomStringConvertible, Sendable {
    let rule: Rule
    let file: SourceFile
    let lines: [Int]
    /// What every message must say.
    let advice: String

    var description: String { "\(rule.name): \(file.path), lines \(lines)" }

    init(_ rule: Rule, _ path: String, _ text: String, lines: [Int], advice: String) {
        self.rule = rule
        file = SourceFile(path: path, text: text)
        self.lines = lines
        self.advice = advice
    }

    static let good = SourceFile(
        path: "Sources/EventLog/Good.swift",
        text: """
            package import struct Merkle.Hash
            @preconcurrency internal import Storage

            // A comment may say print( or unsafe, and so may a string.
            package protocol Reader {
                func read(_ from: Position, to: Position) -> Bool
            }
            package func good(
                _ first: Int, second: Int, third: (Bool) -> Bool = { $0 }, _ fourth: String
            ) throws -> Bool {
                let words = "try! as! Date() \\(fingerprint(first))"
                guard try !isKnown(first) else { return false }
                return words.isEmpty || tryFor(first)! == as(second) || CivilDate() == nil
            }
            private func internals(isOpen: Bool) {}

            """)

    static let bad: [Sample] = importSamples + banSamples + shapeSamples + parameterSamples

    private static let importSamples = [
        Sample(
            .imports, "Sources/Merkle/Bad.swift",
            """
            internal import Crypto
            package import EventLog
            @preconcurrency internal import struct Foundation.Data

            """, lines: [2, 3], advice: "only Crypto: move the code"),
        Sample(
            .imports, "Sources/ContactCentre/Calls/Bad.swift", "internal import EventLog\n",
            lines: [1], advice: "only Foundation, JSON"),
        Sample(
            .imports, "Sources/JSON/Bad.swift", "fileprivate import class Storage.Environment\n",
            lines: [1], advice: "only nothing"),
        Sample(
            .imports, "Projections/OperatorQueues/Bad.swift", "internal import Intake\n",
            lines: [1], advice: "Projections may not import Intake"),
        Sample(
            .imports, "Sources/Storage/Bad.swift", "\n\nimport Glibc\n", lines: [3],
            advice: "write `internal import Glibc`"),
        Sample(
            .imports, "Sources/Surprise/Bad.swift", "", lines: [1],
            advice: "give it a row in Rule.importTable"),
        Sample(
            .moduleNames, "Sources/Utils/Bad.swift", "", lines: [1],
            advice: "name the folder after"),
        Sample(
            .moduleNames, "Sources/EventLog/Models/Bad.swift", "", lines: [1],
            advice: "name the folder after"),
    ]

    private static let banSamples = [
        ban("let a = try! b()", advice: "let the error reach"),
        ban("let a = b as! C", advice: "use `as?`"),
        ban("fatalError()", advice: "throw"),
        ban("let a = Date()", advice: "as an argument"),
        ban("let a = Date.now", advice: "as an argument"),
        ban("let a = \"\\(UUID())\"", advice: "as an argument"),
        ban("print(\"done\")", advice: "return the text"),
        ban("final class A: @unchecked Sendable {}", advice: "Sources/Storage"),
        ban("unsafe pointer.load()", advice: "Sources/Storage"),
        ban("nonisolated(unsafe) var a = 0", advice: "Sources/Storage"),
        ban("@_lifetime(borrow self)", advice: "Sources/Storage"),
        ban("let a = JSONDecoder()", advice: "JSONPayload"),
        ban("let a = DateFormatter()", advice: "Instant"),
        ban("let a = ISO8601DateFormatter()", advice: "Instant"),
        ban("@testable import EventLog", advice: "test what the module promises"),
        ban("a() // TODO: b", advice: "do it now"),
        ban("/* FIXME */ a()", advice: "do it now"),
        Sample(
            .bans, "Tests/EventLogTests/Bad.swift", "let time = Date()\nlet a = try! b()\n",
            lines: [2], advice: "let the error reach"),
        Sample(
            .bans, "Tests/EventLogTests/Bad.swift", "\nlet a = Process()\n", lines: [2],
            advice: "Program of TestSupport"),
        Sample(
            .bans, "Tests/EventLogTests/Bad.swift", "\nwhile a { Thread.sleep(1) }\n",
            lines: [2], advice: "waitUntil of TestSupport"),
        Sample(
            .bans, "Sources/Storage/Bad.swift", "unsafe a()\nprint(a)\n", lines: [2],
            advice: "return the text"),
        Sample(
            .bans, "Tools/ascolto/Bad.swift", "print(a)\nunsafe a()\n", lines: [2],
            advice: "Sources/Storage"),
    ]

    private static let shapeSamples = [
        Sample(
            .ownThreads, "Tests/A/Bad.swift",
            """
            @Suite("a", .ownThread) struct ATests {
                @Test func a() throws { _ = try Program.run("a") }
            }
            private struct Helper { let ownThread = 1 }
            @Suite(.serialized) struct B { @Test func b() { pause(1) } }
            struct CTests { @Test func c() { pause(1) } }
            extension ATests { @Test func d() { pause(1) } }

            """, lines: [5, 6], advice: "`.ownThread`"),
        Sample(
            .lineLength, "Tests/A/Bad.swift",
            "\(String(repeating: "é", count: 100))\n\(String(repeating: "é", count: 101))\n",
            lines: [2], advice: "101 columns"),
        Sample(
            .fileLength, "Sources/A/Bad.swift", String(repeating: "a()\n", count: 601),
            lines: [601], advice: "601 lines, at most 600"),
        Sample(.lastLine, "Sources/A/Bad.swift", "a()\nb()", lines: [2], advice: "add the newline"),
        Sample(.lastLine, "Sources/A/Bad.swift", "", lines: [1], advice: "add the newline"),
        Sample(
            .functionLength, "Sources/A/Bad.swift",
            """
            protocol A { func none() -> Int }
            func first() { if a { b() } }
            func second(a: () -> Void = { b() }) async throws -> [Int] {
            \(String(repeating: "    { b() }()\n", count: 69))}
            static func == (left: A, right: A) -> Bool {
            \(String(repeating: "\n", count: 68))}

            """, lines: [3], advice: "second has 71 lines, at most 70"),
        Sample(
            .explainedDependencies, "Package.swift",
            """
            let dependencies = [
                // What it is for.
                .package(url: "https://example.org/a.git", from: "1.0.0"),
                .package(url: "https://example.org/b.git", from: "1.0.0"),
            ]

            """, lines: [4], advice: "what it is needed for"),
    ]

    private static let parameterSamples = [
        Sample(
            .boolParameters, "Sources/A/Bad.swift",
            """
            package init(
                path: [String: (Int, Int)], isOpen: Bool = false
            ) {}
            package static func read(_ from: Int, backward: inout Bool?) {}
            package mutating func fits(test: (Int) -> Bool) -> Bool {}
            func mine(isOpen: Bool) {}

            """, lines: [2, 4], advice: "takes a Bool as"),
        Sample(
            .unlabelledParameters, "Sources/A/Bad.swift",
            """
            package func join(_ left: Hash, _ right: Hash) -> Hash {}
            package func join(_ left: Hash, right: Hash, _ name: String) -> Hash {}
            package static func == (left: Hash, right: Hash) -> Bool {}

            """, lines: [1], advice: "join takes two Hash without labels"),
    ]

    private static func ban(_ line: String, advice: String) -> Sample {
        Sample(.bans, "Sources/EventLog/Bad.swift", "\n\(line)\n", lines: [2], advice: advice)
    }
}
