internal import JSON
internal import Merkle
internal import Storage

extension EventLog {
    /// Creates a log with its first event, `meta.log_created`.
    ///
    /// The directory appears whole or not at all: it is built aside, synced and renamed. Without
    /// an origin, the name under which checkpoints are signed is `ascolto.local/<log id>`. The
    /// zone, an IANA name, is that of contacts that state none. Throws
    /// ``LogError/logExists(directory:)`` and what the file system refuses.
    package static func create(
        at directory: String, origin: String? = nil, zone: String, clock: LogClock = .system
    ) throws(LogError) {
        try wrapping {
            if exists(at: directory) { throw LogError.logExists(directory: directory) }
            guard
                FileSystem.kind(of: directory) == .missing
                    || FileSystem.isEmptyDirectory(directory)
            else { throw StorageError.notEmpty(path: directory) }
            let now = clock.read()
            let id = EventID.timeOrdered(at: now.wall)
            let identity = LogIdentity(
                id: id, origin: try origin.map(checkedOrigin) ?? "ascolto.local/\(id)", zone: zone,
                formatVersion: Int(Format.version))
            let path =
                directory.count > 1 && directory.hasSuffix("/")
                ? String(directory.dropLast()) : directory
            // A name of its own, so that two processes that create the same log do not meet.
            let aside = "\(path).creating-\(id)"
            try FileSystem.createDirectory(aside)
            defer { FileSystem.remove(aside) }
            try fill(aside, identity, now)
            try FileSystem.sync(aside)
            do throws(StorageError) {
                try FileSystem.rename(from: aside, to: path)
            } catch {
                throw exists(at: path) ? LogError.logExists(directory: path) : error
            }
            try FileSystem.sync(FileSystem.parent(of: path))
        }
    }

    /// Whether there is a log in this directory.
    package static func exists(at directory: String) -> Bool {
        FileSystem.kind(of: directory + "/data.mdb") == .file
    }

    private static func fill(
        _ directory: String, _ identity: LogIdentity, _ now: ClockReading
    ) throws {
        try Environment.create(in: directory, databases: Databases.all)
        let first = try identity.firstEvent(at: now.wall)
        var tree = CompactRange()
        tree.append(leaf: Tree.leafHash(first.leaf))
        let environment = try Environment.open(
            in: directory, access: .writing, databases: Databases.all, readersMax: 1)
        let head = HeadRecord(
            size: 1, root: tree.root, sealedSize: 0, indexedSize: 0, lastRecorded: now.wall,
            clocks: now)
        var lines = TailLines()
        lines.append(leaf: first.leaf, first.data)
        let tail = lines.value(ofLast: 1)
        try environment.write { transaction in
            try transaction.put(tail, for: Keys.position(0), in: Databases.tail)
            try transaction.put(head.encode(), for: Keys.head, in: Databases.meta)
        }
        try createHeadFile(
            in: directory, HeadFile.Slot(sequence: 1, size: 1, root: tree.root))
    }

    static func createHeadFile(in directory: String, _ slot: HeadFile.Slot) throws {
        let path = directory + "/" + HeadFile.name
        try SlotFile.create(path: path, slotBytes: HeadFile.slotBytes)
        let file = try SlotFile(path: path, slotBytes: HeadFile.slotBytes, access: .writing)
        try HeadFile.write(slot, to: file)
        try file.sync()
    }

    /// A schema-less URL without spaces and `+`, as signed notes ask for.
    private static func checkedOrigin(_ origin: String) throws(LogError) -> String {
        let isName =
            (1...200).contains(origin.utf8.count)
            && origin.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "+") }
        guard isName, !origin.contains("://") else { throw .badOrigin(origin) }
        return origin
    }
}

extension LogIdentity {
    /// The type of the event at position 0.
    static let eventType = EventType(stored: "meta.log_created")

    /// The event that begins a log and says which one it is.
    func firstEvent(at moment: Instant) throws(EventError) -> Event {
        var data = Array(#"{"logId":""#.utf8)
        id.appendText(to: &data)
        data.append(contentsOf: #"","origin":"#.utf8)
        appendJSONString(origin, to: &data)
        data.append(contentsOf: #","formatVersion":"#.utf8)
        data.append(contentsOf: String(formatVersion).utf8)
        data.append(contentsOf: #","zone":"#.utf8)
        appendJSONString(zone, to: &data)
        data.append(UInt8(ascii: "}"))
        return Event(
            position: Position(0), revision: Revision(0), recorded: moment, id: id,
            type: Self.eventType, schema: 1, stream: try StreamName("log/\(id)"), tags: .none,
            source: try Source("urn:ascolto:log"), time: moment, cause: nil, correlation: nil,
            attributes: .none, data: .json(data[...]))
    }

    /// The inverse of ``firstEvent(at:)``, or nil where the event is no beginning of a log.
    init?(_ event: Event) {
        guard event.position == Position(0), event.type == Self.eventType,
            let data = event.data.object, let id = data.string("logId").flatMap(EventID.init),
            let origin = data.string("origin"), let zone = data.string("zone"),
            let version = data.integer("formatVersion")
        else { return nil }
        self.init(id: id, origin: origin, zone: zone, formatVersion: Int(version))
    }
}
