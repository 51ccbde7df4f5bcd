import Merkle
import Testing

@Suite("A hash")
struct HashTests {
    static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    @Test("is SHA-256, of arrays and of slices")
    func digest() {
        let text = Array("xabcx".utf8)
        #expect(Hash(of: Array(text[1..<4])).hex == Self.abc)
        #expect(Hash(of: text[1..<4]).hex == Self.abc)
        #expect("\(Hash(of: text[1..<4]))" == Self.abc)
    }

    @Test("keeps the order of its bytes through bytes, append and hex")
    func bytes() throws {
        let bytes = (0..<32).map { UInt8($0 * 7 + 1) }
        let hash = try #require(Hash(bytes: bytes))
        #expect(hash.bytes == bytes)
        var output: [UInt8] = [0xFF]
        hash.append(to: &output)
        hash.append(to: &output)
        #expect(output == [0xFF] + bytes + bytes)
        #expect(hash.hex.hasPrefix("01080f16"))
        #expect(Hash(hex: hash.hex) == hash)
        #expect(Hash(bytes: output[33...]) == hash)
    }

    @Test("differs where any one bit differs", arguments: 0..<256)
    func equality(bit: Int) throws {
        var bytes = [UInt8](repeating: 0x5A, count: 32)
        let hash = try #require(Hash(bytes: bytes))
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        let other = try #require(Hash(bytes: bytes))
        #expect(hash != other)
    }

    @Test("is 32 bytes, no more and no fewer", arguments: [0, 1, 31, 33, 64])
    func wrongCount(count: Int) {
        let bytes = [UInt8](repeating: 7, count: count)
        #expect(Hash(bytes: bytes) == nil)
        #expect(Hash(bytes: bytes[...]) == nil)
    }

    @Test(
        "is written in 64 lower-case digits only",
        arguments: [
            "", String(abc.dropLast()), abc + "0", abc.uppercased(),
            "g" + abc.dropFirst(), " " + abc.dropFirst(), "é" + abc.dropFirst(2),
        ])
    func wrongDigits(text: String) {
        #expect(Hash(hex: text) == nil)
    }
}
