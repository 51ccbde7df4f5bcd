package import EventLog
internal import JSON

/// Events whose CloudEvents line, without a line break, has 256 bytes, each a contact's.
///
/// Ids are random UUIDs of version 4, and five events in a row of one producer are of one stream.
package struct SizedEvents {
    /// Bytes of one line as its producer sends it: what the raw baseline stores, and all that is
    /// handed to the log, which adds position, revision, time of recording and data hash.
    package static let lineBytes = 256

    private var numbers: SeededNumbers
    private let seed: UInt64
    private var made = 0
    private static let eventsOfStream = 5

    package init(seed: UInt64) {
        self.seed = seed
        numbers = SeededNumbers(seed: seed)
    }

    /// The same events twice: as values for the log, and as lines one behind the other.
    package mutating func next(_ count: Int) throws -> (events: [NewEvent], lines: [UInt8]) {
        var events: [NewEvent] = []
        var lines: [UInt8] = []
        events.reserveCapacity(count)
        lines.reserveCapacity(count * Self.lineBytes)
        for _ in 0..<count {
            let line = line()
            events.append(try NewEvent(cloudEvent: line[...], logMembers: .refused))
            lines.append(contentsOf: line)
        }
        return (events, lines)
    }

    private mutating func line() -> [UInt8] {
        let id = EventID.random(using: &numbers)
        let stream = "contact/\(String(seed, radix: 16))-\(made / Self.eventsOfStream)"
        let second = made % 60
        made += 1
        var line = Array(
            #"{"specversion":"1.0","id":"\#(id)","source":"urn:ascolto:synthetic:bench""#.utf8)
        line.append(
            contentsOf: #","type":"contact.received","subject":"\#(stream)""#.utf8)
        line.append(
            contentsOf: #","time":"2026-03-02T09:00:\#(padded(second, to: 2))Z","schema":1"#.utf8)
        line.append(contentsOf: #","data":{"channel":"phone","direction":"in","note":""#.utf8)
        let end = Array(#""}}"#.utf8)
        precondition(line.count + end.count <= Self.lineBytes, "the line has room for its data")
        while line.count + end.count < Self.lineBytes {
            line.append(Self.digits[numbers.below(16)])
        }
        return line + end
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
