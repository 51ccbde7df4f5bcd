internal import ContactCentre
internal import EventLog
internal import JSON
internal import YAML

/// Types and members that nothing here reads and that look like some that are read.
///
/// Both are legal, and kept as they are: another version, or somebody else, may read them.
struct Misspellings {
    private var found: [(words: String, count: Int)] = []
    /// What was found of names that were looked at: most come again and again.
    private var known: [String: String?] = [:]

    /// Looks at an event that is about to be appended; linear in its members.
    mutating func look(at event: NewEvent) {
        let name = event.type.text
        guard found.count < Self.foundMax else { return }
        guard let declaration = Catalogue.type(name) else {
            if let meant = remembered(name, { Self.type(meantBy: name) }) {
                note("the type \(name), which nothing here reads: did you mean \(meant)?")
            }
            return
        }
        let members = declaration.members.map(\.name)
        event.data.object?.forEachMember { member, _ in
            guard !members.contains(member) else { return }
            let meant = remembered("\(name) \(member)") { word(meantBy: member, among: members) }
            if let meant, event.data.object?.member(meant) == nil {
                note("\(name) with the member \(Self.words(of: member, meaning: meant))")
            }
        }
    }

    private mutating func remembered(_ key: String, _ find: () -> String?) -> String? {
        if let known = known[key] { return known }
        let meant = find()
        if known.count < Self.knownMax { known[key] = .some(meant) }
        return meant
    }

    /// Tells all of them.
    func tell() {
        for (words, count) in found {
            Standard.error(
                "ascolto: warning: \(count) \(count == 1 ? "event" : "events") of "
                    + printable(words))
        }
    }

    private mutating func note(_ words: String) {
        if let place = found.firstIndex(where: { $0.words == words }) {
            found[place].count += 1
        } else {
            found.append((words, 1))
        }
    }

    private static let foundMax = 20
    private static let knownMax = 10_000

    private static func words(of member: String, meaning meant: String) -> String {
        "\(member), which nothing here reads: did you mean \(meant)?"
    }

    /// Members of some data that their type does not have, each beside the one that it has.
    static func members(of data: JSONPayload?, _ declaration: TypeDeclaration) -> [String] {
        let known = declaration.members.map(\.name)
        var found: [String] = []
        data?.forEachMember { name, _ in
            guard !known.contains(name), let meant = word(meantBy: name, among: known),
                data?.member(meant) == nil
            else { return }
            found.append(words(of: name, meaning: meant))
        }
        return found
    }

    private static func type(meantBy name: String) -> String? {
        let parts = name.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let known = groups[String(parts[0])] else { return nil }
        return word(meantBy: String(parts[1]), among: known).map { "\(parts[0]).\($0)" }
    }

    /// The types of each group, without its name.
    private static let groups: [String: [String]] = {
        let names = Catalogue.types.map { $0.type.split(separator: ".", maxSplits: 1) }
        return Dictionary(grouping: names) { String($0[0]) }
            .mapValues { types in types.map { String($0[1]) } }
    }()
}
