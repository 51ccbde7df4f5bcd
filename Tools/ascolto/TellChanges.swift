internal import ContactCentre
internal import Description
internal import JSON
internal import YAML

extension OrganisationDescription.Step {
    /// What changes, as `~ queues.registry: capacity 10 → 20`.
    var words: String { changeInWords(of: key, from: before, to: after) }
}

extension Organisation.Step {
    /// What changes, as `~ queues.registry: capacity 10 → 20`.
    var words: String { changeInWords(of: key, from: before, to: change.setting) }
}

extension OrganisationEvent {
    /// What it says in a stream, as `+ queues.registry: capacity 20`.
    func words(in stream: String) -> String {
        switch change {
        case .decided(let decision): "+ decision: \(decision.line)"
        case .set(_, _, let setting):
            key(in: stream).map { changeInWords(of: $0, from: nil, to: setting) }
                ?? "a change of \(stream)"
        }
    }
}

/// A change of a setting on one line.
private func changeInWords(
    of key: SettingKey, from before: (any Setting)?, to after: (any Setting)?
) -> String {
    switch (before, after) {
    case (nil, nil): return "- \(key.place)"
    case (nil, let after?):
        let line = after.line
        return "+ \(key.place)" + (line == "{}" ? "" : ": \(line)")
    case (let before?, nil):
        let line = before.line
        return "- \(key.place)" + (line == "{}" ? "" : ": \(line)")
    case (let before?, let after?):
        let (old, new) = (before.writtenMembers, after.writtenMembers)
        let keys = new.map(\.key) + old.map(\.key).filter { key in !new.contains { $0.key == key } }
        let changes = keys.compactMap { key -> String? in
            let (left, right) = (
                old.first { $0.key == key }?.value, new.first { $0.key == key }?.value
            )
            let (from, to) = (left?.line ?? "none", right?.line ?? "none")
            // Byte by byte: texts in two normalisations are two.
            return from.utf8.elementsEqual(to.utf8) ? nil : "\(key) \(from) → \(to)"
        }
        return "~ \(key.place): \(changes.joined(separator: "; "))"
    }
}

extension Setting {
    /// Its members as a description has them, on one line.
    var line: String { YAMLValue.members(writtenMembers).line }
}

extension YAMLValue {
    var json: JSONNode {
        switch self {
        case .text(let text): .text(text)
        case .number(let digits):
            Int64(digits).map { .integer($0) } ?? Double(digits).map { .real($0) } ?? .null
        case .list(let values): .array(values.map(\.json))
        case .members(let members): .object(members.map { ($0.key, $0.value.json) })
        }
    }
}
