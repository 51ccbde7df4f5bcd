internal import EventLog
internal import Foundation
internal import JSON

/// An event on its way through the spool, with what it is sorted by.
struct SpooledEvent: Equatable {
    let type: EventType
    let schema: UInt16
    let id: EventID
    let time: Instant?
    let stream: StreamName
    let tags: Tags
    /// JSON that was checked or written by us.
    let data: [UInt8]
    /// Its place among events of the same latest time; one byte.
    var rank: UInt8 = 0
    /// The latest time of the life cycle up to this event.
    let latest: Instant?

    /// Whether an earlier event of the life cycle has a later time.
    var isBackward: Bool {
        guard let time, let latest else { return false }
        return time < latest
    }
}

/// Events that wait on disk for their place in the order of an import.
///
/// In memory it keeps 16 bytes for each event. The file has no name from the start, so that
/// nothing is left of it however the import ends.
final class EventSpool {
    private let file: FileHandle
    private let directory: String
    private let source: Source
    /// The types met so far; a record names its type by the place in this list.
    private var types: [EventType] = []
    private var placeOfType: [EventType: Int] = [:]
    /// Bytes that are not in the file yet.
    private var waiting: [UInt8] = []
    private var bytesInFile: UInt64 = 0
    private var order: [Entry] = []
    /// A part of the file, since neighbours in the order mostly are neighbours in the file.
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0

    private static let writeBytes = 1 << 20
    /// Some seven events: files that are not in order of time cost one window for each event.
    private static let windowBytes = 1 << 10
    /// The low bits of ``Entry/rankAndOffset``.
    private static let offsetBits: UInt64 = 56

    /// The sort key of an event and where the event lies.
    ///
    /// Offsets grow with file and row, so after time and rank they order by these.
    private struct Entry: Comparable {
        /// Microseconds; the least of all where no event of the row has had a time yet.
        let latest: Int64
        let rankAndOffset: UInt64

        static func < (left: Entry, right: Entry) -> Bool {
            (left.latest, left.rankAndOffset) < (right.latest, right.rankAndOffset)
        }
    }

    /// - Parameters:
    ///   - directory: Takes the file.
    ///   - source: Which system says so, in every event.
    /// - Throws: ``IntakeError/scratch(directory:reason:)``.
    init(directory: String, source: Source) throws(IntakeError) {
        self.directory = directory
        self.source = source
        let path = "\(directory)/import-\(ProcessInfo.processInfo.globallyUniqueString).tmp"
        guard
            FileManager.default.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forUpdatingAtPath: path)
        else {
            throw .scratch(directory: directory, reason: "the directory cannot be written")
        }
        self.file = file
        do { try FileManager.default.removeItem(atPath: path) } catch {
            throw .scratch(directory: directory, reason: "\(error)")
        }
    }

    var count: Int { order.count }

    /// Sets an event of one row aside.
    func add(_ event: SpooledEvent, of row: RowPlace) throws(IntakeError) {
        let offset = bytesInFile + UInt64(waiting.count)
        order.append(
            Entry(
                latest: event.latest?.microseconds ?? .min,
                rankAndOffset: UInt64(event.rank) << Self.offsetBits | offset))
        var record: [UInt8] = []
        appendNumber(UInt64(row.file), to: &record)
        appendNumber(UInt64(row.line), to: &record)
        appendNumber(UInt64(place(of: event.type)), to: &record)
        appendNumber(UInt64(event.schema), to: &record)
        appendNumber(event.id.high, to: &record)
        appendNumber(event.id.low, to: &record)
        // Zero stands for no time, so times are counted from one before the first possible.
        let sinceEarliest = event.time.map { $0.microseconds - Instant.earliest.microseconds + 1 }
        appendNumber(UInt64(sinceEarliest ?? 0), to: &record)
        for text in [Array(event.stream.text.utf8), Array(event.tags.joined.utf8), event.data] {
            appendNumber(UInt64(text.count), to: &record)
            record += text
        }
        appendNumber(UInt64(record.count), to: &waiting)
        waiting += record
        if waiting.count >= Self.writeBytes { try flush() }
    }

    /// Puts the events in order: latest time so far, rank in the life cycle, file, row.
    func sort() throws(IntakeError) {
        try flush()
        order.sort()
    }

    /// The event at this place of the order, and the row that it comes from.
    func event(at index: Int) throws(IntakeError) -> (event: NewEvent, row: RowPlace) {
        let entry = order[index]
        let offset = entry.rankAndOffset & (1 << Self.offsetBits - 1)
        var record = try record(at: offset)
        let row = RowPlace(
            file: Int(try number(&record)), line: Int(try number(&record)))
        let type = types[Int(try number(&record))]
        let schema = UInt16(try number(&record))
        let id = EventID(high: try number(&record), low: try number(&record))
        let sinceEarliest = Int64(bitPattern: try number(&record))
        let time =
            sinceEarliest == 0
            ? nil : Instant(microseconds: sinceEarliest - 1 + Instant.earliest.microseconds)
        let stream = String(decoding: try bytes(&record), as: UTF8.self)
        let tags = String(decoding: try bytes(&record), as: UTF8.self)
        let data = Array(try bytes(&record))
        do throws(EventError) {
            let event = NewEvent(
                id: id, type: type, schema: schema, stream: try StreamName(stream),
                tags: tags.isEmpty ? .none : try Tags(joined: tags), source: source, time: time,
                data: .json(data[...]))
            return (event, row)
        } catch {
            throw .scratch(directory: directory, reason: "\(error)")
        }
    }

    private func place(of type: EventType) -> Int {
        if let place = placeOfType[type] { return place }
        types.append(type)
        placeOfType[type] = types.count - 1
        return types.count - 1
    }

    // MARK: - Bytes

    private func flush() throws(IntakeError) {
        do { try file.write(contentsOf: Data(waiting)) } catch {
            throw .scratch(directory: directory, reason: "\(error)")
        }
        bytesInFile += UInt64(waiting.count)
        waiting.removeAll(keepingCapacity: true)
    }

    /// The bytes of the record that begins with its length at `offset`.
    private func record(at offset: UInt64) throws(IntakeError) -> ArraySlice<UInt8> {
        var available = window(from: offset)
        if available.count < 10 {
            try load(from: offset, count: Self.windowBytes)
            available = window(from: offset)
        }
        let start = available.startIndex
        let count = Int(try number(&available))
        if available.count < count {
            let header = available.startIndex - start
            try load(from: offset, count: max(Self.windowBytes, header + count))
            available = window[header...]
        }
        guard available.count >= count else { throw damaged }
        return available.prefix(count)
    }

    private func window(from offset: UInt64) -> ArraySlice<UInt8> {
        guard offset >= windowStart, offset - windowStart < UInt64(window.count) else { return [] }
        return window[Int(offset - windowStart)...]
    }

    private func load(from offset: UInt64, count: Int) throws(IntakeError) {
        do {
            try file.seek(toOffset: offset)
            window = try [UInt8](file.read(upToCount: count) ?? Data())
        } catch {
            throw .scratch(directory: directory, reason: "\(error)")
        }
        windowStart = offset
    }

    private var damaged: IntakeError {
        .scratch(directory: directory, reason: "the file lost what was written to it")
    }

    private func number(_ bytes: inout ArraySlice<UInt8>) throws(IntakeError) -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
            shift += 7
        }
        throw damaged
    }

    private func bytes(_ record: inout ArraySlice<UInt8>) throws(IntakeError) -> ArraySlice<UInt8> {
        let count = Int(try number(&record))
        guard count <= record.count else { throw damaged }
        defer { record.removeFirst(count) }
        return record.prefix(count)
    }
}

/// Where a row comes from: the place of its file in the import, and its line.
struct RowPlace: Hashable {
    let file: Int
    let line: Int
}

/// Appends seven bits a byte, the lowest first; the high bit says that more follow.
private func appendNumber(_ number: UInt64, to bytes: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
    }
    bytes.append(UInt8(rest))
}
