internal import JSON
internal import Storage

/// The facts of all contacts of a replay, in some thirty bytes each.
///
/// They come in segments, each with the names of its own book. A contact whose facts change
/// afterwards is kept beside them, unpacked: these are the few that outlast their segment.
struct ContactArchive: Sendable {
    private var segments: [Segment] = []
    /// Number of the first contact of each segment.
    private var starts: [Int] = []
    private var count = 0
    /// Number plus one of the contact whose stream's fingerprint leads here; a power of two.
    private var slots: [UInt32]
    private var changed: [Int: ContactFacts] = [:]

    private struct Segment: Sendable {
        let contacts: PackedContacts
        let names: NameBook.Translation
    }

    /// An archive with room for so many contacts before it grows.
    init(expecting contacts: Int) {
        var size = 1_024
        while size < 2 * contacts { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
    }

    /// Takes in contacts of which none is known yet.
    mutating func add(_ contacts: PackedContacts, _ names: NameBook.Translation) {
        starts.append(count)
        segments.append(Segment(contacts: contacts, names: names))
        count += contacts.fingerprints.count
        while 2 * count > slots.count { grow() }
        for (index, fingerprint) in contacts.fingerprints.enumerated() {
            insert(fingerprint, number: count - contacts.fingerprints.count + index)
        }
    }

    /// The facts of a contact, or nil where it is not known.
    func facts(of stream: Fingerprint) -> ContactFacts? {
        guard let number = find(stream) else { return nil }
        if let facts = changed[number] { return facts }
        let (segment, index) = place(number)
        return segments[segment].contacts.facts(index, segments[segment].names)
    }

    /// Keeps the facts of a contact that is known.
    mutating func replace(_ facts: ContactFacts, of stream: Fingerprint) {
        if let number = find(stream) { changed[number] = facts }
    }

    private func place(_ number: Int) -> (segment: Int, index: Int) {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= number { low = middle } else { high = middle }
        }
        return (low, number - starts[low])
    }

    private func find(_ stream: Fingerprint) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: stream.low) & mask
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            let (segment, index) = place(number)
            if segments[segment].contacts.fingerprints[index] == stream { return number }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func insert(_ fingerprint: Fingerprint, number: Int) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: fingerprint.low) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(number + 1)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: 2 * slots.count)
        for (start, segment) in zip(starts, segments.dropLast()) {
            for (index, fingerprint) in segment.contacts.fingerprints.enumerated() {
                insert(fingerprint, number: start + index)
            }
        }
    }
}

/// The facts of the contacts of one segment as bytes.
struct PackedContacts: Sendable {
    private(set) var fingerprints: [Fingerprint] = []
    private var bytes: [UInt8] = []
    private var starts: [UInt32] = []

    init() {}

    /// With room for so many contacts until it is trimmed.
    init(expecting contacts: Int) {
        fingerprints.reserveCapacity(contacts)
        starts.reserveCapacity(contacts)
        bytes.reserveCapacity(Self.bytesOfContact * contacts)
    }

    /// About how many bytes a contact takes.
    private static let bytesOfContact = 32

    mutating func append(_ facts: ContactFacts, of stream: Fingerprint) {
        fingerprints.append(stream)
        starts.append(UInt32(bytes.count))
        let numbers = 6 + 4 * facts.visits.count + 6 * facts.connections.count
        bytes.append(addingCapacity: numbers * Self.bytesOfNumberMax) { output in
            Self.append(facts, to: &output)
        }
    }

    /// A variable number, and a byte before it that tells a moment's kind.
    private static let bytesOfNumberMax = 11

    private static func append(_ facts: ContactFacts, to output: inout OutputSpan<UInt8>) {
        var last: Int64 = 0
        output.append(UInt8(facts.gaveUpInSelfService.rawValue))
        append(facts.zone, to: &output)
        append(facts.queue, to: &output)
        append(facts.received, after: &last, to: &output)
        output.append(varint: UInt64(facts.visits.count))
        for visit in facts.visits {
            append(visit.queue, to: &output)
            output.append(UInt8(visit.ending?.rawValue ?? 0) | bit(visit.timing))
            append(visit.queued, after: &last, to: &output)
            append(visit.left, after: &last, to: &output)
        }
        output.append(varint: UInt64(facts.connections.count))
        for connection in facts.connections {
            output.append(varint: UInt64(connection.visit))
            output.append(bit(connection.timing))
            append(connection.operator, to: &output)
            append(connection.connected, after: &last, to: &output)
            append(connection.disconnected, after: &last, to: &output)
            append(connection.afterWorkEnded, after: &last, to: &output)
        }
    }

    /// The inverse of ``append(_:of:)``.
    func facts(_ index: Int, _ names: NameBook.Translation) -> ContactFacts {
        let end = index + 1 < starts.count ? Int(starts[index + 1]) : bytes.count
        var reader = ByteReader(bytes.span.extracting(Int(starts[index])..<end))
        do throws(MalformedBytes) {
            return try ContactFacts(&reader, names)
        } catch {
            preconditionFailure("facts are read as they were packed")
        }
    }

    /// The same without room for more.
    var trimmed: PackedContacts {
        var trimmed = PackedContacts()
        trimmed.fingerprints.reserveCapacity(fingerprints.count)
        trimmed.fingerprints += fingerprints
        trimmed.starts.reserveCapacity(starts.count)
        trimmed.starts += starts
        trimmed.bytes = [UInt8](copying: bytes.span)
        return trimmed
    }

    /// A bit that no ending has.
    fileprivate static let coarse: UInt8 = 1 << 7

    private static func bit(_ timing: Timing) -> UInt8 { timing == .coarse ? coarse : 0 }

    /// Zero for none, or one more than the name's number.
    private static func append(_ name: Name?, to output: inout OutputSpan<UInt8>) {
        output.append(varint: name.map { UInt64($0.number) + 1 } ?? 0)
    }

    /// Zero for none, or the step from the last moment as a signed number, made greater than zero.
    private static func append(
        _ moment: Instant?, after last: inout Int64, to output: inout OutputSpan<UInt8>
    ) {
        guard let moment else {
            output.append(0)
            return
        }
        // Whole seconds are the rule, and then the step in seconds is shorter.
        let step = moment.microseconds &- last
        let isWhole = step % 1_000_000 == 0
        output.append(isWhole ? 1 : 2)
        output.append(signedVarint: isWhole ? step / 1_000_000 : step)
        last = moment.microseconds
    }
}

extension ContactFacts {
    fileprivate init(
        _ reader: inout ByteReader, _ names: NameBook.Translation
    ) throws(MalformedBytes) {
        var last: Int64 = 0
        gaveUpInSelfService = SelfServiceEnd(rawValue: Int64(try reader.u8())) ?? .other
        zone = try reader.name(names)
        queue = try reader.name(names)
        received = try reader.moment(after: &last)
        for _ in 0..<(try reader.varint()) {
            guard let queue = try reader.name(names) else {
                throw MalformedBytes(offset: reader.offset)
            }
            var visit = Visit(queue: queue)
            let end = try reader.u8()
            visit.ending = Ending(rawValue: Int64(end & ~PackedContacts.coarse))
            visit.timing = end & PackedContacts.coarse == 0 ? .fine : .coarse
            visit.queued = try reader.moment(after: &last)
            visit.left = try reader.moment(after: &last)
            visits.append(visit)
        }
        for _ in 0..<(try reader.varint()) {
            let number = Int(try reader.varint())
            let timing: Timing = try reader.u8() == 0 ? .fine : .coarse
            let name = try reader.name(names)
            guard let connected = try reader.moment(after: &last) else {
                throw MalformedBytes(offset: reader.offset)
            }
            var connection = Connection(visit: number, operator: name, connected: connected)
            connection.disconnected = try reader.moment(after: &last)
            connection.afterWorkEnded = try reader.moment(after: &last)
            connection.timing = timing
            connections.append(connection)
        }
    }
}

extension ByteReader {
    fileprivate mutating func name(
        _ names: NameBook.Translation
    ) throws(MalformedBytes) -> Name? {
        let number = try varint()
        return number == 0 ? nil : names(Name(number: Int32(number - 1)))
    }

    fileprivate mutating func moment(after last: inout Int64) throws(MalformedBytes) -> Instant? {
        let form = try u8()
        guard form != 0 else { return nil }
        last &+= try signedVarint() &* (form == 1 ? 1_000_000 : 1)
        return Instant(microseconds: last)
    }
}
