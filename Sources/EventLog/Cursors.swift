package import JSON
internal import Merkle
internal import Storage
internal import Synchronization

/// A consumer's position that outlives it: a small file beside the log, locked while in use.
///
/// It goes forward only, unless it is reset. Two slots are written in turn, so that one is always
/// whole. A saved position survives the process at once, and a power cut after at most a second
/// and another ``save(_:)``, or after ``sync()``; a consumer then sees the last events again.
package final class DurableCursor: Sendable {
    package let name: String
    private let log: EventLog
    private let file: SlotFile
    private let state: Mutex<State>

    private struct State {
        var slot: CursorSlot
        var syncedAt: Int64 = 0
        /// 2 while the newest slot is not synced: it is then written again, and the other one,
        /// which is, stays whole whatever a power cut does to this one.
        var step: UInt64 = 1
    }

    fileprivate init(name: String, log: EventLog, file: SlotFile, slot: CursorSlot) {
        self.name = name
        self.log = log
        self.file = file
        state = Mutex(State(slot: slot))
    }

    /// The first position that the consumer has not dealt with.
    package var next: Position { state.withLock { Position($0.slot.next) } }

    /// Remembers that everything before `next` has been dealt with.
    package func save(_ next: Position) throws {
        try state.withLock { state in
            guard next.value >= state.slot.next else {
                throw LogError.cursorWentBack(
                    name, from: Position(state.slot.next), to: next)
            }
            try write(next, &state)
        }
    }

    /// Goes to any position of the log, also back.
    package func reset(to next: Position) throws {
        try state.withLock { state in
            try write(next, &state)
            try wrapping { try file.sync() }
            state.step = 1
        }
    }

    package func sync() throws(LogError) {
        try wrapping {
            try state.withLock { state in
                try file.sync()
                state.step = 1
            }
        }
    }

    private func write(_ next: Position, _ state: inout State) throws {
        let slot = try CursorSlot(
            sequence: state.slot.sequence + state.step, next: next, name: name, of: log)
        try wrapping {
            try file.write(slot.encode(), slot: Int(slot.sequence % 2))
            state.slot = slot
            let now = SystemClock.bootMicroseconds()
            if now - state.syncedAt >= LogLimits.headFileSyncMicroseconds {
                try file.sync()
                state.syncedAt = now
                state.step = 1
            } else {
                state.step = 2
            }
        }
    }
}

/// How far a durable cursor is.
package struct CursorStatus: Sendable {
    package let name: String
    /// The last position dealt with; nil where there is none yet.
    package let position: Position?
    package let lagEvents: UInt64
    /// From the recording of the last event dealt with to that of the newest one.
    package let lagSeconds: Double?
    package let updated: Instant
}

extension EventLog {
    static let cursorsName = "cursors"

    private var cursorsDirectory: String { directory + "/" + Self.cursorsName }

    /// Takes a durable cursor for this process, creating it where there is none.
    /// - Throws: `StorageError.locked` where another consumer has it,
    ///   ``LogError/cursorOfOtherHistory(_:at:)`` where it has seen events that are not in the log.
    package func cursor(
        _ name: String, startingAt start: Position = Position(0)
    ) throws -> DurableCursor {
        let path = try Self.cursorPath(name, in: cursorsDirectory)
        if FileSystem.kind(of: path) == .missing {
            let slot = try CursorSlot(sequence: 1, next: start, name: name, of: self)
            try wrapping { try createCursor(path, slot) }
        }
        let file = try wrapping { try CursorSlot.open(path, access: .writing) }
        let slot = try CursorSlot.newest(in: file, name: name)
        try require(slot, name: name)
        return DurableCursor(name: name, log: self, file: file, slot: slot)
    }

    /// Puts a cursor to a position, also back; it may be damaged, or one of another history.
    package func resetCursor(_ name: String, to next: Position) throws {
        let path = try Self.cursorPath(name, in: cursorsDirectory)
        guard FileSystem.kind(of: path) == .file else { throw LogError.noCursor(name) }
        let file = try wrapping { try CursorSlot.open(path, access: .writing) }
        let old = try? CursorSlot.newest(in: file, name: name)
        let blank = try CursorSlot(
            sequence: old?.sequence ?? 0, next: Position(0), name: name, of: self)
        try DurableCursor(name: name, log: self, file: file, slot: blank).reset(to: next)
    }

    /// Forgets a cursor that nobody uses.
    package func removeCursor(_ name: String) throws {
        let path = try Self.cursorPath(name, in: cursorsDirectory)
        guard FileSystem.kind(of: path) == .file else { throw LogError.noCursor(name) }
        try wrapping {
            let file = try CursorSlot.open(path, access: .writing)
            FileSystem.remove(path)
            try FileSystem.sync(cursorsDirectory)
            withExtendedLifetime(file) {}
        }
    }

    /// The names of all cursors, sorted.
    package func cursorNames() -> [String] {
        (FileSystem.entries(of: cursorsDirectory) ?? []).filter(Self.isCursorName)
    }

    /// How far a cursor is, whoever uses it.
    package func cursorStatus(_ name: String) throws -> CursorStatus {
        let path = try Self.cursorPath(name, in: cursorsDirectory)
        guard FileSystem.kind(of: path) == .file else { throw LogError.noCursor(name) }
        let file = try wrapping { try CursorSlot.open(path, access: .reading) }
        let slot = try CursorSlot.newest(in: file, name: name)
        let head = try head()
        try require(slot, name: name)
        let last = slot.next > 0 ? try event(at: Position(slot.next - 1)) : nil
        return CursorStatus(
            name: name, position: last?.position, lagEvents: head.size - min(head.size, slot.next),
            lagSeconds: last.map {
                Double(head.lastRecorded.microseconds - $0.recorded.microseconds) / 1e6
            }, updated: slot.updated)
    }

    /// Refuses a cursor that has seen what this log does not hold.
    private func require(_ slot: CursorSlot, name: String) throws {
        let error = LogError.cursorOfOtherHistory(name, at: Position(slot.next))
        guard slot.logID == identity.id else { throw error }
        guard slot.next > 0 else { return }
        guard try event(at: Position(slot.next - 1))?.id == slot.lastID else { throw error }
    }

    /// The cursor appears whole: it is written aside, synced, and given its name.
    private func createCursor(_ path: String, _ slot: CursorSlot) throws {
        if FileSystem.kind(of: cursorsDirectory) == .missing {
            do throws(StorageError) {
                try FileSystem.createDirectory(cursorsDirectory)
            } catch {
                // Another consumer may have been faster.
                guard FileSystem.kind(of: cursorsDirectory) == .directory else { throw error }
            }
            try FileSystem.sync(directory)
        }
        let aside = "\(cursorsDirectory)/.\(EventID.timeOrdered(at: slot.updated))"
        defer { FileSystem.remove(aside) }
        try SlotFile.create(path: aside, slotBytes: CursorSlot.byteCount)
        let file = try CursorSlot.open(aside, access: .writing)
        try file.write(slot.encode(), slot: Int(slot.sequence % 2))
        try file.sync()
        do throws(StorageError) {
            try FileSystem.link(aside, as: path)
        } catch {
            // Another consumer may have been faster; who has it is told by its lock.
            guard FileSystem.kind(of: path) == .file else { throw error }
        }
        try FileSystem.sync(cursorsDirectory)
    }

    private static func cursorPath(
        _ name: String, in directory: String
    ) throws(LogError) -> String {
        guard isCursorName(name) else { throw .badCursorName(name) }
        return directory + "/" + name
    }

    private static func isCursorName(_ name: String) -> Bool {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        let marks: [UInt8] = [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")]
        guard let first = name.utf8.first, name.utf8.count <= LogLimits.cursorNameBytesMax else {
            return false
        }
        return isLetterOrDigit(first)
            && name.utf8.allSatisfy { isLetterOrDigit($0) || marks.contains($0) }
    }
}

/// What a cursor's file remembers.
///
/// Two slots of 4,096 bytes: "ascocur1" (8), sequence (8), log id (16), next position (8), id of
/// the event before it (16, zeros where there is none), when it was saved (8), zeros, and the
/// SHA-256 of all of it (32).
private struct CursorSlot {
    static let byteCount = 4_096
    private static let magic = Array("ascocur1".utf8)

    let sequence: UInt64
    let logID: EventID
    /// First position that has not been dealt with.
    let next: UInt64
    /// The event before it: a log that was replaced has another one there.
    let lastID: EventID
    let updated: Instant

    init(sequence: UInt64, next: Position, name: String, of log: EventLog) throws {
        self.sequence = sequence
        logID = log.identity.id
        self.next = next.value
        if next.value > 0 {
            guard let last = try log.event(at: Position(next.value - 1)) else {
                throw LogError.cursorOfOtherHistory(name, at: next)
            }
            lastID = last.id
        } else {
            lastID = .zero
        }
        updated = log.clock.read().wall
    }

    func encode() -> [UInt8] {
        var bytes = Self.magic
        bytes.appendU64(sequence)
        logID.appendBytes(to: &bytes)
        bytes.appendU64(next)
        lastID.appendBytes(to: &bytes)
        bytes.appendI64(updated.microseconds)
        let zeros = Self.byteCount - Hash.byteCount - bytes.count
        bytes.append(contentsOf: [UInt8](repeating: 0, count: zeros))
        Hash(of: bytes).append(to: &bytes)
        return bytes
    }

    /// The inverse of ``encode()``, or nil for a slot that is empty, torn or damaged.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount,
            let sum = Hash(bytes: bytes.suffix(Hash.byteCount)),
            sum == Hash(of: bytes.dropLast(Hash.byteCount))
        else { return nil }
        var reader = ByteReader(bytes.span)
        do throws(MalformedBytes) {
            guard try reader.array(8) == Self.magic else { return nil }
            sequence = try reader.u64()
            // One per save never comes near; beyond lies what no writer of ours wrote.
            guard sequence <= UInt64.max / 2 else { return nil }
            logID = EventID(high: try reader.bigEndian64(), low: try reader.bigEndian64())
            next = try reader.u64()
            lastID = EventID(high: try reader.bigEndian64(), low: try reader.bigEndian64())
            updated = Instant(microseconds: try reader.i64())
        } catch {
            return nil
        }
    }

    static func open(_ path: String, access: SlotFile.Access) throws(StorageError) -> SlotFile {
        try SlotFile(path: path, slotBytes: byteCount, access: access)
    }

    /// The newer of the readable slots.
    static func newest(in file: SlotFile, name: String) throws -> CursorSlot {
        let slots = try wrapping { try [0, 1].compactMap { CursorSlot(try file.read(slot: $0)) } }
        guard let newest = slots.max(by: { $0.sequence < $1.sequence }) else {
            throw LogError.cursorDamaged(name)
        }
        return newest
    }
}
