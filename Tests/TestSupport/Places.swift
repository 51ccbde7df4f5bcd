internal import Foundation

/// Where the tests find what lies outside their own folder.
package enum Places {
    package static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Data and vectors that are no part of the project, and may not be there.
    package static let shared =
        ProcessInfo.processInfo.environment["ASCOLTO_SHARED"]
        ?? URL(fileURLWithPath: "\(package)/../shared").standardized.path

    /// What a file of the package says.
    package static func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(package)/\(path)", encoding: .utf8)
    }

    package static let technionMapping = "\(package)/Tools/mappings/technion.yaml"

    /// The real call records of a month, `01` or `02`; they may not be there.
    package static func calls(month: String) -> String {
        "\(shared)/data/technion_bank_calls_1999-\(month).tsv.gz"
    }

    package static let hasCalls = ["01", "02"].allSatisfy {
        FileManager.default.fileExists(atPath: calls(month: $0))
    }

    package static let callsNeeded =
        "needs the Technion call records in $ASCOLTO_SHARED/data"
}
