import Foundation
import TestSupport

/// Any JSON value, read by Foundation and so without our own reader.
enum AnyJSON: Decodable, Hashable {
    case null
    case truth(Bool)
    case integer(Int64)
    case real(Double)
    case text(String)
    case array([AnyJSON])
    case object([String: AnyJSON])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let truth = try? value.decode(Bool.self) {
            self = .truth(truth)
        } else if let integer = try? value.decode(Int64.self) {
            self = .integer(integer)
        } else if let real = try? value.decode(Double.self) {
            self = .real(real)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let array = try? value.decode([AnyJSON].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: AnyJSON].self))
        }
    }

    init(_ text: some StringProtocol) throws {
        self = try JSONDecoder().decode(AnyJSON.self, from: Data(text.utf8))
    }

    subscript(name: String) -> AnyJSON? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    var elements: [AnyJSON]? { if case .array(let elements) = self { elements } else { nil } }

    var members: [String: AnyJSON]? {
        if case .object(let members) = self { members } else { nil }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }

    var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

    /// A whole number may stand where a ratio is meant.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .real(let value): value
        default: nil
        }
    }
}

extension Run {
    /// The answer, read as JSON.
    func json() throws -> AnyJSON { try JSONDecoder().decode(AnyJSON.self, from: output) }
}
