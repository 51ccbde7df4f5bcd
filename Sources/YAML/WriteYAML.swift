internal import Yams

/// A value that is put together to be written as YAML.
///
/// Members keep the order in which they are given.
package indirect enum YAMLValue: Equatable, Sendable {
    case text(String)
    case number(String)
    case list([YAMLValue])
    case members([YAMLMember])
}

package struct YAMLMember: Equatable, Sendable {
    package let key: String
    package let value: YAMLValue

    package init(_ key: String, _ value: YAMLValue) {
        self.key = key
        self.value = value
    }
}

extension YAMLValue {
    /// The document, which ends with a line end.
    package var document: String {
        do { return try serialize(node: node, width: -1, allowUnicode: true) } catch {
            preconditionFailure("a tree of texts can be written: \(error)")
        }
    }

    /// The value on one line.
    package var line: String {
        switch self {
        case .text(let text): text.isPlain ? text : quoted(text)
        case .number(let digits): digits
        case .list(let values): "[" + values.map(\.line).joined(separator: ", ") + "]"
        case .members(let members):
            "{" + members.map { "\($0.key): \($0.value.line)" }.joined(separator: ", ") + "}"
        }
    }

    private func quoted(_ text: String) -> String {
        let node = Node.scalar(Node.Scalar(text, Tag(.str), .doubleQuoted))
        let line = (try? serialize(node: node, width: -1, allowUnicode: true)) ?? text
        return String(line.dropLast(line.hasSuffix("\n") ? 1 : 0))
    }

    private var isScalar: Bool {
        switch self {
        case .text, .number: true
        case .list, .members: false
        }
    }

    private var node: Node {
        switch self {
        case .text(let text):
            .scalar(Node.Scalar(text, Tag(.str), text.isPlain ? .plain : .doubleQuoted))
        case .number(let digits): .scalar(Node.Scalar(digits, Tag(.implicit), .plain))
        case .list(let values):
            .sequence(
                Node.Sequence(
                    values.map(\.node), Tag(.implicit),
                    values.allSatisfy(\.isScalar) ? .flow : .block))
        case .members(let members):
            .mapping(
                Node.Mapping(
                    members.map { (YAMLValue.text($0.key).node, $0.value.node) }, Tag(.implicit),
                    members.isEmpty ? .flow : .block))
        }
    }
}

extension String {
    /// Whether every reader of YAML takes it for a text without quotes.
    fileprivate var isPlain: Bool {
        let words: Set<String> = [
            "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf",
        ]
        guard let first = utf8.first, !words.contains(lowercased()), utf8.last != 0x20 else {
            return false
        }
        return first.isLetter
            && utf8.allSatisfy {
                $0.isLetter || $0.isDigit || [0x20, 0x2D, 0x2E, 0x2F, 0x5F].contains($0)
            }
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
    fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }
}
