import Foundation
import Merkle
import TestSupport
import Testing

/// What a log owes to those whose appends it acknowledged.
struct Promise {
    /// The positions at which each acknowledged request stands.
    private(set) var acknowledged: [Int: ClosedRange<UInt64>] = [:]
    /// Every checkpoint that was found signed, whoever may have seen it.
    private var checkpoints: Set<Data> = []
    let seed: UInt64
    let shape: String
    let log: String

    /// The program that appends and is killed.
    static let appender = Ascolto.neighbour("FaultAppender")

    init(seed: UInt64, shape: String, log: String) {
        self.seed = seed
        self.shape = shape
        self.log = log
    }

    /// The first request that was never begun, as far as acknowledgements tell.
    var next: Int { (acknowledged.keys.max() ?? -1) + 1 }

    /// Appends a request's events once again.
    func append(
        _ requests: Range<Int>, width: Int = 1, under tracer: [String] = []
    ) throws -> Program {
        let words =
            tracer + [
                Self.appender, log, "\(seed)", "\(requests.lowerBound)",
                "\(requests.upperBound)", shape, "\(width)",
            ]
        return try Program(words[0], Array(words.dropFirst()))
    }

    /// Takes down what a run of the appender was told; returns how many acknowledgements it had.
    ///
    /// What was acknowledged before must be answered with the very same positions.
    @discardableResult
    mutating func take(_ run: Run, _ story: String) throws -> Int {
        // A line without its end was cut by the kill, and told nobody anything.
        let lines = run.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        for line in lines {
            let words = line.split(separator: " ")
            let numbers = words.compactMap { UInt64($0) }
            try #require(words.count == 5 && numbers.count == 4, "\(story): \(line)")
            let (request, range) = (Int(numbers[0]), numbers[1]...numbers[2])
            if let before = acknowledged[request] {
                #expect(words[1] == "already", "\(story): appended twice: \(line)")
                #expect(before == range, "\(story): moved: \(line)")
            }
            acknowledged[request] = range
        }
        return lines.count
    }

    /// Holds the log against the promise: it is sound, and all that was acknowledged is in it once.
    mutating func requireKept(_ story: String) throws {
        try requireSound(story)
        try requireOnce(story)
        try requireExtended(story)
    }

    mutating func requireSound(_ story: String) throws {
        checkpoints.formUnion(try Self.checkpoints(in: log))
        let check = try Ascolto.run(["check"], log: log)
        try #require(check.end == .exit(0), "\(story): check: \(check.end) \(check.error)")
    }

    /// The checkpoints in the whole slots of the head file, also where they are not synced yet.
    private static func checkpoints(in log: String) throws -> [Data] {
        let head = try contents(of: log + "/head")
        let (slotBytes, lengthAt, noteAt, hashBytes) = (2_048, 56, 58, 32)
        return stride(from: 0, to: head.count, by: slotBytes).compactMap { start in
            let slot = Array(head[start..<min(start + slotBytes, head.count)])
            let sum = Hash(bytes: slot.suffix(hashBytes))
            guard sum == Hash(of: slot.dropLast(hashBytes)) else { return nil }
            let length = Int(head[start + lengthAt]) | Int(head[start + lengthAt + 1]) << 8
            guard length > 0, length <= slotBytes - noteAt - hashBytes else { return nil }
            return head[start + noteAt..<start + noteAt + length]
        }
    }

    /// The log as it is now extends every checkpoint that was ever signed.
    func requireExtended(_ story: String) throws {
        let scratch = try Scratch()
        let files = try checkpoints.enumerated().map { try scratch.file("\($0)", $1) }
        try #require(!files.isEmpty, "\(story): nothing was signed")
        let key = String(decoding: try contents(of: log + "/keys/signing.vkey"), as: UTF8.self)
        let newest = try Ascolto.run(["checkpoint", "--out", scratch.place("newest")], log: log)
        try #require(newest.end == .exit(0), "\(story): \(newest.error)")
        let verified = try Ascolto.run(
            [
                "verify", "--key", key.trimmingCharacters(in: .newlines), "--checkpoint",
                scratch.place("newest"), "--old",
            ] + files, log: log)
        try #require(verified.end == .exit(0), "\(story): \(verified.error)")
    }

    /// All that was acknowledged is there once, where it was said to be.
    func requireOnce(_ story: String) throws {
        let identifiers = try Self.identifiers(in: log, story)
        try #require(
            Set(identifiers).count == identifiers.count, "\(story): an event is there twice")
        for (request, range) in acknowledged {
            try #require(
                range.upperBound < identifiers.count, "\(story): \(request) at \(range) is lost")
            // Those between are held against the producer's bytes when they are appended again.
            for position in [range.lowerBound, range.upperBound] {
                let expected = identifier(request, Int(position - range.lowerBound))
                try #require(identifiers[Int(position)] == expected, "\(story): at \(position)")
            }
        }
    }

    /// Appends all requests up to `behind` again: those that were acknowledged change nothing, and
    /// afterwards none is missing.
    mutating func requireCompletable(_ requests: Range<Int>, _ story: String) throws {
        let again = try append(requests).finish()
        try #require(again.end == .exit(0), "\(story): retry: \(again.end) \(again.error)")
        try take(again, "\(story), retried")
        #expect(requests.allSatisfy { acknowledged[$0] != nil }, "\(story): some are missing")
    }

    /// The ids of all events in the order of positions; they stand at a fixed place of the lines.
    private static func identifiers(in log: String, _ story: String) throws -> [Substring] {
        let words = ["-o", "pipefail", "-c", #""$0" export --log "$1" | cut -b 28-63"#]
        let export = try Program.run("/bin/bash", words + [Ascolto.path, log])
        try #require(export.end == .exit(0), "\(story): export: \(export.end) \(export.error)")
        return export.text.split(separator: "\n")
    }

    /// The id that the appender gives to an event of a request.
    private func identifier(_ request: Int, _ index: Int) -> String {
        let digits = [seed, UInt64(request << 16 | index)].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var text = ""
        for (place, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(place) { text += "-" }
            text.append(digit)
        }
        return text
    }
}
