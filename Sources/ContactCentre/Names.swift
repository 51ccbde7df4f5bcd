/// The name of a queue: opaque text that is not empty.
package struct QueueID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// The name, or nil where `text` is empty.
    package init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        self.text = text
    }

    package var description: String { text }
}

/// The name of an operator, a pseudonym: opaque text that is not empty.
package struct OperatorID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// The name, or nil where `text` is empty.
    package init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        self.text = text
    }

    package var description: String { text }
}

/// What the streams of the domain begin with; the id of the contact or operator follows.
package enum StreamPrefix {
    package static let contact = "contact/"
    package static let `operator` = "operator/"
}

/// The keys of the tags that contacts and operators are found by.
package enum TagKey {
    package static let centre = "centre"
    package static let queue = "queue"
    package static let `operator` = "operator"
}
