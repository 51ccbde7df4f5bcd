package import ContactCentre
package import EventLog
internal import JSON
package import Vault

/// Why an event's personal data cannot be taken in.
package enum SealError: Error, Sendable {
    case payload(PayloadError)
    /// What stands in the event is no subject's reference.
    case badSubject(String)
    case vault(VaultError)
    case event(EventError)
    case log(LogError)
}

extension SealError {
    /// Whether it is about what one event holds, and not about the vault or the log.
    package var isOfValue: Bool {
        switch self {
        case .payload, .badSubject, .event, .vault(.cannotOpen): true
        case .vault, .log: false
        }
    }
}

extension SealError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .payload(let error): "\(error)"
        case .badSubject(let text):
            "what has \(text.utf8.count) bytes is no reference of a subject, which has 32 "
                + "hexadecimal digits"
        case .vault(let error): "\(error)"
        case .event(let error): "\(error)"
        case .log(let error): "\(error)"
        }
    }
}

/// Seals the personal data of events on their way into the log, and opens what was sealed.
package struct PersonalSeal: Sendable {
    private let log: EventLog
    private let vault: KeyStore

    package init(_ vault: KeyStore, of log: EventLog) {
        self.vault = vault
        self.log = log
    }

    /// The event as the log keeps it: its personal members sealed under the subject's key, in one
    /// value, and with a tag by which all events of the subject are found.
    ///
    /// The same event gives the same bytes, so that a retry stays one, also when the subject was
    /// erased meanwhile: then the value is taken that the log has. Events without personal data
    /// come back as they are.
    package func sealed(_ event: NewEvent) throws(SealError) -> NewEvent {
        guard let fields = PersonalFields.of(type: event.type.text),
            case .json = event.data
        else { return event }
        let (reference, part) = try Self.part(of: event, fields)
        guard let reference else { return event }
        guard let subject = SubjectRef(reference) else { throw .badSubject(reference) }
        var sealed = event
        let id = event.id ?? .timeOrdered(at: log.clock.now)
        sealed.id = id
        do throws(EventError) { sealed.tags = try event.tags.adding(try .of(subject)) } catch {
            throw .event(error)
        }
        switch part {
        case .none, .named: break
        case .clear(_, let texts):
            let value = try value(
                of: Self.text(of: texts), in: event.place(id, subject), fields, known: id)
            sealed.data = try event.data(replacing: fields.members, by: value)
        case .sealed(_, let text): try require(text, in: event.place(id, subject), fields)
        }
        return sealed
    }

    /// The event without what would be sealed, for one who only looks whether it can be.
    package static func withoutPersonalMembers(
        _ event: NewEvent
    ) throws(SealError) -> NewEvent {
        guard let fields = PersonalFields.of(type: event.type.text), case .json = event.data
        else { return event }
        guard case (_, .clear) = try part(of: event, fields) else { return event }
        var bare = event
        bare.data = try event.data(replacing: fields.members, by: nil)
        return bare
    }

    /// Refuses what was sealed elsewhere and can be seen to be no sealed value of this event.
    private func require(
        _ text: String, in place: SealedPlace, _ fields: PersonalFields
    ) throws(SealError) {
        try vaulting { () throws(VaultError) in
            guard let value = SealedValue(text) else {
                throw .cannotOpen("it is no sealed value")
            }
            let retention = try RetentionClass(fields.retention)
            switch try vault.holding(of: place.subject, for: retention) {
            case .never, .erased: return
            case .key(let key), .laterKey(let key):
                if key.id == value.key { _ = try key.open(value, at: place) }
            }
        }
    }

    /// What the log has of a retried event where its key is gone, else the text sealed now.
    private func value(
        of text: [UInt8], in place: SealedPlace, _ fields: PersonalFields, known id: EventID
    ) throws(SealError) -> String {
        let holding = try vaulting { () throws(VaultError) in
            try vault.holding(of: place.subject, for: RetentionClass(fields.retention))
        }
        let key: DataKey
        switch holding {
        case .never: throw .vault(.noSubject(place.subject))
        case .key(let first): key = first
        case .erased:
            if let value = try knownValue(of: id) { return value }
            throw .vault(.erased(place.subject))
        case .laterKey(let later):
            if let value = try knownValue(of: id) { return value }
            key = later
        }
        return key.seal(text, for: place).text
    }

    /// The personal part, and of whom it tells; nobody where there is none.
    private static func part(
        of event: NewEvent, _ fields: PersonalFields
    ) throws(SealError) -> (subject: String?, PersonalPart) {
        do throws(PayloadError) {
            let part = try fields.part(of: event.data.object, type: event.type.text)
            return switch part {
            case .none: (nil, part)
            case .named(let subject), .clear(let subject, _), .sealed(let subject, _):
                (subject, part)
            }
        } catch {
            throw .payload(error)
        }
    }

    /// The clear text: the members as one JSON object, in the order in which they are declared.
    private static func text(of members: [(member: String, text: String)]) -> [UInt8] {
        Array(JSONNode.object(members.map { ($0.member, .text($0.text)) }).json.utf8)
    }

    /// What the log keeps of the event already, where it has it.
    private func knownValue(of id: EventID) throws(SealError) -> String? {
        do throws(LogError) {
            return try log.event(withID: id)?.data.object?.string(PersonalFields.sealedMember)
        } catch {
            throw .log(error)
        }
    }
}

private func vaulting<Result>(
    _ body: () throws(VaultError) -> Result
) throws(SealError) -> Result {
    do throws(VaultError) { return try body() } catch { throw .vault(error) }
}

/// What can be read of an event's personal data.
package enum PersonalText: Equatable, Sendable {
    /// There are none.
    case none
    case open([(member: String, text: String)])
    /// The subject's data were erased.
    case erased(SubjectRef)
    /// The vault has never had the key, as in a copy of the log elsewhere.
    case closed(SubjectRef)

    package static func == (left: PersonalText, right: PersonalText) -> Bool {
        switch (left, right) {
        case (.none, .none): true
        case (.open(let left), .open(let right)):
            left.map(\.member) == right.map(\.member) && left.map(\.text) == right.map(\.text)
        case (.erased(let left), .erased(let right)), (.closed(let left), .closed(let right)):
            left == right
        default: false
        }
    }
}

extension KeyStore {
    /// Opens an event's personal data, as far as there is a key.
    /// - Throws: ``SealError`` where what stands there was altered, or moved from another event.
    package func open(_ event: Event) throws(SealError) -> PersonalText {
        guard let fields = PersonalFields.of(type: event.type.text),
            let payload = event.data.object
        else { return .none }
        let part: PersonalPart
        do throws(PayloadError) {
            part = try fields.part(of: payload, type: event.type.text)
        } catch {
            throw .payload(error)
        }
        guard case .sealed(let reference, let text) = part else { return .none }
        guard let subject = SubjectRef(reference) else { throw .badSubject(reference) }
        guard let value = SealedValue(text) else {
            throw .vault(.cannotOpen("it is no sealed value"))
        }
        do throws(VaultError) {
            let retention = try RetentionClass(fields.retention)
            switch try holding(of: subject, for: retention) {
            case .never: return .closed(subject)
            case .erased: return .erased(subject)
            case .key(let key), .laterKey(let key):
                // What an earlier key has sealed was erased with it.
                guard key.id == value.key else { return .erased(subject) }
                return .open(try Self.members(of: key.open(value, at: event.place(subject))))
            }
        } catch {
            throw .vault(error)
        }
    }

    private static func members(
        of clear: [UInt8]
    ) throws(VaultError) -> [(member: String, text: String)] {
        guard (try? checkJSON(clear[...])) != nil, let payload = JSONPayload(checked: clear[...])
        else { throw .cannotOpen("it holds no members") }
        var members: [(member: String, text: String)] = []
        payload.forEachMember { name, value in members.append((name, value.string ?? "")) }
        return members
    }
}

extension EventLog {
    /// All events with personal data of a subject, in their order.
    func forEachEvent(
        of subject: SubjectRef, from first: Position = Position(0),
        _ visit: (Event) throws -> ReadStep
    ) throws {
        var selection = Selection()
        selection.from = first
        selection.tags = [try .of(subject)]
        try read(selection, visit)
    }
}

extension Tag {
    /// By which the events of a subject are found.
    static func of(_ subject: SubjectRef) throws(EventError) -> Tag {
        try Tag("subject:\(subject)")
    }
}

extension Tags {
    fileprivate func adding(_ tag: Tag) throws(EventError) -> Tags {
        if contains(tag) { return self }
        var tags = [tag]
        for text in texts { tags.append(try Tag(String(text))) }
        return try Tags(tags)
    }
}

extension NewEvent {
    fileprivate func place(_ id: EventID, _ subject: SubjectRef) -> SealedPlace {
        SealedPlace(
            id: id.bytes, type: type.text, schema: schema, stream: stream.text,
            source: source.text, subject: subject, path: PersonalFields.sealedMember)
    }

    /// The data with one member in the place of others, or none; all else stays byte for byte.
    fileprivate func data(
        replacing members: [String], by value: String?
    ) throws(SealError) -> EventData {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        data.object?.forEachMember { name, kept in
            guard !members.contains(name) else { return }
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            appendJSONString(name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            bytes += kept.bytes
        }
        if let value {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            appendJSONString(PersonalFields.sealedMember, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            appendJSONString(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        do throws(EventError) { return try .json(checking: bytes[...]) } catch {
            throw .event(error)
        }
    }
}

extension Event {
    fileprivate func place(_ subject: SubjectRef) -> SealedPlace {
        SealedPlace(
            id: id.bytes, type: type.text, schema: schema, stream: stream.text,
            source: source.text, subject: subject, path: PersonalFields.sealedMember)
    }
}

extension EventID {
    fileprivate var bytes: [UInt8] {
        [high, low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
    }
}
