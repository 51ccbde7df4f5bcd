/// A place that breaks a rule, and what to do instead.
struct Violation: CustomStringConvertible {
    let file: SourceFile
    let line: Int
    let message: String

    var description: String { "\(file.path):\(line): \(message)" }
}

/// A rule that every Swift file of the package keeps.
struct Rule: CustomStringConvertible, Sendable {
    let name: String
    let violations: @Sendable (SourceFile) -> [Violation]

    var description: String { name }

    static let all: [Rule] = [
        imports, moduleNames, bans, lineLength, fileLength, lastLine, functionLength,
        boolParameters, unlabelledParameters, explainedDependencies, ownThreads,
    ]
}
