internal import Storage

/// A fresh directory for logs that are made to be measured and thrown away.
package struct Scratch: Sendable {
    package let path: String

    /// Makes it inside an existing directory.
    package init(in parent: String) throws {
        var numbers = SystemRandomNumberGenerator()
        let suffix = String(numbers.next(), radix: 36)
        path = parent + "/ascolto-bench-" + suffix
        try FileSystem.createDirectory(path)
    }

    /// Takes it away with all that is in it.
    package func remove() { FileSystem.remove(path) }
}
