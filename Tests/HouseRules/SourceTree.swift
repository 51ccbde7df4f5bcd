import Foundation
import TestSupport

/// A Swift file of the package, read once for all rules.
struct SourceFile: CustomStringConvertible, Sendable {
    /// From the package's root.
    let path: String
    let text: String
    let lines: [Substring]
    /// The tokens outside comments and string literals.
    let code: [Token]
    let comments: [Token]

    init(path: String, text: String) {
        let parts = SwiftText(text)
        self.path = path
        self.text = text
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        code = Token.tokens(of: parts.code)
        comments = Token.tokens(of: parts.comments)
    }

    var description: String { path }

    /// The names of the folders and the file, from the package's root down.
    var components: [Substring] { path.split(separator: "/") }

    /// The module that the file belongs to, or nil for tests and manifests.
    var module: String? {
        switch components.first {
        case "Sources", "Tools":
            components.count > 2 && components.last != "Package.swift"
                ? String(components[1]) : nil
        case "Projections": "Projections"
        default: nil
        }
    }

    func isIn(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }
}

/// The package's own Swift files.
enum SourceTree {
    static let files: [SourceFile] = {
        var files: [SourceFile] = []
        for folder in ["Sources", "Projections", "Tools", "Tests"] {
            let walk = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            while let path = walk?.nextObject() as? String {
                if path.hasSuffix(".swift"), !path.contains(".build/") {
                    files.append(file("\(folder)/\(path)"))
                }
            }
        }
        return [file("Package.swift")] + files.sorted { $0.path < $1.path }
    }()

    static let manifest = file("Package.swift")

    private static let root = URL(filePath: Places.package)

    private static func file(_ path: String) -> SourceFile {
        // A file that cannot be read is empty, which breaks the rule on its last line.
        let data = FileManager.default.contents(atPath: root.appending(path: path).path)
        return SourceFile(path: path, text: String(decoding: data ?? Data(), as: UTF8.self))
    }
}
