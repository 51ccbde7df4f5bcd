internal import ContactCentre
internal import EventLog
package import JSON
package import Vault

/// Whose data of a retention class have been kept for as long as they may be.
package struct Expired: Equatable, Sendable {
    package let subject: SubjectRef
    package let retention: RetentionClass
    /// When the newest event with data of the class happened; where there is none, when the key was
    /// made.
    package let last: Instant
}

extension SubjectEraser {
    /// The subjects whose newest data of a class are older than a moment, in no particular order.
    ///
    /// Looks up the newest events of each subject that has a key of the class.
    package func expired(
        _ retention: RetentionClass, before moment: Instant
    ) throws -> [Expired] {
        var expired: [Expired] = []
        for (subject, created) in try vault.subjects(withKeysOf: retention) {
            let last =
                try log.newestEvent(of: subject, retention)
                ?? Instant(microseconds: created)
            guard last < moment else { continue }
            expired.append(Expired(subject: subject, retention: retention, last: last))
        }
        return expired
    }
}

extension EventLog {
    /// When the newest event of a subject with data of the class happened.
    fileprivate func newestEvent(
        of subject: SubjectRef, _ retention: RetentionClass
    ) throws -> Instant? {
        var newest: Instant?
        // A late event may tell of an earlier day than one before it.
        try forEachEvent(of: subject) { event in
            let fields = PersonalFields.of(type: event.type.text)
            guard fields?.retention == "\(retention)",
                event.data.object?.string(PersonalFields.sealedMember) != nil
            else { return .next }
            newest = max(newest ?? event.occurred, event.occurred)
            return .next
        }
        return newest
    }
}
