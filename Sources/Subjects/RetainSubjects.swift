internal import ContactCentre
internal import EventLog
package import JSON
package import Vault

/// For how many days data of a retention class are kept.
package struct RetentionTerm: Hashable, Sendable {
    package let retention: RetentionClass
    package let days: Int64

    /// Nil unless it is a class of personal data that there are, and 0 to 100,000 days.
    package init?(_ name: String, days: Int64) {
        guard PersonalFields.retentions.contains(name), (0...100_000).contains(days),
            let retention = try? RetentionClass(name)
        else { return nil }
        self.retention = retention
        self.days = days
    }
}

/// Whose data of a retention class have been kept for as long as they may be.
package struct Expired: Equatable, Sendable {
    package let subject: SubjectRef
    package let retention: RetentionClass
    /// When the newest event with data of the class happened; where there is none, when the key was
    /// made.
    package let last: Instant

    package func members(_ run: RetentionRun) -> [(String, JSONNode)] {
        [
            ("subject", .text("\(subject)")), ("class", .text("\(retention)")),
            ("last", .text("\(last)")), ("erased", .truth(run == .erasing)),
        ]
    }
}

/// What is done with what has expired.
package enum RetentionRun: Sendable {
    case erasing
    case listing
}

extension SubjectEraser {
    /// Erases what is older than its term, or only lists it; returns what that is.
    ///
    /// Looks up the events of each subject that has a key of the class.
    /// - Throws: `VaultError`, `LogError`; what was erased before stays erased.
    package func retain(
        _ term: RetentionTerm, _ run: RetentionRun, by executor: String
    ) async throws -> [Expired] {
        if run == .erasing { _ = try await carryOutWhatWasBegun() }
        let age = term.days * Instant.microsecondsOfDay
        let moment = Instant(microseconds: log.clock.now.microseconds - age)
        let expired = try expired(term.retention, before: moment)
        guard run == .erasing else { return expired }
        let told = try log.erasedKeys()
        for one in expired {
            _ = try begin(
                one.subject, [term.retention],
                basis: "retention of \(term.retention): \(term.days) days", by: executor, told)
        }
        _ = try await carryOutWhatWasBegun()
        return expired
    }

    /// The subjects whose newest data of a class are older than a moment, in no particular order.
    private func expired(
        _ retention: RetentionClass, before moment: Instant
    ) throws -> [Expired] {
        var expired: [Expired] = []
        for (subject, key, created) in try vault.subjects(withKeysOf: retention) {
            let last =
                try log.newestEvent(of: subject, sealedBy: key)
                ?? Instant(microseconds: created)
            guard last < moment else { continue }
            expired.append(Expired(subject: subject, retention: retention, last: last))
        }
        return expired
    }
}

extension EventLog {
    /// When the newest event of a subject with data under this key happened.
    ///
    /// What an earlier key has sealed is gone, and does not count against one that came back.
    fileprivate func newestEvent(
        of subject: SubjectRef, sealedBy key: KeyID
    ) throws -> Instant? {
        var newest: Instant?
        // A late event may tell of an earlier day than one before it.
        try forEachEvent(of: subject) { event in
            guard let text = event.data.object?.string(PersonalFields.sealedMember),
                SealedValue(text)?.key == key
            else { return .next }
            newest = max(newest ?? event.occurred, event.occurred)
            return .next
        }
        return newest
    }
}
