internal import Storage

/// A stored block: up to 4,096 consecutive events in sub-frames of 256.
///
/// Header: version (1), number of sub-frames (1), first position (8), then for each sub-frame its
/// encoding (1), stored length (4), length of its body (4) and CRC-32 of its stored bytes (4), then
/// the CRC-32 of the header (4). The sub-frames follow without gaps.
struct BlockHeader: Equatable {
    let first: UInt64
    let entries: [Entry]

    struct Entry: Equatable {
        let encoding: Encoding
        let storedLength: Int
        let bodyLength: Int
        let checksum: UInt32
    }

    /// How a sub-frame is stored: its identifiers, and behind them its compressed body.
    enum Encoding: UInt8 {
        /// A zstd frame that is decodable alone.
        case alone = 0
        /// A zstd frame with the body of the block's first sub-frame as prefix.
        case prefixed = 1
        /// As ``alone``, with packed identifiers.
        case aloneAndPacked = 2
        /// As ``prefixed``, with packed identifiers.
        case prefixedAndPacked = 3

        init(_ dependence: Dependence, _ packing: IDPacking) {
            self =
                switch (dependence, packing) {
                case (.alone, .whole): .alone
                case (.prefixed, .whole): .prefixed
                case (.alone, .packed): .aloneAndPacked
                case (.prefixed, .packed): .prefixedAndPacked
                }
        }

        var dependence: Dependence {
            switch self {
            case .alone, .aloneAndPacked: .alone
            case .prefixed, .prefixedAndPacked: .prefixed
            }
        }

        var packing: IDPacking {
            switch self {
            case .alone, .prefixed: .whole
            case .aloneAndPacked, .prefixedAndPacked: .packed
            }
        }
    }

    /// Whether a body is decoded by itself or needs the block's first one.
    enum Dependence {
        case alone
        case prefixed
    }

    static func byteCount(subframes: Int) -> Int { 14 + 13 * subframes }

    var byteCount: Int { Self.byteCount(subframes: entries.count) }
    var eventCount: Int { entries.count * LogLimits.subframeEvents }
    /// First position behind the block.
    var end: UInt64 { first + UInt64(eventCount) }

    func write(to value: inout [UInt8]) {
        let start = value.count
        value.append(Format.version)
        value.append(UInt8(entries.count))
        value.appendU64(first)
        for entry in entries {
            value.append(entry.encoding.rawValue)
            value.appendU32(UInt32(entry.storedLength))
            value.appendU32(UInt32(entry.bodyLength))
            value.appendU32(entry.checksum)
        }
        value.appendU32(crc32(value.span.extracting(start..<value.count)))
    }

    init(first: UInt64, entries: [Entry]) {
        self.first = first
        self.entries = entries
    }

    /// Reads and checks a header, and that the value is as long as the header says.
    init(_ value: Span<UInt8>) throws(MalformedBytes) {
        var reader = ByteReader(value)
        guard try reader.u8() == Format.version else { throw MalformedBytes(offset: 0) }
        let count = Int(try reader.u8())
        guard (1...LogLimits.blockEventsMax / LogLimits.subframeEvents).contains(count),
            value.count >= Self.byteCount(subframes: count)
        else { throw MalformedBytes(offset: 1) }
        first = try reader.u64()
        var entries: [Entry] = []
        for _ in 0..<count {
            guard let encoding = Encoding(rawValue: try reader.u8()) else {
                throw MalformedBytes(offset: reader.offset - 1)
            }
            entries.append(
                Entry(
                    encoding: encoding, storedLength: Int(try reader.u32()),
                    bodyLength: Int(try reader.u32()), checksum: try reader.u32()))
        }
        let sumOffset = reader.offset
        guard try reader.u32() == crc32(value.extracting(0..<sumOffset)) else {
            throw MalformedBytes(offset: sumOffset)
        }
        self.entries = entries
        let stored = entries.reduce(0) { $0 + $1.storedLength }
        guard value.count == byteCount + stored,
            entries.allSatisfy({
                $0.bodyLength <= LogLimits.blockBytesMax
                    && $0.storedLength >= IDColumn.byteCount($0.encoding.packing)
            }), entries[0].encoding.dependence == .alone
        else { throw MalformedBytes(offset: value.count) }
    }

    /// Where the stored bytes of a sub-frame stand in the value.
    func range(of index: Int) -> Range<Int> {
        let start = entries[..<index].reduce(byteCount) { $0 + $1.storedLength }
        return start..<start + entries[index].storedLength
    }
}

extension Cursor {
    /// Runs `body` on the block that holds the event at `position`.
    ///
    /// - Throws: `Corruption` where there is none or it is damaged, and what `body` throws.
    mutating func withBlock<Result>(
        holding position: UInt64, _ body: (BlockHeader, Span<UInt8>) throws -> Result
    ) throws -> Result {
        guard try seek(atOrBefore: Keys.position(position)) else {
            throw Corruption(at: position, "a block is missing")
        }
        return try withEntry { key, value in
            do {
                let header = try BlockHeader(value)
                guard Keys.position(from: key) == header.first,
                    (header.first..<header.end).contains(position)
                else { throw Corruption(at: position, "a block is missing") }
                return try body(header, value)
            } catch let error as MalformedBytes {
                throw Corruption(at: position, "a block is damaged at byte \(error.offset)")
            }
        }
    }
}

/// Builds the values of blocks.
struct BlockEncoder: ~Copyable {
    /// Above 3, zstd gains a few percent here and takes a multiple of the time.
    private var encoder = ZstdEncoder(level: 3)

    /// The value of a block that holds these sub-frames.
    mutating func encode(_ subframes: [Subframe], first: UInt64) -> [UInt8] {
        var entries: [BlockHeader.Entry] = []
        var stored: [UInt8] = []
        for (index, subframe) in subframes.enumerated() {
            var bytes = subframe.ids
            bytes.append(
                contentsOf: encoder.encode(
                    subframe.body, prefix: index == 0 ? nil : subframes[0].body))
            let encoding = BlockHeader.Encoding(
                index == 0 ? .alone : .prefixed, subframe.packing)
            entries.append(
                BlockHeader.Entry(
                    encoding: encoding, storedLength: bytes.count,
                    bodyLength: subframe.body.count, checksum: crc32(bytes.span)))
            stored.append(contentsOf: bytes)
        }
        var value: [UInt8] = []
        value.reserveCapacity(BlockHeader.byteCount(subframes: entries.count) + stored.count)
        BlockHeader(first: first, entries: entries).write(to: &value)
        value.append(contentsOf: stored)
        return value
    }
}

/// Decodes sub-frames of blocks, remembering the body that the next ones may need as prefix.
struct BlockDecoder: ~Copyable {
    private var decoder = ZstdDecoder()
    /// The body of a block's first sub-frame, known by its checksum: a block may be replaced.
    private var prefix: (block: UInt64, checksum: UInt32, body: [UInt8])?

    /// The body that later sub-frames of the block may need, where it is remembered.
    func prefix(of header: BlockHeader) -> [UInt8]? {
        guard let prefix, prefix.block == header.first,
            prefix.checksum == header.entries[0].checksum
        else { return nil }
        return prefix.body
    }

    /// Remembers the body of a block's first sub-frame in place of that of another.
    mutating func remember(prefix body: [UInt8], of header: BlockHeader) {
        prefix = (header.first, header.entries[0].checksum, body)
    }

    /// The identifiers of the sub-frame at `index`, without decompressing anything.
    ///
    /// - Throws: ``MalformedBytes`` where a checksum or a length is not right.
    static func ids(
        _ index: Int, of value: Span<UInt8>, _ header: BlockHeader
    ) throws(MalformedBytes) -> IDColumn {
        let entry = header.entries[index]
        let stored = value.extracting(header.range(of: index))
        guard crc32(stored) == entry.checksum else {
            throw MalformedBytes(offset: header.range(of: index).lowerBound)
        }
        let packing = entry.encoding.packing
        let bytes = [UInt8](copying: stored.extracting(0..<IDColumn.byteCount(packing)))
        return try IDColumn(bytes, packing, count: LogLimits.subframeEvents)
    }

    /// The sub-frame at `index` of a block's value.
    ///
    /// - Throws: ``MalformedBytes`` where a checksum, a length or the compression is not right.
    mutating func subframe(
        _ index: Int, of value: Span<UInt8>, _ header: BlockHeader
    ) throws(MalformedBytes) -> Subframe {
        let entry = header.entries[index]
        let range = header.range(of: index)
        let stored = value.extracting(range)
        guard crc32(stored) == entry.checksum else {
            throw MalformedBytes(offset: range.lowerBound)
        }
        let packing = entry.encoding.packing
        let idBytes = IDColumn.byteCount(packing)
        let frame = stored.extracting(idBytes..<stored.count)
        let body: [UInt8]?
        switch entry.encoding.dependence {
        case .alone:
            body = decoder.decode(frame, size: entry.bodyLength)
            if index == 0, let body { remember(prefix: body, of: header) }
        case .prefixed:
            if prefix(of: header) == nil { _ = try subframe(0, of: value, header) }
            body = decoder.decode(frame, size: entry.bodyLength, prefix: prefix?.body)
        }
        guard let body else { throw MalformedBytes(offset: range.lowerBound) }
        return Subframe(
            ids: [UInt8](copying: stored.extracting(0..<idBytes)), packing: packing, body: body)
    }
}
