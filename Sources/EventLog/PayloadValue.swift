internal import Storage

/// A stored payload of over 16 KiB.
///
/// Version (1), encoding (1: 0 as it is, 1 a zstd frame), length (4), bytes, CRC-32 (4).
enum PayloadValue {
    static func encode(_ data: [UInt8], _ encoder: inout ZstdEncoder) -> [UInt8] {
        let compressed = encoder.encode(data)
        let isSmaller = compressed.count < data.count
        var value: [UInt8] = [Format.version, isSmaller ? 1 : 0]
        value.appendU32(UInt32(data.count))
        value.append(contentsOf: isSmaller ? compressed : data)
        return Format.sealed(value)
    }

    /// The inverse of ``encode(_:_:)``; nil where the value is damaged or not `length` bytes long.
    static func decode(
        _ value: Span<UInt8>, length: Int, _ decoder: inout ZstdDecoder
    ) -> [UInt8]? {
        guard let end = Format.checkedCount(value) else { return nil }
        var reader = ByteReader(value.extracting(0..<end))
        guard (try? reader.u8()) != nil, let encoding = try? reader.u8(),
            let stated = try? reader.u32(), Int(stated) == length
        else { return nil }
        switch encoding {
        case 0 where reader.remaining == length: return try? reader.array(length)
        case 1: return decoder.decode(value.extracting(6..<end), size: length)
        default: return nil
        }
    }
}
