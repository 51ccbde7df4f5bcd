/// A text that equals another only where their bytes are the same.
///
/// A `String` equals another one whose characters are the same in another Unicode normalisation;
/// the log and the read models tell the two apart, and so must whatever decides between names.
package struct ExactText: Codable, Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (left: ExactText, right: ExactText) -> Bool {
        // Nearly all differ already as strings, or have no other normalisation.
        guard left.text == right.text else { return false }
        return left.text.utf8Span.isKnownASCII
            || left.text.utf8.elementsEqual(right.text.utf8)
    }

    /// Texts with the same bytes are equal as strings too, and so hash alike.
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension ExactText: Comparable {
    /// By bytes, which agrees with `==`.
    package static func < (left: ExactText, right: ExactText) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

/// The name of a queue: opaque text that is not empty and has no control characters.
package struct QueueID: Hashable, Sendable, CustomStringConvertible {
    package var text: String { exact.text }
    private let exact: ExactText

    /// The name, or nil where `text` is none.
    package init?(_ text: String) {
        guard isName(text) else { return nil }
        exact = ExactText(text)
    }

    package var description: String { text }
}

/// The name of an operator, a pseudonym: opaque text that is not empty and has no control
/// characters.
package struct OperatorID: Hashable, Sendable, CustomStringConvertible {
    package var text: String { exact.text }
    private let exact: ExactText

    /// The name, or nil where `text` is none.
    package init?(_ text: String) {
        guard isName(text) else { return nil }
        exact = ExactText(text)
    }

    package var description: String { text }
}

/// Whether a text is not empty and shows as what it is, without control characters.
package func isName(_ text: String) -> Bool {
    !text.isEmpty
        && !text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
}

/// What the streams of the domain begin with; the id of the contact or operator follows.
package enum StreamPrefix {
    package static let contact = "contact/"
    package static let `operator` = "operator/"
    package static let `case` = "case/"
    package static let survey = "survey/"
    package static let organisation = "org/"
    package static let decision = "org/decision/"
}

/// The keys of the tags that contacts and operators are found by.
package enum TagKey {
    package static let centre = "centre"
    package static let queue = "queue"
    package static let `operator` = "operator"
    package static let decision = "decision"
    package static let team = "team"
    package static let policy = "policy"
}
