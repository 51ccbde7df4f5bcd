internal import Storage

/// What the vault keeps of one subject and retention class.
///
/// Version (1), state (1), generation (4), key id (16), epoch (4), length (1) and bytes of the
/// wrapped key, commitment (32), time of creation and of the last change (8 each, µs since 1970),
/// CRC-32 (4); numbers with their least significant byte first.
struct SubjectRecord: Equatable, Sendable {
    enum State: UInt8, Sendable {
        case active = 1
        case erased = 2
    }

    var state: State
    /// How many keys there have been, this one included: more than 1 after it was authorised anew.
    var generation: UInt32
    var key: KeyID
    /// Under whose key it is wrapped.
    var epoch: UInt32
    /// Empty when it is erased.
    var wrapped: [UInt8]
    let commitment: [UInt8]
    let created: Int64
    var changed: Int64

    private static let version: UInt8 = 1

    init(
        key: DataKey, wrapped: [UInt8], epoch: UInt32, generation: UInt32, at moment: Int64
    ) {
        state = .active
        self.generation = generation
        self.key = key.id
        self.epoch = epoch
        self.wrapped = wrapped
        commitment = key.commitment
        created = moment
        changed = moment
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = [Self.version, state.rawValue]
        bytes.appendU32(generation)
        bytes += key.words.bytes
        bytes.appendU32(epoch)
        bytes.append(UInt8(wrapped.count))
        bytes += wrapped
        bytes += commitment
        bytes.appendI64(created)
        bytes.appendI64(changed)
        bytes.appendU32(crc32(bytes.span))
        return bytes
    }

    /// The inverse of ``bytes``.
    init(_ bytes: Span<UInt8>) throws {
        guard bytes.count > 4 else { throw MalformedBytes(offset: 0) }
        var tail = ByteReader(bytes.extracting((bytes.count - 4)..<bytes.count))
        guard try tail.u32() == crc32(bytes.extracting(0..<(bytes.count - 4))) else {
            throw MalformedBytes(offset: 0)
        }
        var reader = ByteReader(bytes.extracting(0..<(bytes.count - 4)))
        guard try reader.u8() == Self.version, let state = State(rawValue: try reader.u8()) else {
            throw MalformedBytes(offset: 0)
        }
        self.state = state
        generation = try reader.u32()
        guard let key = RandomName(bytes: try reader.array(RandomName.byteCount)[...]) else {
            throw MalformedBytes(offset: 0)
        }
        self.key = KeyID(words: key)
        epoch = try reader.u32()
        wrapped = try reader.array(Int(try reader.u8()))
        commitment = try reader.array(32)
        created = try reader.i64()
        changed = try reader.i64()
        guard reader.remaining == 0 else { throw MalformedBytes(offset: 0) }
    }
}
