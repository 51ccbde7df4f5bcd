internal import JSON
internal import Merkle

/// What a reader of lines does with the members that a log sets.
package enum LogMembers: Sendable {
    /// They are an error: a producer cannot choose its position.
    case refused
    /// They are dropped, as when the export of one log is appended to another.
    case dropped
}

extension NewEvent {
    /// Reads a CloudEvents 1.0 event in JSON (one object), or a line of an export.
    ///
    /// - Throws: ``EventError`` that names the member and what it should be.
    package init(
        cloudEvent line: ArraySlice<UInt8>, logMembers: LogMembers
    ) throws(EventError) {
        let members = try LineMembers(line)
        switch logMembers {
        case .refused:
            if let member = members.firstLogMember { throw .setByLog(member: member) }
        case .dropped:
            if try members.dataAreRemoved { throw .removedData }
        }
        self = try members.newEvent()
        if try members.string(.datahash) != nil, try members.dataHash() != data.hash {
            throw .dataNotOfHash
        }
    }
}

extension Event {
    /// Reads a canonical line; the inverse of ``line``.
    package init(line bytes: ArraySlice<UInt8>) throws(EventError) {
        let members = try LineMembers(bytes)
        let sent = try members.newEvent()
        guard let id = sent.id else { throw .missing(member: "id") }
        guard let position = try members.number(.position) else {
            throw .missing(member: "position")
        }
        guard let revision = try members.number(.revision) else {
            throw .missing(member: "revision")
        }
        guard let recorded = try members.time(.recorded) else {
            throw .missing(member: "recorded")
        }
        let data = try members.dataAreRemoved ? .removed(members.dataHash()) : sent.data
        self.init(
            position: Position(position), revision: Revision(revision), recorded: recorded,
            id: id, type: sent.type, schema: sent.schema, stream: sent.stream, tags: sent.tags,
            source: sent.source, time: sent.time, cause: sent.cause,
            correlation: sent.correlation, attributes: sent.attributes, data: data)
    }
}

/// A member of a line that means something to the log.
private enum LineMember: Int, CaseIterable {
    case specversion, id, source, type, subject, time, schema, tags, causationid, correlationid
    case data, dataBase64
    // What the log sets, in the order in which it is looked for.
    case datahash, position, recorded, revision

    static let setByLog: [LineMember] = [.datahash, .position, .recorded, .revision]

    private static let names = [
        "specversion", "id", "source", "type", "subject", "time", "schema", "tags", "causationid",
        "correlationid", "data", "data_base64", "datahash", "position", "recorded", "revision",
    ]

    var name: String { Self.names[rawValue] }

    /// The member of this name, or nil for one that the log only keeps.
    init?(_ name: ArraySlice<UInt8>) {
        guard let key = Self.key(name), let place = Self.keys.firstIndex(of: key) else {
            return nil
        }
        self.init(rawValue: place)
    }

    private static let keys = names.compactMap { key(Array($0.utf8)[...]) }

    /// A short name as one number, its length first; nil for longer names than there are.
    private static func key(_ name: ArraySlice<UInt8>) -> UInt128? {
        guard name.count < 16 else { return nil }
        var key = UInt128(name.count)
        for byte in name { key = key << 8 | UInt128(byte) }
        return key
    }
}

/// The members of one line, sorted into those with a meaning and the others.
private struct LineMembers {
    private var known = [JSONValue?](repeating: nil, count: LineMember.allCases.count)
    private var others: [(name: String, value: JSONValue)] = []

    init(_ line: ArraySlice<UInt8>) throws(EventError) {
        do throws(JSONError) {
            try checkJSON(line, depthMax: JSONLimits.depthMax + 1)
        } catch {
            throw .json(error)
        }
        guard let object = JSONPayload(checked: line) else {
            throw .json(JSONError(offset: 0, reason: .notAnObject))
        }
        object.forEachMember { (name: ArraySlice<UInt8>, value: JSONValue) in
            if let member = LineMember(name) {
                // CloudEvents lets an unset attribute be written as null.
                if member == .data || value.kind != .null { known[member.rawValue] = value }
            } else if value.kind != .null {
                others.append((String(decoding: name, as: UTF8.self), value))
            }
        }
    }

    subscript(member: LineMember) -> JSONValue? { known[member.rawValue] }

    var firstLogMember: String? {
        LineMember.setByLog.first { self[$0] != nil }?.name
    }

    func string(_ member: LineMember) throws(EventError) -> String? {
        guard let value = self[member] else { return nil }
        guard let text = value.string else { throw .notAString(member: member.name) }
        return text
    }

    func required(_ member: LineMember) throws(EventError) -> String {
        guard let text = try string(member) else { throw .missing(member: member.name) }
        return text
    }

    func id(_ member: LineMember) throws(EventError) -> EventID? {
        if let plain = self[member]?.plainString, let id = EventID(utf8: plain) { return id }
        guard let text = try string(member) else { return nil }
        guard let id = EventID(text) else { throw .badID(member: member.name, text: text) }
        return id
    }

    func time(_ member: LineMember) throws(EventError) -> Instant? {
        if let plain = self[member]?.plainString, let time = Instant(rfc3339: plain) {
            return time
        }
        guard let text = try string(member) else { return nil }
        guard let time = Instant(rfc3339: text) else {
            throw .badTime(member: member.name, text: text)
        }
        return time
    }

    /// A number that is written as a decimal string.
    func number(_ member: LineMember) throws(EventError) -> UInt64? {
        guard let text = try string(member) else { return nil }
        guard let number = UInt64(text) else { throw .notAString(member: member.name) }
        return number
    }

    func dataHash() throws(EventError) -> Hash {
        guard let hash = Hash(hex: try required(.datahash)) else { throw .badDataHash }
        return hash
    }

    /// Whether the data were taken out: they show as null, but the hash is not that of `null`.
    var dataAreRemoved: Bool {
        get throws(EventError) {
            guard let data = self[.data], data.kind == .null, self[.datahash] != nil else {
                return false
            }
            return try dataHash() != Hash(of: data.bytes)
        }
    }

    func newEvent() throws(EventError) -> NewEvent {
        let version = try required(.specversion)
        guard version == "1.0" else { throw .badSpecVersion(version) }
        return NewEvent(
            id: try id(.id),
            type: try EventType(try required(.type)),
            schema: try schema(),
            stream: try StreamName(try required(.subject)),
            tags: try tags(),
            source: try Source(try required(.source)),
            time: try time(.time),
            cause: try id(.causationid),
            correlation: try id(.correlationid),
            attributes: try Attributes(others),
            data: try data())
    }

    private func schema() throws(EventError) -> UInt16 {
        guard let value = self[.schema] else { return 0 }
        guard let number = value.integer, let schema = UInt16(exactly: number), schema != 0 else {
            throw .badSchema
        }
        return schema
    }

    private func tags() throws(EventError) -> Tags {
        guard let text = try string(.tags) else { return .none }
        return try Tags(joined: text)
    }

    private func data() throws(EventError) -> EventData {
        if let json = self[.data] {
            if self[.dataBase64] != nil { throw .bothDataForms }
            guard json.bytes.count <= EventLimits.dataBytesMax else {
                throw .dataTooLong(bytes: json.bytes.count)
            }
            return .json(onOneLine(json.bytes))
        }
        guard let text = try string(.dataBase64), !text.isEmpty else { return .absent }
        guard let bytes = Base64.decode(text.utf8) else { throw .badBase64 }
        guard bytes.count <= EventLimits.dataBytesMax else {
            throw .dataTooLong(bytes: bytes.count)
        }
        return .bytes(bytes[...])
    }
}

extension Attributes {
    /// Checks names and values, and puts them into their canonical order.
    fileprivate init(_ members: [(name: String, value: JSONValue)]) throws(EventError) {
        guard members.count <= EventLimits.attributesMax else {
            throw .tooManyAttributes(members.count)
        }
        var fragment: [UInt8] = []
        for (name, value) in members.sorted(by: { $0.name < $1.name }) {
            guard Self.isName(name) else { throw .badAttributeName(name) }
            fragment.append(UInt8(ascii: ","))
            appendJSONString(name, to: &fragment)
            fragment.append(UInt8(ascii: ":"))
            if let text = value.string, !text.isEmpty,
                !text.unicodeScalars.contains(where: \.isControl)
            {
                appendJSONString(text, to: &fragment)
            } else if let number = value.integer, let word = Int32(exactly: number) {
                fragment.append(contentsOf: String(word).utf8)
            } else if let truth = value.boolean {
                fragment.append(contentsOf: (truth ? "true" : "false").utf8)
            } else {
                throw .badAttributeValue(name: name)
            }
        }
        guard fragment.count <= EventLimits.attributesBytesMax else {
            throw .attributesTooLong(bytes: fragment.count)
        }
        self.init(stored: String(decoding: fragment, as: UTF8.self))
    }

    private static func isName(_ name: String) -> Bool {
        (1...EventLimits.attributeNameBytesMax).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
    }
}
