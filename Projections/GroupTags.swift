internal import ContactCentre
internal import EventLog
internal import Foundation

/// The group attributes that an event declares: tags with the key `group.` and an attribute.
///
/// Groups are decoded from percent-encoding, where they then show as what they are.
func groups(in tags: Tags) -> [(attribute: String, group: String)] {
    tags.texts.compactMap { tag in
        guard tag.utf8.starts(with: TagKey.groupPrefix.utf8),
            let colon = tag.utf8.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        let attribute = tag[..<colon].utf8.dropFirst(TagKey.groupPrefix.utf8.count)
        let group = String(tag[tag.utf8.index(after: colon)...])
        guard !attribute.isEmpty else { return nil }
        guard let decoded = group.removingPercentEncoding, isName(decoded) else {
            return (String(Substring(attribute)), group)
        }
        return (String(Substring(attribute)), decoded)
    }
}
