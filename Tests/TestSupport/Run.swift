package import Foundation

/// What a program left behind that ran and ended.
package struct Run: Sendable {
    package enum End: Equatable, CustomStringConvertible, Sendable {
        case exit(Int32)
        case signal(Int32)
        case outOfTime

        package var description: String {
            switch self {
            case .exit(let code): "exit \(code)"
            case .signal(let number): "signal \(number)"
            case .outOfTime: "killed after its time limit"
            }
        }
    }

    package let end: End
    package let output: Data
    package let error: String

    package var text: String { String(decoding: output, as: UTF8.self) }

    /// The lines of the output, without their ends.
    package var lines: [Substring] { text.split(separator: "\n") }
}
