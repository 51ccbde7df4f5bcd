internal import ContactCentre
internal import EventLog

/// The tags of the groups that citizens may declare, made once.
struct GroupTags {
    /// By attribute and group.
    private let tags: [[Tag]]

    /// The tags of these attributes; names that do not fit into a tag are thrown back.
    init(_ attributes: [Municipality.Attribute]) throws(EventError) {
        var tags: [[Tag]] = []
        for attribute in attributes {
            var ofAttribute: [Tag] = []
            for group in attribute.groups {
                ofAttribute.append(try Tag("group.\(attribute.name):\(group.value)"))
            }
            tags.append(ofAttribute)
        }
        self.tags = tags
    }

    /// `others` and what the citizen declares.
    func tags(_ others: [Tag], declared: [Declaration]) throws(EventError) -> Tags {
        try Tags(others + declared.map { tags[$0.attribute][$0.group] })
    }
}
