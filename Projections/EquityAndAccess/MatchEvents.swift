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
        case .isPresent: text != nil
        case .isAbsent: text == nil
        case .isOneOf(let values): text.map(values.contains) ?? false
        case .isNoneOf(let values): !(text.map(values.contains) ?? false)
        }
    }
}

extension JSONPayload {
    /// A member as text: strings without quotes, all else as it stands; nil for null and absent.
    func text(_ member: String) -> String? {
        guard let value = self.member(member) else { return nil }
        if let string = value.string { return string }
        let text = String(decoding: value.bytes, as: UTF8.self)
        return text == "null" ? nil : text
    }
}
