internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Logging
internal import ServiceLifecycle
internal import Storage
internal import Synchronization
internal import Vault

/// Writes into the log who was denied what, and who looked at events.
///
/// What happens again and again becomes one event with a count, so that nobody can fill the log
/// by knocking at a door.
final class Journal: Service {
    private let log: EventLog
    private let logger: Logger
    private let entries = Mutex<[Key: Entry]>([:])

    private struct Key: Hashable {
        let type: String
        var who: String
        let what: Endpoint
        let reason: String?
        /// The read model that was looked at, where it holds personal data.
        var model: String?
    }

    private struct Entry {
        var count: Int
        let first: Instant
        var last: Instant

        /// The same, and what came later.
        func followed(by later: Entry) -> Entry {
            Entry(count: count + later.count, first: first, last: later.last)
        }
    }

    init(_ log: EventLog, _ logger: Logger) {
        self.log = log
        self.logger = logger
    }

    func denied(_ client: Client?, _ endpoint: Endpoint, _ denial: Denial) {
        note(
            Key(
                type: "meta.access_denied", who: client?.name ?? "unknown", what: endpoint,
                reason: denial.reason))
    }

    func looked(_ client: Client, _ endpoint: Endpoint) {
        note(Key(type: "meta.audit_query_run", who: client.name, what: endpoint, reason: nil))
    }

    func looked(_ client: Client, _ endpoint: Endpoint, at model: String) {
        note(
            Key(
                type: "meta.audit_query_run", who: client.name, what: endpoint, reason: nil,
                model: model))
    }

    /// A look at one person's data, which is in the log before they are shown.
    func willLook(_ client: Client, at subject: SubjectRef) async throws {
        let now = Instant(microseconds: SystemClock.wallMicroseconds())
        let key = Key(
            type: "meta.audit_query_run", who: client.name, what: .subjectData, reason: nil)
        guard
            let event = Self.event(
                key, Entry(count: 1, first: now, last: now), subject: subject),
            case .appended = try await log.append(Append([event]))
        else { throw Problem(.internalServerError, .bug, "the look could not be recorded") }
    }

    private func note(_ key: Key) {
        let now = Instant(microseconds: SystemClock.wallMicroseconds())
        entries.withLock { entries in
            if var entry = entries[key] {
                entry.count += 1
                entry.last = now
                entries[key] = entry
            } else if entries.count < ServerLimits.journalEntriesMax {
                entries[key] = Entry(count: 1, first: now, last: now)
            } else {
                // Counted all the same, for as many kinds as there are endpoints and reasons.
                var others = key
                others.who = "others"
                others.model = nil
                entries[others, default: Entry(count: 0, first: now, last: now)].count += 1
                entries[others]?.last = now
            }
        }
    }

    /// Writes again and again, and once more at the end.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: ServerLimits.journalInterval)
                await self.write()
            }
        }
        await write()
        for (key, entry) in entries.withLock({ $0 }) {
            logger.error(
                "not recorded, since the log took no more appends",
                metadata: [
                    "type": "\(key.type)", "who": "\(key.who)", "what": "\(key.what.rawValue)",
                    "reason": "\(key.reason ?? "none")", "count": "\(entry.count)",
                ])
        }
    }

    private func write() async {
        let taken = entries.withLock { entries in
            defer { entries.removeAll() }
            return entries
        }
        guard !taken.isEmpty else { return }
        let events = taken.sorted { $0.value.first < $1.value.first }.compactMap {
            Self.event($0.key, $0.value)
        }
        let left: Bool
        do {
            // Not cancelled with this task: what was half done would be recorded twice.
            let log = log
            _ = try await Task { try await log.append(Append(events)) }.value
            left = false
        } catch {
            left = true
        }
        // What could not be written now is written later, together with what comes.
        if left { entries.withLock { $0.merge(taken) { $1.followed(by: $0) } } }
    }

    private static func event(
        _ key: Key, _ entry: Entry, subject: SubjectRef? = nil
    ) -> NewEvent? {
        var members: [(String, JSONNode)] = [
            ("who", .text(key.who)), ("what", .text(key.what.rawValue)),
        ]
        if let reason = key.reason { members.append(("reason", .text(reason))) }
        if let model = key.model { members.append(("projection", .text(model))) }
        if let subject { members.append(("subject", .text("\(subject)"))) }
        members += [
            ("count", .count(entry.count)), ("first", .text(entry.first.description)),
            ("last", .text(entry.last.description)),
        ]
        var data: [UInt8] = []
        JSONNode.object(members).append(to: &data)
        return try? NewEvent(
            id: nil, type: EventType(key.type), schema: 1, stream: StreamName("access"),
            source: Source("urn:ascolto:server"), time: entry.last,
            data: .json(checking: data[...]))
    }
}
