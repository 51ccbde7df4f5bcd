internal import EventLog
internal import JSON

extension EventPattern {
    func matches(_ event: Event) -> Bool {
        guard event.type.text == type else { return false }
        guard !conditions.isEmpty else { return true }
        let data = event.data.object
        return conditions.allSatisfy { $0.holds(in: data) }
    }
}

extension MemberCondition {
    fileprivate func holds(in data: JSONPayload?) -> Bool {
        let text = data?.text(member)
        return switch test {
        case .isPresent: data?.states(member) ?? false
        case .isAbsent: !(data?.states(member) ?? false)
        case .isOneOf(let values): text.map(values.contains) ?? false
        case .isNoneOf(let values): !(text.map(values.contains) ?? false)
        }
    }
}

extension JSONPayload {
    /// A member as text: strings without quotes, numbers and truth values as they stand; nil for
    /// lists, objects, null and what is absent.
    func text(_ member: String) -> String? {
        guard states(member), let value = self.member(member) else { return nil }
        if let string = value.string { return string }
        let text = String(decoding: value.bytes, as: UTF8.self)
        return text.hasPrefix("[") || text.hasPrefix("{") ? nil : text
    }

    /// Whether there is such a member that is not null.
    fileprivate func states(_ member: String) -> Bool {
        self.member(member).map { !$0.bytes.elementsEqual("null".utf8) } ?? false
    }
}
