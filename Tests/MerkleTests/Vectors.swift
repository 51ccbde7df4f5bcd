import Foundation
import TestSupport

/// The vectors that lie beside the package, made with an implementation that is not ours.
///
/// They are in `$ASCOLTO_SHARED/vectors`, by default `../shared/vectors` from the package's root.
/// They are not part of the project, so the tests that need them are skipped where they are absent.
enum Vectors {
    static let absent: String = "needs \(folder.path): set ASCOLTO_SHARED to the shared folder"

    static var arePresent: Bool {
        FileManager.default.fileExists(atPath: folder.path)
    }

    static func data(_ path: String) throws -> Data {
        try Data(contentsOf: folder.appending(path: path))
    }

    /// Names in a folder, in no particular order.
    static func names(in path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: path).path)
    }

    private static let folder = URL(filePath: Places.shared).appending(path: "vectors/generated")
}
