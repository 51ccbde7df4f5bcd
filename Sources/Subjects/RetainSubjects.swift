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
    /// The subjects whose newest data of a class are older than its term, in no particular order.
    ///
    /// Looks up the events of each subject that has a key of the class.
    /// - Throws: `VaultError`, `LogError`.
    package func expired(_ term: RetentionTerm) throws -> [Expired] {
        try vault.subjects(withKeysOf: term.retention).compactMap { subject, key, created in
            try expired(subject, term, key, created)
        }
    }

    private func expired(
        _ subject: SubjectRef, _ term: RetentionTerm, _ key: KeyID, _ created: Int64
    ) throws -> Expired? {
        let age = term.days * Instant.microsecondsOfDay
        let moment = Instant(microseconds: log.clock.now.microseconds - age)
        let last =
            try log.newestEvent(of: subject, sealedBy: key) ?? Instant(microseconds: created)
        return last < moment
            ? Expired(subject: subject, retention: term.retention, last: last) : nil
    }

    /// Erases what has expired, but for those who have come back meanwhile.
    /// - Throws: `VaultError`, `LogError`; what was erased before stays erased.
    package func erase(
        _ found: some Sequence<Expired>, _ term: RetentionTerm, by executor: String
    ) async throws -> [Expired] {
        _ = try await carryOutWhatWasBegun()
        var erased: [Expired] = []
        for one in found {
            let status = try vault.status(of: one.subject).first {
                $0.retention == term.retention && $0.state != .erased
            }
            guard let status,
                let expired = try expired(one.subject, term, status.key, status.created)
            else { continue }
            // They have a key of the class: what the log tells of others does not matter.
            _ = try begin(
                one.subject, [term.retention],
                basis: "retention of \(term.retention): \(term.days) days", by: executor, [])
            erased.append(expired)
        }
        _ = try await carryOutWhatWasBegun()
        return erased
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
