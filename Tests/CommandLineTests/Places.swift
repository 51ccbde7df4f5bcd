import Foundation
import Testing

/// Where the tests find what lies outside their own folder.
enum Places {
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    static let shared =
        ProcessInfo.processInfo.environment["ASCOLTO_SHARED"] ?? "\(package)/../shared"

    static let technionMapping = "\(package)/Tools/mappings/technion.yaml"

    /// The real call records of a month, `01` or `02`; they may not be there.
    static func calls(month: String) -> String {
        "\(shared)/data/technion_bank_calls_1999-\(month).tsv.gz"
    }

    static let hasCalls = ["01", "02"].allSatisfy {
        FileManager.default.fileExists(atPath: calls(month: $0))
    }

    static let needsCalls: Comment = "needs the Technion call records in $ASCOLTO_SHARED/data"
}

/// A directory of its own for one test, removed with the value.
final class Scratch {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("ascolto-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A directory for a log, not made yet.
    var log: String { "\(path)/log" }

    @discardableResult
    func file(_ name: String, _ bytes: Data) throws -> String {
        let file = "\(path)/\(name)"
        try bytes.write(to: URL(fileURLWithPath: file))
        return file
    }

    @discardableResult
    func file(_ name: String, text: String) throws -> String {
        try file(name, Data(text.utf8))
    }

    func copy(_ directory: String, as name: String) throws -> String {
        try FileManager.default.copyItem(atPath: directory, toPath: "\(path)/\(name)")
        return "\(path)/\(name)"
    }
}

func contents(of path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path))
}
