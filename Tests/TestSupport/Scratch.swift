package import Foundation

/// A directory of its own for one test, removed with the value.
package final class Scratch: Sendable {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.path + "/ascolto-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A directory for a log, not made yet.
    package var log: String { place("log") }

    /// The names of what is there.
    package var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    /// Where something with this name is, or will be.
    package func place(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    package func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: place(name)))
        return place(name)
    }

    @discardableResult
    package func file(_ name: String, text: String) throws -> String { try file(name, text.utf8) }

    package func copy(_ original: String, as name: String) throws -> String {
        try FileManager.default.copyItem(atPath: original, toPath: place(name))
        return place(name)
    }
}

package func contents(of path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path))
}
