import Crypto
import EventLog
import Foundation
import Merkle
import Storage
import TestSupport
import Testing

/// A log that format version 1 wrote stays readable, byte for byte.
@Suite struct GoldenTests {
    private static let events: UInt64 = 6631
    private static let root = "04cd0821bd1df50687306984579e113ed90300459314a522fbf6b5d88b3722bc"
    private static let linesHash =
        "42224d35b992b0b13e318db82db3e07968090f810f4b6778fa39dc90664dde42"

    @Test func formatVersion1IsReadToTheSameLines() throws {
        let directory = try Scratch()
        try FileManager.default.createDirectory(
            atPath: directory.log, withIntermediateDirectories: true)
        let fixture = Places.package + "/Tests/Fixtures/format-1"
        var packed = try InputFile(at: fixture + "/data.mdb.zst")
        var data = Data()
        while case let piece = try packed.read(upTo: 1 << 20), !piece.isEmpty {
            data.append(contentsOf: piece)
        }
        try directory.file("log/data.mdb", data)
        try FileManager.default.copyItem(
            atPath: fixture + "/head", toPath: directory.log + "/head")

        let report = try EventLog.check(at: directory.log, depth: .full) { _ in }
        #expect(report.problems == [])
        #expect(report.root?.hex == Self.root)
        let log = try EventLog.open(at: directory.log, access: .reading)
        #expect(log.identity.origin == "golden.example/format-1")
        #expect(try log.head().size == Self.events)
        #expect(try log.statistics().blocks == 1)
        var lines = SHA256()
        for event in try log.events() { lines.update(data: event.line + [0x0A]) }
        let hash = lines.finalize().map { String(format: "%02x", $0) }.joined()
        #expect(hash == Self.linesHash)
    }
}
