internal import Foundation

/// The text of a file that somebody has written, or of standard input where the path is `-`.
///
/// - Parameters:
///   - path: Where it is.
///   - name: What messages call it.
/// - Returns: The text.
/// - Throws: ``UsageError`` where it cannot be read, or is no text.
func textOfFile(_ path: String, named name: String) throws -> String {
    let bytes: Data
    do {
        bytes =
            path == "-"
            ? try FileHandle.standardInput.readToEnd() ?? Data()
            : try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
        throw UsageError("\(name): \(error.localizedDescription)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw UsageError("\(name): the file is not UTF-8 text")
    }
    return text
}
