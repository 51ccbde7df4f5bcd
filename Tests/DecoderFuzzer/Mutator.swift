import EventLog
import Merkle
import Storage
import TestSupport

/// Changes values at random, and then makes their checksums right again, which chance never would.
struct Mutator {
    private var numbers: SeededNumbers

    init(seed: UInt64) { numbers = SeededNumbers(seed: seed) }

    /// Numbers at the edges of what formats hold.
    private static let edges: [[UInt8]] = [
        [0], [1], [0x7F], [0x80], [0xFF], [0xFF, 0xFF], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF],
        [0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0, 0x80],
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0, 0, 0, 0, 0x80],
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
        [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
        [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    ]

    private static let words = [
        "\"", "\\", "\\u", "\\ud800", "\\ud834\\udd1e", "\\u0000", "{", "}", "[", "]", "[[[[[[",
        ":",
        ",", "null", "true", "-", "-0", "1e999", "0.1e-7", "18446744073709551616", "\"data\":",
        "\"data_base64\":\"AA==\"", "\"datahash\":", "\"time\":\"9999-12-31T23:59:60Z\"",
        "\"time\":\"0000-01-01T00:00:00Z\"", "\"time\":\"2026-02-30T00:00:00+23:59\"",
        "\"schema\":0", "\"tags\":\"b:1 a:1\"", "\u{FEFF}", "é", "e\u{301}", "𝄞", "\r\n", "\u{7F}",
        "\"position\":\"18446744073709551615\"", "\"revision\":\"-1\"",
    ]

    mutating func mutation(
        of samples: [Samples.Sample], for target: Target
    ) -> (value: [UInt8], key: [UInt8]) {
        let sample = samples[Int.random(in: 0..<samples.count, using: &numbers)]
        var value = sample.value
        for _ in 0..<Int.random(in: 1...4, using: &numbers) {
            mutate(&value, samples, isText: target.isText)
        }
        if case .stored(let kind) = target, !numbers.happens(oneIn: 20) { kind.repair(&value) }
        return (value, sample.key)
    }

    /// A place in a value; the first bytes, where lengths and counts stand, come often.
    private mutating func place(in value: [UInt8]) -> Int {
        let end = numbers.happens(oneIn: 3) ? min(64, value.count) : value.count
        return Int.random(in: 0...end, using: &numbers)
    }

    private mutating func mutate(
        _ value: inout [UInt8], _ samples: [Samples.Sample], isText: Bool
    ) {
        let start = place(in: value)
        let end = min(value.count, start + Int.random(in: 0...12, using: &numbers))
        switch Int.random(in: 0..<8, using: &numbers) {
        case 0,
            1 where start < value.count:
            if start < value.count {
                value[start] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
            }
        case 2:
            let edge = edge(isText: isText)
            value.replaceSubrange(start..<min(value.count, start + edge.count), with: edge)
        case 3: value.insert(contentsOf: edge(isText: isText), at: start)
        case 4: value.removeSubrange(start..<end)
        case 5: value.insert(contentsOf: Array(value[start..<end]), at: place(in: value))
        case 6 where numbers.happens(oneIn: 4): value.removeSubrange(start...)
        default:
            // The head of one value and the rest of another.
            let other = samples[Int.random(in: 0..<samples.count, using: &numbers)].value
            if numbers.happens(oneIn: 3) {
                value = Array(value.prefix(start) + other.dropFirst(start))
            } else if start < value.count {
                value[start] = UInt8.random(in: 0...255, using: &numbers)
            }
        }
    }

    private mutating func edge(isText: Bool) -> [UInt8] {
        isText && !numbers.happens(oneIn: 5)
            ? Array(Self.words[Int.random(in: 0..<Self.words.count, using: &numbers)].utf8)
            : Self.edges[Int.random(in: 0..<Self.edges.count, using: &numbers)]
    }
}

extension Target {
    var isText: Bool {
        switch self {
        case .line, .cloudEvent, .json, .stored(.tail): true
        case .stored: false
        }
    }
}

extension StoredValue {
    /// Makes checksums right again, as far as the value is long enough to have them.
    fileprivate func repair(_ value: inout [UInt8]) {
        switch self {
        case .headSlot:
            let content = value.prefix(2_016)
            value = Array(content) + Array(repeating: 0, count: 2_016 - content.count)
            value += Hash(of: value).bytes
        case .block: Self.repair(block: &value)
        case .subframe, .runKey: break
        case .headRecord, .tail, .payload, .hashPage, .timePage, .tile:
            guard value.count > 5 else { return }
            // Known versions mostly, others at times.
            if value[0] > 2 { value[0] = 1 }
            value.removeLast(4)
            value.appendU32(crc32(value.span))
        }
    }

    private static func repair(block value: inout [UInt8]) {
        let header = 14
        guard value.count > header else { return }
        value[0] = 1
        let count = Int(value[1])
        let sum = header - 4 + 13 * count
        guard (1...16).contains(count), value.count >= sum + 4 else { return }
        var start = sum + 4
        for index in 0..<count {
            let entry = header - 4 + 13 * index
            let length = (1...4).reversed().reduce(0) { $0 << 8 | Int(value[entry + $1]) }
            let end = min(value.count, start + length)
            put(crc32(value.span.extracting(start..<end)), at: entry + 9, in: &value)
            start = end
        }
        put(crc32(value.span.extracting(0..<sum)), at: sum, in: &value)
    }

    private static func put(_ number: UInt32, at place: Int, in value: inout [UInt8]) {
        for byte in 0..<4 { value[place + byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) }
    }
}
