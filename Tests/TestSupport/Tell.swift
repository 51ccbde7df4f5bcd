internal import Foundation

/// Writes a figure that people want to see beside the results of the tests.
package func tell(_ figure: String) {
    FileHandle.standardError.write(Data("figure: \(figure)\n".utf8))
}
