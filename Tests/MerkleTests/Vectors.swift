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

    /// All files below a folder, as paths from it.
    static func files(below path: String) throws -> [String] {
        let top = all.appending(path: path)
        return try FileManager.default.subpathsOfDirectory(atPath: top.path).sorted().filter {
            try top.appending(path: $0).resourceValues(forKeys: [.isRegularFileKey])
                .isRegularFile == true
        }
    }

    /// The bytes of a file anywhere among the vectors.
    static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: all.appending(path: path)))
    }

    /// Names in a folder, in no particular order.
    static func names(in path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: path).path)
    }

    private static let all = URL(filePath: Places.shared).appending(path: "vectors")
    private static let folder = all.appending(path: "generated")
}
