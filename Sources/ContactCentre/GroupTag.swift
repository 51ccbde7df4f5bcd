internal import Foundation

/// A group of citizens that an event declares, by a tag such as `group.age:65%2B`.
///
/// Groups stand on events only where a source declares them; nothing here infers one.
package struct GroupTag: Codable, Hashable, Sendable {
    /// What the groups tell apart, such as `age`.
    package let attribute: String
    /// Which of them, decoded from percent-encoding where it then shows as what it is.
    package let group: String

    private static let prefix = "group."

    /// The group of a tag, or nil where the tag is about something else.
    package init?(tag: Substring) {
        guard tag.utf8.starts(with: Self.prefix.utf8),
            let colon = tag.utf8.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        attribute = String(Substring(tag.utf8[..<colon].dropFirst(Self.prefix.utf8.count)))
        guard !attribute.isEmpty else { return nil }
        let text = String(tag[tag.utf8.index(after: colon)...])
        let decoded = text.removingPercentEncoding
        group = if let decoded, isName(decoded) { decoded } else { text }
    }
}
