import Crypto
import Foundation
import Merkle
import TestSupport
import Testing

/// An export that lies in memory.
private struct ExportInMemory: ExportBytes {
    var rest: ArraySlice<UInt8>
    let step: Int

    init(_ bytes: [UInt8], step: Int = .max) {
        rest = bytes[...]
        self.step = step
    }

    mutating func next(upTo count: Int) throws -> [UInt8] {
        defer { rest = rest.dropFirst(min(count, step)) }
        return Array(rest.prefix(min(count, step)))
    }
}

@Suite("An export")
struct ExportTests {
    private static let origin = "example.org/log"

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        SHA256.hash(data: Array(bytes)).map { String(format: "%02x", $0) }.joined()
    }

    /// A line around data that stand in it as `member` says.
    private static func line(
        _ position: Int, _ data: [UInt8], _ member: String, recorded: String? = nil
    ) -> String {
        let recorded = recorded ?? "2026-11-26T00:00:00.\(100_000 + position)Z"
        return #"{"specversion":"1.0","id":"x","position":"\#(position)","revision":"0","#
            + #""recorded":"\#(recorded)","datahash":"\#(hex(data))",\#(member)}"# + "\n"
    }

    private static func json(
        _ position: Int, _ text: String, recorded: String? = nil
    ) -> String {
        line(position, Array(text.utf8), #""data":\#(text)"#, recorded: recorded)
    }

    @Test(
        "is refused where a line says that it was recorded before the one in front of it",
        arguments: [
            ("2026-11-26T00:00:00Z", "2026-11-25T23:59:59Z"),
            ("2026-11-26T00:00:00.1Z", "2026-11-26T00:00:00Z"),
            ("2026-11-26T00:00:00.25Z", "2026-11-26T00:00:00.2Z"),
            ("2026-11-26T00:00:00.3Z", "2026-11-26T00:00:00.25Z"),
        ], [2, Int.max])
    func timesInOrder(times: (later: String, earlier: String), step: Int) async throws {
        let sound = [times.earlier, times.later, times.later].enumerated().map {
            Self.json($0, "1", recorded: $1)
        }
        _ = try await Self.verify(sound.joined(), Self.audit(sound), step: step)
        let odd = [times.earlier, times.later, times.earlier].enumerated().map {
            Self.json($0, "1", recorded: $1)
        }
        let refusal = await #expect(throws: Refusal.self) {
            try await Self.verify(odd.joined(), Self.audit(odd), step: step)
        }
        #expect(refusal?.position == 2)
    }

    private static func leaf(_ line: some StringProtocol) -> [UInt8] {
        let end = line.range(of: "\"datahash\":\"").map { line.index($0.upperBound, offsetBy: 65) }
        return Array(line[..<(end ?? line.endIndex)].utf8) + [UInt8(ascii: "}")]
    }

    /// An audit against the checkpoint of these lines.
    private static func audit(_ lines: [String]) throws -> Audit {
        let key = try NoteTests.key(origin, .signature, fill: 1)
        var range = CompactRange()
        for line in lines { range.append(leaf: Tree.leafHash(leaf(line))) }
        let note = Checkpoint(origin: origin, size: range.size, root: range.root)
            .signed(with: [key])
        return Audit(
            policy: try TrustPolicy(logKeys: [key.verifierKey]), checkpoint: note.bytes)
    }

    private static func verify(
        _ text: String, _ audit: Audit, step: Int = .max
    ) async throws -> Audit.Verdict {
        var bytes = ExportInMemory(Array(text.utf8), step: step)
        return try await audit.verifyExport(&bytes)
    }

    @Test("is verified in whatever pieces it comes", arguments: [1, 7, 100, 4_096, Int.max])
    func pieces(step: Int) async throws {
        let lines = (0..<700).map { Self.json($0, #"{"n":\#($0),"q":"a\\\"b}"}"#) }
        let audit = try Self.audit(lines)
        let verdict = try await Self.verify(lines.joined(), audit, step: step)
        #expect(verdict.head.checkpoint.size == 700)
    }

    @Test("has data in their four forms")
    func forms() async throws {
        let lines = [
            Self.json(0, "null"), Self.json(1, "-1.5e+7"), Self.json(2, #" ["a]", {"b":"}"}] "#),
            Self.line(3, [], #""data_base64":"""#),
            Self.line(4, [1, 2, 255], #""data_base64":"AQL/""#),
            Self.line(5, Array("gone".utf8), #""data":null"#), Self.json(6, #""text\\\"""#),
        ]
        let verdict = try await Self.verify(lines.joined(), try Self.audit(lines))
        #expect(verdict.removed == 1)
    }

    @Test(
        "is refused where its data are none, though their hash is right",
        arguments: [
            ("", #""data":"#), (#"0,"type":"contact.closed""#, nil), (#"{},"position":"9""#, nil),
            ("1 2", nil), ("[1]]", nil), ("{", nil), (#""open"#, nil), (#""a"b"#, nil),
            ("}{", nil), ("AQ=", #""data_base64":"AQ=""#), ("AR==", #""data_base64":"AR==""#),
            ("x", #""datum":"x""#),
        ] as [(String, String?)])
    func hostileData(data: String, member: String?) async throws {
        let lines = [
            Self.json(0, "{}"),
            Self.line(1, Array(data.utf8), member ?? #""data":\#(data)"#),
        ]
        let audit = try Self.audit(lines)
        await #expect {
            try await Self.verify(lines.joined(), audit)
        } throws: { error in
            (error as? Refusal)?.position == 1
        }
    }

    @Test("is refused, by position, where a line lacks, is twice, or stands elsewhere")
    func order() async throws {
        let lines = (0..<40).map { Self.json($0, "{}") }
        let audit = try Self.audit(lines)
        let wrong: [([String], UInt64)] = [
            (Array(lines[1...]), 0), (Array(lines[..<9]) + lines[10...], 9),
            (Array(lines[..<9]) + lines[8...], 9), (Array(lines[..<39]), 39),
            (lines + [Self.json(40, "{}")], 40), (Array(lines[..<5]) + ["\n"] + lines[5...], 5),
            (Array(lines[..<5]) + ["{}\n"] + lines[6...], 5),
            (Array(lines[..<39]) + [String(lines[39].dropLast())], 39), ([], 0),
        ]
        for (lines, position) in wrong {
            await #expect {
                try await Self.verify(lines.joined(), audit)
            } throws: { error in
                (error as? Refusal)?.position == position
            }
        }
    }

    @Test("is not read on where nothing proves what comes")
    func endless() async throws {
        let lines = (0..<3).map { Self.json($0, "{}") }
        let audit = try Self.audit(lines)
        var endless = EndlessExport()
        await #expect(throws: Refusal.self) { try await audit.verifyExport(&endless) }
    }

    /// Lines without end, each as it must be.
    private struct EndlessExport: ExportBytes {
        var next = 0

        mutating func next(upTo count: Int) throws -> [UInt8] {
            defer { next += 1_000 }
            return Array((next..<next + 1_000).map { ExportTests.json($0, "{}") }.joined().utf8)
        }
    }
}

@Suite("A witness")
struct WitnessedLogTests {
    private static let origin = "example.org/log"

    private static func note(_ size: UInt64, _ root: Hash) throws -> SignedNote {
        let key = try NoteTests.key(origin, .signature, fill: 1)
        return Checkpoint(origin: origin, size: size, root: root).signed(with: [key])
    }

    private static func log(_ last: Checkpoint?) throws -> WitnessedLog {
        let key = try NoteTests.key(origin, .signature, fill: 1).verifierKey
        return WitnessedLog(origin: origin, keys: [key], last: last)
    }

    @Test("keeps nothing of a note but the signatures of the log")
    func junk() throws {
        var bytes = try Self.note(1, Tree.leafHash(entry(0))).bytes
        for number in 0..<98 { bytes += Array("\u{2014} junk\(number) AAAAAAA=\n".utf8) }
        let request = try AddCheckpoint(bytes: Array("old 0\n\n".utf8) + bytes)
        let judged = try Self.log(nil).judge(request)
        #expect(judged.note == (try Self.note(1, Tree.leafHash(entry(0)))))
    }

    @Test("cosigns one tree without leaves only")
    func empty() throws {
        #expect(throws: Refusal.self) {
            try Checkpoint(text: try Self.note(0, Tree.leafHash(entry(0))).text)
        }
        let request = AddCheckpoint(
            oldSize: 0, proof: [], note: try Self.note(0, Tree.emptyRoot))
        let first = try Self.log(nil).judge(request)
        _ = try Self.log(first.checkpoint).judge(request)
    }

    @Test("knows a log by the bytes of its name")
    func names() {
        for name in ["\u{E9}.example/log", "e\u{301}.example/log", "a\u{200B}b"] {
            let text = "\(name)\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
            #expect(throws: Refusal.self) { try Checkpoint(text: Array(text.utf8)) }
            #expect(throws: Refusal.self) { try SigningKey(name: name, kind: .signature) }
        }
    }

    @Test("reads a request as it is written")
    func roundTrip() throws {
        let request = AddCheckpoint(
            oldSize: 7, proof: [Tree.emptyRoot, Tree.leafHash(entry(1))],
            note: try Self.note(9, Tree.leafHash(entry(0))))
        #expect(try AddCheckpoint(bytes: request.bytes) == request)
        for end in request.bytes.indices {
            #expect(throws: Refusal.self) { try AddCheckpoint(bytes: Array(request.bytes[..<end])) }
        }
    }
}
