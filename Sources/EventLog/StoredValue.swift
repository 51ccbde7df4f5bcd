internal import JSON
internal import Merkle
internal import Storage

/// The kinds of values that a log stores, each decoded by what reads it.
///
/// For those who hold the decoders against bytes that nobody wrote.
package enum StoredValue: String, CaseIterable, Sendable {
    case headRecord
    /// One slot of the head file.
    case headSlot
    case tail
    case block
    /// The identifiers and the body of a sub-frame, as they come out of a block.
    case subframe
    case payload
    /// A page of a run of ids, streams or tags.
    case hashPage
    case timePage
    case tile
    case runKey

    /// What the value says, as bytes: the same for values that say the same.
    ///
    /// `key` is the one under which the value stands; only the pages of runs need it.
    /// - Throws: Where the value is not of this kind, or damaged.
    package func read(_ value: [UInt8], key: [UInt8]) throws -> [UInt8] {
        switch self {
        case .headRecord: return try found(HeadRecord(value.span)).encode()
        case .headSlot: return try found(HeadFile.Slot(value)).encode()
        case .tail:
            let events = try TailValue.decode(value.span, wanted: 0..<Int.max)
            return Array(events.map(\.line).joined(separator: [0x0A]))
        case .block: return Array(try Self.subframes(ofBlock: value).joined())
        case .subframe: return try Self.lines(ofSubframe: value)
        case .payload: return try Self.payload(value)
        case .hashPage: return try Self.postings(ofPage: value, key: try found(RunKey(key.span)))
        case .timePage: return try Self.bounds(ofPage: value)
        case .tile: return TileStore.encode(try found(TileStore.decode(value.span)))
        case .runKey: return try found(RunKey(value.span)).bytes
        }
    }

    /// The sub-frames of a block, each as identifiers and body.
    package static func subframes(ofBlock value: [UInt8]) throws -> [[UInt8]] {
        let header = try BlockHeader(value.span)
        var decoder = BlockDecoder()
        return try header.entries.indices.map { index in
            let subframe = try decoder.subframe(index, of: value.span, header)
            return subframe.ids + subframe.body
        }
    }

    private func found<Value>(_ value: Value?) throws(MalformedBytes) -> Value {
        guard let value else { throw MalformedBytes(offset: 0) }
        return value
    }

    private static func lines(ofSubframe value: [UInt8]) throws -> [UInt8] {
        guard value.count >= Subframe.idBytes else { throw MalformedBytes(offset: value.count) }
        let subframe = Subframe(
            ids: Array(value[..<Subframe.idBytes]), body: Array(value[Subframe.idBytes...]))
        let events = try subframe.events(from: 0) { _, length in
            [UInt8](repeating: UInt8(ascii: "0"), count: length)
        }
        return Array(events.map(\.line).joined(separator: [0x0A]))
    }

    private static func payload(_ value: [UInt8]) throws -> [UInt8] {
        var reader = ByteReader(value.span)
        _ = try reader.skip(2)
        let length = Int(try reader.u32())
        var decoder = ZstdDecoder()
        guard length <= EventLimits.dataBytesMax,
            let data = PayloadValue.decode(value.span, length: length, &decoder)
        else { throw MalformedBytes(offset: 2) }
        return data
    }

    private static func postings(ofPage value: [UInt8], key: RunKey) throws -> [UInt8] {
        let page = try HashPage(value.span, key: key)
        var (said, hashes): ([UInt8], [UInt32]) = ([], [])
        try page.forEachPosting(value.span) { posting in
            said.appendU32(posting.hash)
            said.appendU32(posting.unit)
            hashes.append(posting.hash)
        }
        for hash in hashes.prefix(4) + [0, .max] {
            var place = HashPage.Place()
            try page.forEachUnit(of: hash, value.span, from: &place) { said.appendU32($0) }
        }
        return said
    }

    private static func bounds(ofPage value: [UInt8]) throws -> [UInt8] {
        var said: [UInt8] = []
        for bounds in try TimePage.decode(value.span) {
            said.appendI64(bounds.occurred.lowerBound)
            said.appendI64(bounds.occurred.upperBound)
            said.appendI64(bounds.recorded.lowerBound)
            said.appendI64(bounds.recorded.upperBound)
        }
        return said
    }
}
