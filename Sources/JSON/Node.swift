/// A JSON value that is put together to be written.
///
/// Members keep the order in which they are given.
package enum JSONNode: Equatable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case truth(Bool)
    case array([JSONNode])
    /// A checked value, as it was written.
    case written(ArraySlice<UInt8>)
    /// Names and values within one value.
    case object([(String, JSONNode)])

    /// Byte by byte: texts in two normalisations are two.
    package static func == (left: JSONNode, right: JSONNode) -> Bool {
        left.json.utf8.elementsEqual(right.json.utf8)
    }

    /// A value that was read, to be written again.
    package init(_ value: JSONValue) {
        switch value.kind {
        case .null: self = .null
        case .boolean: self = .truth(value.boolean == true)
        case .string: self = .text(value.string ?? "")
        case .number:
            let text = String(decoding: value.bytes, as: UTF8.self)
            self = value.integer.map { .integer($0) } ?? .real(Double(text) ?? .nan)
        case .array: self = .array((value.elements ?? []).map { JSONNode($0) })
        case .object:
            var members: [(String, JSONNode)] = []
            value.object?.forEachMember { name, value in members.append((name, JSONNode(value))) }
            self = .object(members)
        }
    }

    /// A number; one that no integer of 64 bits can hold, as a text of its digits.
    package static func count(_ value: some BinaryInteger) -> JSONNode {
        Int64(exactly: value).map { .integer($0) } ?? .text(String(value))
    }

    package static func optional(_ text: (some CustomStringConvertible)?) -> JSONNode {
        text.map { .text($0.description) } ?? .null
    }

    /// The value on one line, without spaces; a number that is not finite is null.
    package var json: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    package func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .real(let value):
            bytes.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
        case .text(let text): appendJSONString(text, to: &bytes)
        case .truth(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .written(let value): bytes.append(contentsOf: value)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, (name, value)) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                appendJSONString(name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}

extension JSONNode {
    /// The value for people: what fits stands on one line, all else with a member a line.
    package var indented: String { indented(by: 0) }

    private static let lineMax = 90

    private func indented(by depth: Int) -> String {
        let line = json
        guard line.utf8.count > Self.lineMax - 2 * depth else { return line }
        let inner = String(repeating: "  ", count: depth + 1)
        let outer = String(repeating: "  ", count: depth)
        switch self {
        case .object(let members):
            let lines = members.map { name, value in
                "\(inner)\(jsonString(name)): \(value.indented(by: depth + 1))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
        case .array(let values):
            let lines = values.map { inner + $0.indented(by: depth + 1) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(outer)]"
        case .null, .integer, .real, .text, .truth, .written: return line
        }
    }
}
