import EventLog
import Foundation
import JSON
import Storage
import TestSupport

/// Values as a log really stores them, to start from.
struct Samples {
    struct Sample {
        let value: [UInt8]
        let key: [UInt8]
    }

    private var byDatabase: [String: [Sample]] = [:]
    private var slots: [Sample] = []
    private var lines: [Sample] = []

    private static let databases = ["meta", "tail", "blocks", "payloads", "runs", "tiles"]

    /// Makes a log of some blocks and a tail, and takes it apart.
    static func make(seed: UInt64) async throws -> Samples {
        let scratch = try Scratch()
        defer { withExtendedLifetime(scratch) {} }
        let path = scratch.log
        try EventLog.create(at: path, zone: "Europe/Rome")
        var samples = Samples()
        do {
            let log = try EventLog.open(at: path, access: .writing)
            var numbers = SeededNumbers(seed: seed)
            let appends = try (0..<5_000).map { Append([try event($0, using: &numbers)]) }
            _ = try await log.append(each: Array(appends.prefix(4_800)))
            for append in appends.suffix(200) { _ = try await log.append(append) }
            log.close()
            try samples.take(linesOf: log)
        }
        let head = [UInt8](try contents(of: path + "/head"))
        samples.slots = [head.prefix(2_048), head.suffix(2_048)].map {
            Sample(value: Array($0), key: [])
        }
        let environment = try Environment.open(
            in: path, access: .reading, databases: databases, readersMax: 8)
        for database in databases {
            samples.byDatabase[database] = try environment.read { transaction in
                try transaction.withCursor(in: database) { cursor in
                    var found: [Sample] = []
                    var isThere = try cursor.first()
                    while isThere {
                        found.append(
                            cursor.withEntry { key, value in
                                Sample(value: bytes(of: value), key: bytes(of: key))
                            })
                        isThere = try cursor.next()
                    }
                    return found
                }
            }
        }
        return samples
    }

    private static func bytes(of span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

    private mutating func take(linesOf log: EventLog) throws {
        var selection = Selection()
        selection.limit = 300
        try log.read(selection) { event in
            lines.append(Sample(value: event.line, key: []))
            return .next
        }
    }

    func values(for target: Target) throws -> [Sample] {
        func stored(_ database: String) -> [Sample] { byDatabase[database] ?? [] }
        // Kinds of runs: 4 is time, the others are hashes.
        let (times, hashes) = (
            stored("runs").filter { $0.key.first == 4 }, stored("runs").filter { $0.key.first != 4 }
        )
        switch target {
        case .line, .cloudEvent: return lines
        case .json:
            return lines.map { Sample(value: $0.value, key: []) }
        case .stored(.headRecord): return stored("meta")
        case .stored(.headSlot): return slots.filter { $0.value.first != 0 }
        case .stored(.tail): return stored("tail")
        case .stored(.block): return stored("blocks")
        case .stored(.subframe):
            return try stored("blocks").flatMap {
                try StoredValue.subframes(ofBlock: $0.value).map { Sample(value: $0, key: []) }
            }
        case .stored(.payload): return stored("payloads")
        case .stored(.hashPage): return hashes
        case .stored(.timePage): return times
        case .stored(.tile): return stored("tiles")
        case .stored(.runKey): return stored("runs").map { Sample(value: $0.key, key: []) }
        }
    }

    private static func event(
        _ number: Int, using numbers: inout SeededNumbers
    ) throws -> NewEvent {
        let words = #"{"text":"è ≠ \u0041 \n","n":[-1.5e3,0,true,null,{"":{}}],"d":"#
        let data: EventData =
            switch number % 9 {
            case 0: .absent
            case 1: .bytes([0, 1, 255, 10, 13])
            case 2 where number % 27 == 2:
                try .json(checking: Array("\"\(String(repeating: "x", count: 20_000))\"".utf8)[...])
            default: try .json(checking: Array("\(words)\(number)}".utf8)[...])
            }
        let text =
            #"{"specversion":"1.0","type":"a","source":"b","subject":"c","zeta":"é","alpha":true,"#
            + #""beta":-7}"#
        let sent = try NewEvent(cloudEvent: Array(text.utf8)[...], logMembers: .refused)
        return NewEvent(
            id: EventID(high: numbers.next(), low: numbers.next()),
            type: try EventType("fuzz.\(number % 5)"), schema: UInt16(number % 4),
            stream: try StreamName("s/\(number % 70)"),
            tags: try Tags(try (0..<number % 4).map { try Tag("k\($0):\(number % 11)") }),
            source: try Source("urn:fuzz"),
            time: number % 3 == 0 ? nil : Instant(microseconds: Int64(number) * 1_000_003),
            cause: number % 7 == 0 ? EventID(high: 1, low: UInt64(number)) : nil,
            correlation: number % 6 == 0 ? EventID(high: 2, low: 2) : nil,
            attributes: number % 8 == 0 ? sent.attributes : .none, data: data)
    }
}
