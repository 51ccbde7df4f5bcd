internal import Crypto
internal import Merkle
internal import Storage

/// The second place that remembers how far the log had come, outside the LMDB environment.
///
/// Two slots of 2,048 bytes, written in turn after each commit: "ascolto1" (8), sequence (8), size
/// (8), root (32), length of a signed note (2), the note, zeros, and the SHA-256 of all of it (32).
/// A log ahead of this file is normal; one behind it has lost events and is refused.
struct HeadFile {
    static let name = "head"
    static let slotBytes = 2_048
    private static let magic = Array("ascolto1".utf8)

    struct Slot: Equatable {
        var sequence: UInt64
        var size: UInt64
        var root: Hash
        var note: [UInt8] = []

        func encode() -> [UInt8] {
            var bytes = HeadFile.magic
            bytes.appendU64(sequence)
            bytes.appendU64(size)
            root.append(to: &bytes)
            bytes.appendU16(UInt16(note.count))
            bytes.append(contentsOf: note)
            let zeros = HeadFile.slotBytes - Hash.byteCount - bytes.count
            precondition(zeros >= 0, "a signed note has room in its slot")
            bytes.append(contentsOf: [UInt8](repeating: 0, count: zeros))
            Hash(of: bytes).append(to: &bytes)
            return bytes
        }

        /// The inverse of ``encode()``, or nil for a slot that is empty, torn or damaged.
        init?(_ bytes: [UInt8]) {
            guard bytes.count == HeadFile.slotBytes,
                let sum = Hash(bytes: bytes.suffix(Hash.byteCount)),
                sum == Hash(of: bytes.dropLast(Hash.byteCount))
            else { return nil }
            // A note that reached into the hash could not be written again.
            let fields = HeadFile.slotBytes - Hash.byteCount
            var reader = ByteReader(bytes.span.extracting(0..<fields))
            do throws(MalformedBytes) {
                guard try reader.array(8) == HeadFile.magic else { return nil }
                sequence = try reader.u64()
                // One per commit never comes near; beyond lies what no writer of ours wrote.
                guard sequence <= UInt64.max / 2 else { return nil }
                size = try reader.u64()
                guard let root = Hash(bytes: try reader.array(Hash.byteCount)) else { return nil }
                self.root = root
                note = try reader.array(Int(try reader.u16()))
            } catch {
                return nil
            }
        }

        init(sequence: UInt64, size: UInt64, root: Hash) {
            self.sequence = sequence
            self.size = size
            self.root = root
        }
    }

    /// Opens the head file of a log; a log without one is damaged.
    static func open(
        in directory: String, access: SlotFile.Access
    ) throws -> SlotFile {
        let path = directory + "/" + name
        guard FileSystem.kind(of: path) == .file else {
            throw Corruption(at: nil, "the head file \(path) is missing")
        }
        return try SlotFile(path: path, slotBytes: slotBytes, access: access)
    }

    /// The newer of the readable slots.
    static func newest(in file: SlotFile) throws -> Slot {
        let slots = [Slot(try file.read(slot: 0)), Slot(try file.read(slot: 1))]
        guard let newest = slots.compactMap({ $0 }).max(by: { $0.sequence < $1.sequence }) else {
            throw Corruption(at: nil, "the head file has no readable slot")
        }
        return newest
    }

    static func write(_ slot: Slot, to file: SlotFile) throws(StorageError) {
        try file.write(slot.encode(), slot: Int(slot.sequence % 2))
    }
}
