extension Rule {
    static let columnsMax = 100
    static let fileLinesMax = 600
    static let functionLinesMax = 70

    static let lineLength = Rule(name: "lines have at most 100 columns") { file in
        file.lines.enumerated().compactMap { index, line in
            // UTF-8 is never shorter than the text, and its length costs nothing.
            guard line.utf8.count > columnsMax, line.count > columnsMax else { return nil }
            return Violation(
                file: file, line: index + 1,
                message: "\(line.count) columns, at most \(columnsMax): break the line")
        }
    }

    static let fileLength = Rule(name: "files have at most 600 lines") { file in
        let count = file.lines.count - 1
        guard count > fileLinesMax else { return [] }
        return [
            Violation(
                file: file, line: fileLinesMax + 1,
                message: "\(count) lines, at most \(fileLinesMax): split the file by what it does")
        ]
    }

    static let lastLine = Rule(name: "files end with a newline") { file in
        guard !file.text.hasSuffix("\n") else { return [] }
        return [
            Violation(
                file: file, line: file.lines.count,
                message: "the file is empty or its last line does not end: add the newline")
        ]
    }

    static let functionLength = Rule(name: "functions have at most 70 lines") { file in
        FunctionDeclaration.all(in: file).compactMap { function in
            let count = function.lastLine - function.line + 1
            guard count > functionLinesMax else { return nil }
            return Violation(
                file: file, line: function.line,
                message: "\(function.name) has \(count) lines, at most \(functionLinesMax): "
                    + "give its parts names of their own")
        }
    }

    static let explainedDependencies = Rule(name: "dependencies state their reason") { file in
        guard file.path == "Package.swift" else { return [] }
        let explained = Set(file.comments.map(\.line))
        return file.code.indices.compactMap { index in
            let name = file.code[index...].prefix(3).map(\.text)
            let line = file.code[index].line
            guard name == [".", "package", "("], !explained.contains(line - 1) else { return nil }
            return Violation(
                file: file, line: line,
                message: "say in a comment above the dependency what it is needed for")
        }
    }

    /// What blocks a test's thread: programs that it waits for, and waiting itself.
    private static let blocking: Set<String> = [
        "Ascolto", "MakeLog", "Program", "Python", "RunningServer", "pause", "usleep", "waitUntil",
    ]

    static let ownThreads = Rule(name: "tests that block have a thread of their own") { file in
        guard file.isIn("Tests"), file.code.contains(where: { $0.text == "Test" }),
            let first = file.code.first(where: { blocking.contains($0.text) })
        else { return [] }
        return suites(of: file.code).filter { !$0.traits.contains("ownThread") }.map { suite in
            Violation(
                file: file, line: suite.line,
                message:
                    "`\(first.text)` blocks a thread that other tests wait for: give the suite "
                    + "the trait `.ownThread`")
        }
    }

    /// The structures that hold tests, each with the words of its `@Suite`; an extension holds
    /// tests of a suite that says it elsewhere.
    private static func suites(of code: [Token]) -> [(line: Int, traits: Set<String>)] {
        var found: [(line: Int, traits: Set<String>)] = []
        var depth = 0
        var attributes: Set<String> = []
        for (place, token) in code.enumerated() {
            switch token.text {
            case "{", "(": depth += 1
            case "}", ")": depth -= 1
            default: break
            }
            if depth == 0, token.text == "}" { attributes = [] }
            if depth <= 1 { attributes.insert(token.text) }
            guard depth == 0, token.text == "struct", code.indices.contains(place + 1),
                attributes.contains("Suite") || code[place + 1].text.hasSuffix("Tests")
            else { continue }
            found.append((token.line, attributes))
        }
        return found
    }
}
