internal import Crypto
internal import JSON
internal import Merkle

/// The canonical text of an event; `Format.md` defines every byte.
///
/// The producer's members come first, then the four that the log sets, then the data, so that
/// everything a producer sent can be compared and hashed before a position is known.
enum Line {
    /// Members that the log sets.
    static let logMembers: Set<String> = ["position", "revision", "recorded", "datahash"]

    /// Members with a meaning of their own; no other attribute may have such a name.
    static let reservedMembers: Set<String> = logMembers.union([
        "specversion", "id", "source", "type", "subject", "time", "schema", "tags",
        "causationid", "correlationid", "data", "data_base64",
    ])

    /// The line up to and including the producer's last member, without the data.
    static func producerPart(of event: NewEvent, id: EventID) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(384)
        line.append(contentsOf: #"{"specversion":"1.0","id":""#.utf8)
        id.appendText(to: &line)
        line.append(contentsOf: #"","source":"#.utf8)
        appendJSONString(event.source.text, to: &line)
        line.append(contentsOf: #","type":"#.utf8)
        appendJSONString(event.type.text, to: &line)
        line.append(contentsOf: #","subject":"#.utf8)
        appendJSONString(event.stream.text, to: &line)
        if let time = event.time {
            line.append(contentsOf: #","time":""#.utf8)
            line.append(contentsOf: time.rfc3339Bytes)
            line.append(UInt8(ascii: "\""))
        }
        if event.schema != 0 {
            line.append(contentsOf: #","schema":"#.utf8)
            line.append(contentsOf: String(event.schema).utf8)
        }
        if !event.tags.joined.isEmpty {
            line.append(contentsOf: #","tags":"#.utf8)
            appendJSONString(event.tags.joined, to: &line)
        }
        if let cause = event.cause { appendID(cause, member: "causationid", to: &line) }
        if let correlation = event.correlation {
            appendID(correlation, member: "correlationid", to: &line)
        }
        line.append(contentsOf: event.attributes.fragment.utf8)
        return line
    }

    /// What the log adds to the producer's part: the place and the time of recording.
    static func appendPlace(
        _ position: Position, _ revision: Revision, _ recordedText: [UInt8],
        to line: inout [UInt8]
    ) {
        line.append(contentsOf: #","position":""#.utf8)
        appendDecimal(position.value, to: &line)
        line.append(contentsOf: #"","revision":""#.utf8)
        appendDecimal(revision.value, to: &line)
        line.append(contentsOf: #"","recorded":""#.utf8)
        line.append(contentsOf: recordedText)
        line.append(UInt8(ascii: "\""))
    }

    static func appendDataHash(_ hash: Hash, to line: inout [UInt8]) {
        line.append(contentsOf: #","datahash":""#.utf8)
        hash.appendHex(to: &line)
        line.append(UInt8(ascii: "\""))
    }

    static func appendDecimal(_ number: UInt64, to line: inout [UInt8]) {
        line.append(addingCapacity: decimalBytesMax) { appendDecimal(number, to: &$0) }
    }

    /// Appends up to ``decimalBytesMax`` bytes to `output`, which must have room for them.
    static func appendDecimal(_ number: UInt64, to output: inout OutputSpan<UInt8>) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var (rest, count) = (number, 0)
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            digits[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            rest = quotient
            count += 1
        } while rest > 0
        for index in (0..<count).reversed() { output.append(digits[index]) }
    }

    /// Digits of the greatest number of 64 bits.
    static let decimalBytesMax = 20

    /// The last member and the closing brace, without a line break.
    static func appendData(_ data: EventData, to line: inout [UInt8]) {
        switch data {
        case .json(let bytes):
            line.append(contentsOf: #","data":"#.utf8)
            line.append(contentsOf: bytes)
        case .bytes(let bytes):
            line.append(contentsOf: #","data_base64":""#.utf8)
            line.append(contentsOf: Base64.encode(bytes))
            line.append(UInt8(ascii: "\""))
        case .absent: line.append(contentsOf: #","data_base64":"""#.utf8)
        case .removed: line.append(contentsOf: #","data":null"#.utf8)
        }
        line.append(UInt8(ascii: "}"))
    }

    private static func appendID(_ id: EventID, member: String, to line: inout [UInt8]) {
        line.append(contentsOf: ",\"\(member)\":\"".utf8)
        id.appendText(to: &line)
        line.append(UInt8(ascii: "\""))
    }
}

extension EventData {
    /// SHA-256 of the data bytes; of no bytes where the data are absent.
    var hash: Hash {
        switch self {
        case .json(let bytes), .bytes(let bytes): Hash(hashing: bytes.span)
        case .absent: Tree.emptyRoot
        case .removed(let hash): hash
        }
    }

    /// Bytes that the data take.
    var byteCount: Int { content?.count ?? 0 }
}

extension Event {
    /// What the producer sent, without the data.
    package var producerPart: [UInt8] {
        Line.producerPart(of: asSent, id: id)
    }

    /// The event as its producer sent it.
    var asSent: NewEvent {
        NewEvent(
            id: id, type: type, schema: schema, stream: stream, tags: tags, source: source,
            time: time, cause: cause, correlation: correlation, attributes: attributes, data: data)
    }

    /// The bytes that the tree hashes: the line up to the data hash, and a closing brace.
    package var leaf: [UInt8] {
        var leaf = partBeforeData
        leaf.append(UInt8(ascii: "}"))
        return leaf
    }

    /// The canonical line, without a line break at its end.
    package var line: [UInt8] {
        var line = partBeforeData
        Line.appendData(data, to: &line)
        return line
    }

    private var partBeforeData: [UInt8] {
        var line = producerPart
        Line.appendPlace(position, revision, recorded.rfc3339Bytes, to: &line)
        Line.appendDataHash(data.hash, to: &line)
        return line
    }
}
