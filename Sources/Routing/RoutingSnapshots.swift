internal import ContactCentre
internal import Crypto
internal import Description
internal import EventLog
internal import Foundation
internal import JSON
internal import Merkle
internal import Storage

/// What routing knew at some places of a log, kept beside it: whoever starts goes on from there.
///
/// The log tells all of it. A snapshot that is missing or damaged, or of another log, another
/// history or another version, is passed over, and what it would have told is read from the log.
struct RoutingSnapshots: Sendable {
    private let directory: String
    private let limits: RouterLimits
    /// Before which position the last one ends that is known to be there, or was attempted.
    private var kept: UInt64 = 0

    /// A larger file is none of ours.
    private static let bytesMax = 1 << 30
    private static let suffix = ".snapshot"

    private struct Content: Codable {
        let version: Int
        /// The id of the log.
        let log: String
        /// How many events of the log had been taken in, their root, and the id of the last one.
        let next: UInt64
        let root: [UInt8]
        let last: String
        /// In µs since 1970.
        let clock: Int64
        let routing: RoutingSnapshot
    }

    init(of log: EventLog, _ limits: RouterLimits = RouterLimits()) {
        directory = log.directory + "/routing"
        self.limits = limits
    }

    /// What routing knew at the last place, no later than before the event at `position`, that was
    /// kept; what it knows at the beginning where none was.
    mutating func nearest(to position: UInt64, in log: EventLog) throws -> FollowRouting {
        for next in places.reversed() where next <= position {
            guard let content = read(next), content.next == next,
                content.version == RoutingSnapshot.version,
                content.log == log.identity.id.description, let last = EventID(content.last),
                try log.root(atSize: next).bytes == content.root
            else { continue }
            kept = next
            let organisation = try log.organisation(before: next).organisation
            let zone = Zone(identifier: log.identity.zone) ?? .utc
            return FollowRouting(
                content.routing.state(of: organisation, in: zone, hash: FollowRouting.hash),
                before: next, last: last, clock: Instant(microseconds: content.clock))
        }
        return FollowRouting(of: log)
    }

    /// Keeps what routing knows where the last snapshot lies far behind.
    ///
    /// The more contacts are open, the farther: it takes whoever routes some time.
    /// - Throws: ``StorageError`` where it cannot be written, or ``LogError``; nothing is lost by
    ///   that.
    mutating func keep(_ known: FollowRouting, of log: EventLog) throws {
        let distance = max(
            limits.snapshotInterval,
            UInt64(known.state.openCount) * limits.snapshotEventsPerContact)
        guard known.next >= kept + distance, let last = known.last else { return }
        // Also where it fails: the next attempt is for the next one.
        kept = known.next
        try FileSystem.createDirectories(directory)
        let content = try JSONEncoder().encode(
            Content(
                version: RoutingSnapshot.version, log: log.identity.id.description,
                next: known.next, root: try log.root(atSize: known.next).bytes,
                last: last.description, clock: known.clock.microseconds,
                routing: RoutingSnapshot(known.state)))
        let bytes = Array(SHA256.hash(data: content)) + Array(content)
        try FileSystem.withLock(on: directory) {
            try FileSystem.place(bytes, at: path(known.next))
        }
    }

    /// Before which positions there are snapshots, ascending.
    private var places: [UInt64] {
        (FileSystem.entries(of: directory) ?? []).compactMap { name in
            guard name.hasSuffix(Self.suffix), let next = UInt64(name.dropLast(Self.suffix.count)),
                next > 0
            else { return nil }
            return next
        }.sorted()
    }

    private func path(_ next: UInt64) -> String { "\(directory)/\(next)\(Self.suffix)" }

    private func read(_ next: UInt64) -> Content? {
        guard let bytes = try? RawFile.open(path(next)).whole(upTo: Self.bytesMax) else {
            return nil
        }
        let content = bytes.dropFirst(SHA256.byteCount)
        let digest = Array(bytes.prefix(SHA256.byteCount))
        guard Array(SHA256.hash(data: content)) == digest else { return nil }
        return try? JSONDecoder().decode(Content.self, from: Data(content))
    }
}
