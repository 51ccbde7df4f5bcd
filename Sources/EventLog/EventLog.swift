package import JSON
package import Merkle
package import Storage

/// An ordered, provable log of events in one directory.
///
/// One process writes, any number read. A log is closed with its last reference; a process has it
/// open at most once.
package final class EventLog: Sendable {
    package enum Access: Sendable {
        case reading
        case writing
        /// Reading where nobody writes, such as on a read-only mount; keeps writers out meanwhile.
        case frozen

        var ofHeadFile: SlotFile.Access {
            switch self {
            case .reading: .reading
            case .writing: .writing
            case .frozen: .frozen
            }
        }

        var ofEnvironment: Environment.Access {
            switch self {
            case .reading: .reading
            case .writing: .writing
            case .frozen: .frozen
            }
        }
    }

    /// Which log this is; position 0 says it.
    package let identity: LogIdentity
    package let directory: String
    let environment: Environment
    let cache = BlockCache()
    let leafHashes = LeafHashes()
    package let clock: LogClock
    let writer: Writer?
    /// Which events may follow which, where it is opened with rules for that.
    let rules: StreamRules?
    /// Carries the lock of a writer, or of one who reads a frozen log.
    let headFile: SlotFile

    /// Opens a log and checks its newest state against its tree and its head file.
    ///
    /// At most 8,192 events are read, however long the log is. How far the file may grow is
    /// `map`'s to say, which only tests change. Under `rules`, appends are refused that break them.
    /// - Throws: ``LogError/noLog(directory:)``, ``LogError/behindHeadFile(size:remembered:)``,
    ///   ``LogError/corruption(_:)``, or what the file system refuses.
    package static func open(
        at directory: String, access: Access, clock: LogClock = .system,
        clockPolicy: ClockPolicy = .refuseJumps, under rules: StreamRules? = nil,
        map: MapSize = .standard
    ) throws(LogError) -> EventLog {
        guard exists(at: directory) else { throw .noLog(directory: directory) }
        return try wrapping {
            // The slot is read before the snapshot is taken: what the log holds by then can only
            // be newer, even while another process appends.
            let headFile = try HeadFile.open(in: directory, access: access.ofHeadFile)
            let slot = try HeadFile.newest(in: headFile)
            let environment = try Environment.open(
                in: directory, access: access.ofEnvironment, databases: Databases.all,
                readersMax: LogLimits.readersMax, map: map)
            let (identity, state, keys) = try environment.read { transaction in
                let state = try WriterState(
                    recovering: transaction, slot: slot, under: rules)
                var snapshot = try Snapshot(transaction)
                guard let first = try snapshot.events(ofUnit: 0, in: transaction).first,
                    let identity = LogIdentity(first)
                else { throw Corruption(at: 0, "position 0 does not say which log this is") }
                let keys = SigningKeys(in: directory, origin: identity.origin)
                try slot.requireSigned(
                    for: identity.origin, by: access == .writing ? keys.verifierKey() : nil,
                    &snapshot, transaction)
                return (identity, state, keys)
            }
            let writer =
                access == .writing
                ? try Writer(
                    environment: environment, headFile: headFile, clock: clock,
                    clockPolicy: clockPolicy, state: state,
                    keys: try keys.load().map { [$0] } ?? []) : nil
            return EventLog(
                identity: identity, directory: directory, environment: environment, clock: clock,
                writer: writer, under: rules, headFile: headFile)
        }
    }

    private init(
        identity: LogIdentity, directory: String, environment: Environment, clock: LogClock,
        writer: Writer?, under rules: StreamRules?, headFile: SlotFile
    ) {
        self.identity = identity
        self.directory = directory
        self.environment = environment
        self.clock = clock
        self.writer = writer
        self.rules = rules
        self.headFile = headFile
    }

    deinit { writer?.stop() }

    /// Finishes the appends that wait and refuses further ones; reading goes on.
    package func close() { writer?.stop() }

    /// Size and root of the newest durable state.
    package func head() throws(LogError) -> Head {
        try wrapping {
            try environment.read { transaction in
                let head = try Snapshot(transaction).head
                return Head(size: head.size, root: head.root, lastRecorded: head.lastRecorded)
            }
        }
    }
}

/// Which log it is.
package struct LogIdentity: Equatable, Sendable {
    package let id: EventID
    /// The name under which checkpoints are signed.
    package let origin: String
    /// IANA time zone of contacts that state none.
    package let zone: String
    package let formatVersion: Int

    package init(id: EventID, origin: String, zone: String, formatVersion: Int) {
        self.id = id
        self.origin = origin
        self.zone = zone
        self.formatVersion = formatVersion
    }
}

/// Size and root of the tree.
package struct Head: Equatable, Sendable {
    /// Events in the log.
    package let size: UInt64
    package let root: Hash
    package let lastRecorded: Instant
}

/// What to do when the wall clock has run more than 10 minutes ahead of real progress.
package enum ClockPolicy: Sendable {
    case refuseJumps
    case acceptJump
}
