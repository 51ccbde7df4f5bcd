internal import Crypto
package import JSON
package import Merkle
internal import Storage

/// What stands behind the data in a backup file, and says what they are.
///
/// A page of 4,096 bytes: "ascobak1" (8), bytes of the data before it (8), their SHA-256 (32), log
/// id (16), when it was taken (8), zeros, the SHA-256 of these 2,016 bytes (32), and then the slot
/// that the head file of the restored log begins with (2,048).
struct BackupTrailer: Equatable {
    static let byteCount = 4_096
    private static let magic = Array("ascobak1".utf8)
    private static let ownBytes = byteCount - HeadFile.slotBytes

    var dataBytes: Int
    var dataHash: Hash
    var logID: EventID
    var takenAt: Instant
    var slot: HeadFile.Slot

    func encode() -> [UInt8] {
        var bytes = Self.magic
        bytes.appendU64(UInt64(dataBytes))
        dataHash.append(to: &bytes)
        logID.appendBytes(to: &bytes)
        bytes.appendI64(takenAt.microseconds)
        let zeros = Self.ownBytes - Hash.byteCount - bytes.count
        bytes.append(contentsOf: [UInt8](repeating: 0, count: zeros))
        Hash(of: bytes).append(to: &bytes)
        return bytes + slot.encode()
    }

    /// The inverse of ``encode()``, or nil where the bytes are no trailer, or a damaged one.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount,
            let sum = Hash(bytes: bytes[Self.ownBytes - Hash.byteCount..<Self.ownBytes]),
            sum == Hash(of: bytes[..<(Self.ownBytes - Hash.byteCount)]),
            let slot = HeadFile.Slot(Array(bytes[Self.ownBytes...]))
        else { return nil }
        self.slot = slot
        var reader = ByteReader(bytes.span)
        do throws(MalformedBytes) {
            guard try reader.array(8) == Self.magic else { return nil }
            guard let dataBytes = Int(exactly: try reader.u64()),
                let dataHash = Hash(bytes: try reader.array(Hash.byteCount))
            else { return nil }
            self.dataBytes = dataBytes
            self.dataHash = dataHash
            logID = EventID(high: try reader.bigEndian64(), low: try reader.bigEndian64())
            takenAt = Instant(microseconds: try reader.i64())
        } catch {
            return nil
        }
    }

    init(dataBytes: Int, dataHash: Hash, logID: EventID, takenAt: Instant, slot: HeadFile.Slot) {
        self.dataBytes = dataBytes
        self.dataHash = dataHash
        self.logID = logID
        self.takenAt = takenAt
        self.slot = slot
    }

    /// Whether a file ends as a backup does, even where something in it is damaged.
    static func isBackup(_ file: borrowing RawFile) throws -> Bool {
        let bytes = try file.byteCount()
        guard bytes > byteCount else { return false }
        return try file.read(magic.count, at: bytes - byteCount) == magic
    }

    /// The trailer of a backup file whose length is right.
    static func read(_ file: borrowing RawFile) throws -> BackupTrailer {
        guard try isBackup(file) else { throw LogError.noBackup(path: file.path) }
        let bytes = try file.byteCount()
        guard let trailer = BackupTrailer(try file.read(byteCount, at: bytes - byteCount)),
            trailer.dataBytes == bytes - byteCount
        else { throw Corruption(at: nil, "the backup \(file.path) is damaged at its end") }
        return trailer
    }
}

/// What a backup holds.
package struct BackupSummary: Equatable, Sendable {
    package let events: UInt64
    package let root: Hash
    package let logID: EventID
    package let takenAt: Instant
    /// Bytes of the backup file.
    package let fileBytes: Int

    init(_ trailer: BackupTrailer) {
        events = trailer.slot.size
        root = trailer.slot.root
        logID = trailer.logID
        takenAt = trailer.takenAt
        fileBytes = trailer.dataBytes + BackupTrailer.byteCount
    }
}

/// The SHA-256 of the first `count` bytes of a file; each portion is also handed to `body`.
func hash(
    ofFirst count: Int, of file: borrowing RawFile,
    _ body: (_ portion: [UInt8], _ offset: Int) throws -> Void = { _, _ in }
) throws -> Hash {
    let portionBytes = 1 << 20
    var sum = SHA256()
    var offset = 0
    while offset < count {
        let portion = try file.read(min(portionBytes, count - offset), at: offset)
        guard !portion.isEmpty else {
            throw Corruption(at: nil, "\(file.path) ends after \(offset) bytes")
        }
        sum.update(data: portion)
        try body(portion, offset)
        offset += portion.count
    }
    guard let hash = Hash(bytes: Array(sum.finalize())) else {
        preconditionFailure("SHA-256 has 32 bytes")
    }
    return hash
}
