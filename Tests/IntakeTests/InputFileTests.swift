import Foundation
import OwnThread
import Storage
import TestSupport
import Testing

@Suite("Input files", .ownThread)
struct InputFileTests {
    static let first = Array("a,b\n1,2\n".utf8)
    static let second = Array("3,4\n".utf8)
    /// `first` and `second` as two gzip members, by Python's gzip.
    static let gzip = bytes(
        "1f8b08000000000002034bd449e232d431e202007b07970a08000000"
            + "1f8b080000000000020333d631e102003e2d72a904000000")
    /// The same as two zstd frames, by the zstd tool.
    static let zstd = bytes(
        "28b52ffd0058410000612c620a312c320a" + "28b52ffd0058210000332c340a")

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0...$0 + 1]), radix: 16)
        }
    }

    private func content(of bytes: [UInt8], upTo count: Int = 1 << 16) throws -> [UInt8] {
        let scratch = try Scratch()
        var file = try InputFile(at: try scratch.file("input", bytes))
        var content: [UInt8] = []
        while true {
            let more = try file.read(upTo: count)
            #expect(more.count <= count)
            if more.isEmpty { break }
            content += more
        }
        #expect(file.bytesTaken == bytes.count)
        #expect(file.bytesTotal == bytes.count)
        return content
    }

    @Test("plain, gzip and zstd give the same content", arguments: [1, 3, 7, 1 << 16])
    func contents(upTo count: Int) throws {
        for bytes in [Self.first + Self.second, Self.gzip, Self.zstd] {
            #expect(try content(of: bytes, upTo: count) == Self.first + Self.second)
        }
        #expect(try content(of: [], upTo: count).isEmpty)
    }

    @Test("20,000 members or frames are read across all buffers")
    func manyMembers() throws {
        let expected = Array(repeatElement(Self.first + Self.second, count: 10_000).joined())
        for compressed in [Self.gzip, Self.zstd] {
            let many = Array(repeatElement(compressed, count: 10_000).joined())
            #expect(try content(of: many, upTo: 4_096) == expected)
        }
    }

    @Test("every truncation is reported with the compression and the place")
    func truncations() throws {
        for (compressed, compression, boundary, magic) in [
            (Self.gzip, Compression.gzip, 28, 2), (Self.zstd, .zstd, 17, 4),
        ] {
            for count in magic..<compressed.count {
                let cut = Array(compressed[..<count])
                if count == boundary {
                    #expect(try content(of: cut) == Self.first)
                    continue
                }
                let error = try #require(throws: InputFileError.self) { try content(of: cut) }
                guard case .truncated(_, compression, let offset) = error else {
                    Issue.record("\(count) bytes of \(compression): \(error)")
                    continue
                }
                #expect(offset <= (count < boundary ? 8 : 12))
                #expect("\(error)".contains("\(compression) data end too early, after byte"))
            }
        }
    }

    @Test("damage is reported")
    func damage() throws {
        var checksum = Self.gzip
        checksum[22] ^= 1
        let trailing = Self.gzip + Array("tail".utf8)
        var frame = Self.zstd
        frame[6] = 0xFF
        for (bytes, compression) in [
            (checksum, Compression.gzip), (trailing, .gzip), (frame, .zstd),
            (Self.zstd + Array("tail".utf8), .zstd),
        ] {
            let error = try #require(throws: InputFileError.self) { try content(of: bytes) }
            guard case .corrupt(_, compression, _, _) = error else {
                Issue.record("\(error)")
                continue
            }
        }
    }

    @Test("a file that is not there is named, and a directory is no file")
    func missing() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/none.csv"
        let error = try #require(throws: InputFileError.self) { _ = try InputFile(at: path) }
        #expect("\(error)" == "\(path): cannot be opened: No such file or directory")
        #expect(throws: InputFileError.self) {
            var file = try InputFile(at: scratch.path)
            _ = try file.read(upTo: 1)
        }
    }

    private func lines(_ text: String, bytesMax: Int) throws -> [String] {
        let scratch = try Scratch()
        var reader = LineReader(
            try InputFile(at: try scratch.file("lines", text: text)), bytesMax: bytesMax)
        var lines: [String] = []
        while let line = try reader.next() {
            switch line {
            case .whole(let bytes, let number):
                lines.append("\(number) \(String(decoding: bytes, as: UTF8.self))")
            case .tooLong(let bytes, let number): lines.append("\(number) too long: \(bytes)")
            }
        }
        return lines
    }

    @Test("lines are counted, a last one needs no line feed, a byte-order mark is left out")
    func lines() throws {
        #expect(try lines("", bytesMax: 10) == [])
        #expect(try lines("\n", bytesMax: 10) == ["1 "])
        #expect(try lines("\u{FEFF}ab\n\ncd", bytesMax: 10) == ["1 ab", "2 ", "3 cd"])
        #expect(try lines("ab\ncd\n", bytesMax: 10) == ["1 ab", "2 cd"])
    }

    @Test("a line over the limit is stepped over", arguments: [11, 70_000, 300_000])
    func longLines(count: Int) throws {
        let long = String(repeating: "x", count: count)
        #expect(
            try lines("0123456789\n\(long)\nab\n\(long)", bytesMax: 10)
                == ["1 0123456789", "2 too long: \(count)", "3 ab", "4 too long: \(count)"])
    }
}
