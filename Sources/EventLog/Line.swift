internal import Crypto
internal import JSON
internal import Merkle
internal import Storage

/// The canonical text of an event; `Format.md` defines every byte.
///
/// The producer's members come first, then the four that the log sets, then the data, so that
/// everything a producer sent can be compared and hashed before a position is known.
enum Line {
    /// What stands around the values of members.
    enum Text {
        static let start = Array(#"{"specversion":"1.0","id":""#.utf8)
        static let source = Array(#"","source":"#.utf8)
        static let type = Array(#","type":"#.utf8)
        static let subject = Array(#","subject":"#.utf8)
        static let time = Array(#","time":""#.utf8)
        static let schema = Array(#","schema":"#.utf8)
        static let tags = Array(#","tags":"#.utf8)
        static let cause = Array(#","causationid":""#.utf8)
        static let correlation = Array(#","correlationid":""#.utf8)
        static let position = Array(#","position":""#.utf8)
        static let revision = Array(#"","revision":""#.utf8)
        static let recorded = Array(#"","recorded":""#.utf8)
        static let dataHash = Array(#"","datahash":""#.utf8)
        static let data = Array(#","data":"#.utf8)

        /// Bytes of a producer's part beside its texts.
        static let producerBytesMax =
            [start, source, type, subject, time, schema, tags, cause, correlation]
            .reduce(0) { $0 + $1.count } + 3 * EventID.textBytes + Instant.rfc3339BytesMax
            + decimalBytesMax + 3
    }

    /// The line up to and including the producer's last member, without the data.
    static func producerPart(of event: NewEvent, id: EventID) -> [UInt8] {
        let attributes = event.attributes.fragment.utf8Span.span
        let capacity =
            Text.producerBytesMax + stringBytesMax(event.source.text)
            + stringBytesMax(event.type.text) + stringBytesMax(event.stream.text)
            + stringBytesMax(event.tags.joined) + attributes.count
        return [UInt8](capacity: capacity) { line in
            line.append(copying: Text.start.span)
            id.appendText(to: &line)
            line.append(copying: Text.source.span)
            append(string: event.source.text, to: &line)
            line.append(copying: Text.type.span)
            append(string: event.type.text, to: &line)
            line.append(copying: Text.subject.span)
            append(string: event.stream.text, to: &line)
            if let time = event.time {
                line.append(copying: Text.time.span)
                time.appendRFC3339(to: &line)
                line.append(UInt8(ascii: "\""))
            }
            if event.schema != 0 {
                line.append(copying: Text.schema.span)
                appendDecimal(UInt64(event.schema), to: &line)
            }
            if !event.tags.joined.isEmpty {
                line.append(copying: Text.tags.span)
                append(string: event.tags.joined, to: &line)
            }
            if let cause = event.cause { append(cause, behind: Text.cause, to: &line) }
            if let correlation = event.correlation {
                append(correlation, behind: Text.correlation, to: &line)
            }
            line.append(copying: attributes)
        }
    }

    /// Bytes that a JSON string takes at most.
    private static func stringBytesMax(_ text: String) -> Int {
        let bytes = text.utf8Span.span
        // The longest escape has six characters.
        return 2 + (bytes.hasEscapes ? 6 : 1) * bytes.count
    }

    private static func append(string text: String, to line: inout OutputSpan<UInt8>) {
        let bytes = text.utf8Span.span
        if bytes.hasEscapes {
            var escaped: [UInt8] = []
            appendJSONString(text, to: &escaped)
            line.append(copying: escaped.span)
        } else {
            line.append(UInt8(ascii: "\""))
            line.append(copying: bytes)
            line.append(UInt8(ascii: "\""))
        }
    }

    private static func append(
        _ id: EventID, behind member: [UInt8], to line: inout OutputSpan<UInt8>
    ) {
        line.append(copying: member.span)
        id.appendText(to: &line)
        line.append(UInt8(ascii: "\""))
    }

    /// Appends what the tree hashes of an event: what its producer sent, its place and the time of
    /// recording, the hash of its data, and a closing brace.
    static func appendLeaf(
        _ producerPart: [UInt8], _ position: Position, _ revision: Revision, recorded: [UInt8],
        _ dataHash: Hash, to lines: inout [UInt8]
    ) {
        let capacity = producerPart.count + Self.placeBytesMax
        lines.append(addingCapacity: capacity) { line in
            line.append(copying: producerPart.span)
            line.append(copying: Text.position.span)
            appendDecimal(position.value, to: &line)
            line.append(copying: Text.revision.span)
            appendDecimal(revision.value, to: &line)
            line.append(copying: Text.recorded.span)
            line.append(copying: recorded.span)
            line.append(copying: Text.dataHash.span)
            dataHash.appendHex(to: &line)
            line.append(UInt8(ascii: "\""))
            line.append(UInt8(ascii: "}"))
        }
    }

    /// What a leaf has beside the producer's part.
    static let placeBytesMax =
        [Text.position, Text.revision, Text.recorded, Text.dataHash].reduce(0) { $0 + $1.count }
        + 2 * decimalBytesMax + Instant.rfc3339BytesMax + 2 * Hash.byteCount + 2

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
            line.append(contentsOf: Text.data)
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
        var leaf: [UInt8] = []
        Line.appendLeaf(
            producerPart, position, revision, recorded: recorded.rfc3339Bytes, data.hash, to: &leaf)
        return leaf
    }

    /// The canonical line, without a line break at its end.
    package var line: [UInt8] {
        var line = leaf
        line.removeLast()
        Line.appendData(data, to: &line)
        return line
    }
}
