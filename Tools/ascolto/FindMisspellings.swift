internal import ContactCentre
internal import EventLog
internal import JSON
internal import YAML

/// Types and members that nothing here reads and that look like some that are read.
///
/// Both are legal, and kept as they are: another version, or somebody else, may read them.
struct Misspellings {
    private var found: [(words: String, count: Int)] = []

    /// Looks at an event that is about to be appended; linear in its members.
    mutating func look(at event: NewEvent) {
        let name = event.type.text
        guard let declaration = Catalogue.type(name) else {
            if let meant = Self.type(meantBy: name) {
                note("the type \(name), which nothing here reads: did you mean \(meant)?")
            }
            return
        }
        for meant in Self.members(of: event.data.object, declaration) {
            note("\(name) with the member \(meant)")
        }
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
        } else if found.count < Self.foundMax {
            found.append((words, 1))
        }
    }

    private static let foundMax = 20

    /// Members of some data that their type does not have, each beside the one that it has.
    static func members(of data: JSONPayload?, _ declaration: TypeDeclaration) -> [String] {
        let known = declaration.members.map(\.name)
        var found: [String] = []
        data?.forEachMember { name, _ in
            guard !known.contains(name), let meant = word(meantBy: name, among: known),
                data?.member(meant) == nil
            else { return }
            found.append("\(name), which nothing here reads: did you mean \(meant)?")
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
