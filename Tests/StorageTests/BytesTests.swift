import Foundation
import Storage
import Testing

@Suite struct BytesTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func numbersComeBack(seed: UInt64) throws {
        var state = seed
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ state >> 29) >> (state >> 58)
        }
        for _ in 0..<2_000 {
            let (a, b) = (next(), Int64(bitPattern: next() &* next()))
            var bytes: [UInt8] = []
            bytes.appendVarint(a)
            bytes.appendSignedVarint(b)
            bytes.appendU16(UInt16(truncatingIfNeeded: a))
            bytes.appendU32(UInt32(truncatingIfNeeded: a))
            bytes.appendU64(a)
            bytes.appendI64(b)
            bytes.appendText("è\(a)")
            var reader = ByteReader(bytes.span)
            let (first, second) = (try reader.varint(), try reader.signedVarint())
            #expect(first == a && second == b, "seed \(seed)")
            let part1 = try reader.u16()
            #expect(part1 == UInt16(truncatingIfNeeded: a))
            let part2 = try reader.u32()
            #expect(part2 == UInt32(truncatingIfNeeded: a))
            let part3 = try reader.u64()
            #expect(part3 == a)
            let part4 = try reader.i64()
            #expect(part4 == b)
            let part5 = try reader.text()
            #expect(part5 == "è\(a)")
            let isAtEnd = reader.isAtEnd
            #expect(isAtEnd)
            // Cut anywhere, it must be an error and never a trap.
            for length in 0..<bytes.count {
                let cut = Array(bytes.prefix(length))
                #expect(throws: MalformedBytes.self) { try readAll(cut) }
            }
        }
    }

    private func readAll(_ bytes: [UInt8]) throws {
        var reader = ByteReader(bytes.span)
        _ = try reader.varint()
        _ = try reader.signedVarint()
        _ = try reader.u16()
        _ = try reader.u32()
        _ = try reader.u64()
        _ = try reader.i64()
        _ = try reader.text()
    }

    @Test func overlongNumbersAndCountsAreRefused() {
        #expect(throws: MalformedBytes.self) {
            var reader = ByteReader(([UInt8](repeating: 0xFF, count: 9) + [2]).span)
            return try reader.varint()
        }
        #expect(throws: MalformedBytes.self) {
            let bytes: [UInt8] = [0x80, 0x80, 0x80, 0x10, 1, 2, 3]
            var reader = ByteReader(bytes.span)
            return try reader.count(bytesEach: 1)
        }
    }

    /// The check value of CRC-32 in its catalogue entry: "123456789" gives CBF43926.
    @Test func theChecksumIsCRC32() {
        #expect(crc32(Array("123456789".utf8).span) == 0xCBF4_3926)
        #expect(crc32([UInt8]().span) == 0)
    }

    @Test func framesComeBackAndDamageIsNoticed() throws {
        var encoder = ZstdEncoder(level: 3)
        var decoder = ZstdDecoder()
        let prefix = Array(String(repeating: "contact.received queue ", count: 500).utf8)
        for size in [0, 1, 255, 256, 70_000] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 * $0 >> 3) }
            let frame = encoder.encode(bytes)
            #expect(decoder.decode(frame.span, size: size) == bytes)
            #expect(decoder.decode(frame.span, size: size + 1) == nil)
            let prefixed = encoder.encode(prefix + bytes, prefix: prefix)
            let expected = prefix + bytes
            #expect(
                decoder.decode(prefixed.span, size: expected.count, prefix: prefix) == expected)
            #expect(prefixed.count < encoder.encode(expected).count)
        }
        #expect(decoder.decode([1, 2, 3].span, size: 10) == nil)
    }
}
