package import EventLog
internal import JSON
package import Vault

/// What became of a subject's keys, and what the log tells of it.
package struct SubjectHistory: Sendable {
    package let subject: SubjectRef
    /// In the order of their classes; empty where the vault has never had a key.
    package let keys: [Key]
    /// Whether no erasure of the subject is under way, or was broken off, and nothing that was read
    /// with its keys is left in what is derived.
    package let isFinished: Bool
    /// Events with personal data of the subject.
    package let events: Int
    package let told: [Told]

    package struct Key: Sendable {
        package let status: KeyStore.Status
        /// Whether no copy of an erased key can be unwrapped any more: its epoch's key is gone.
        package let isBeyondRecovery: Bool
    }

    package struct Told: Sendable {
        package let position: Position
        package let type: String
        package let recorded: String
        package let basis: String?
        package let executor: String?
        /// The names of the keys that it is about.
        package let keys: [String]
    }

    /// Reads the subject's events by their tag.
    package init(of subject: SubjectRef, in log: EventLog, _ vault: KeyStore) throws {
        self.subject = subject
        keys = try vault.status(of: subject).map {
            Key(
                status: $0,
                isBeyondRecovery: $0.state == .erased && !vault.hasKey(ofEpoch: $0.epoch))
        }
        let isBegun = try vault.begunErasures().contains { $0.subject == subject }
        isFinished = try !isBegun && !vault.staleSubjects().contains(subject)
        var events = 0
        var told: [Told] = []
        try log.forEachEvent(of: subject) { event in
            if [.erasureRequested, .erased, .authorisedAnew].contains(event.type) {
                told.append(
                    Told(
                        position: event.position, type: event.type.text,
                        recorded: "\(event.recorded)", basis: event.data.object?.string("basis"),
                        executor: event.data.object?.string("executor"),
                        keys: event.data.object?.member("keys")?.elements(atMost: 1_000)?
                            .compactMap { $0.string ?? $0.object?.string("key") } ?? []))
            } else {
                events += 1
            }
            return .next
        }
        self.events = events
        self.told = told
    }
}
