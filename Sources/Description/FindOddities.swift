internal import ContactCentre

extension OrganisationDescription {
    /// What routing could make nothing of, in words with the place: nothing is wrong with it, and
    /// hardly anybody means it.
    package var oddities: [String] {
        let settings = withoutStrays.settings.sorted { $0.key < $1.key }
        var members: Set<ExactText> = []
        var policies: Set<ExactText> = []
        for (key, setting) in settings {
            if setting is QueueMembership, let queue = key.part { members.insert(ExactText(queue)) }
            if let queue = setting as? QueueSetting, let policy = queue.policy {
                policies.insert(ExactText(policy))
            }
        }
        return settings.flatMap { key, setting -> [String] in
            switch setting {
            case let queue as QueueSetting:
                return oddities(of: queue, named: key.thing, members).map { "\(key.place): \($0)" }
            case let policy as PolicySetting
            where policy.ring == nil && policies.contains(ExactText(key.thing)):
                return [
                    "\(key.place): without ring_us, an offer that nobody answers stands until the "
                        + "operator logs out"
                ]
            default: return []
            }
        }
    }

    private func oddities(
        of queue: QueueSetting, named name: String, _ members: Set<ExactText>
    ) -> [String] {
        guard queue.policy != nil else { return [] }
        var found: [String] = []
        if !members.contains(ExactText(name)) {
            found.append("no operator serves it, so its contacts are offered to nobody")
        }
        for (place, rule) in queue.overflow.enumerated() {
            let target = "overflow[\(place)] leads to "
            if rule.after == nil, rule.length == nil {
                found.append("overflow[\(place)] has neither after_us nor length: it never applies")
            } else if ExactText(rule.queue) == ExactText(name) {
                found.append(target + "the queue itself, and never applies")
            } else if !members.contains(ExactText(rule.queue)) {
                found.append(target + "\(rule.queue), which no operator serves")
            }
        }
        return found
    }
}
