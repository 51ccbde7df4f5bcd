package import JSON

/// A type of events that readers here know, in every schema version that it has had.
///
/// One version is written. Those before it stay in logs for ever: their payloads are read as they
/// were declared, and said anew in the words of the version after them, until readers know them.
package protocol KnownType: Sendable {
    /// Its name in the log, such as `contact.received`.
    var type: String { get }
    /// What an event of it says, in a few words.
    var meaning: String { get }
    /// The versions before the one that is written, from the first one on.
    var past: [PastVersion] { get }
}

extension KnownType {
    package var past: [PastVersion] { [] }

    /// The schema version that is written.
    package var schema: UInt16 { UInt16(past.count) + 1 }

    /// Whether readers can read events of a schema version.
    ///
    /// Nobody can of a later one, nor where none is stated, which is 0.
    package func reads(_ schema: UInt16) -> Bool { schema != 0 && schema <= self.schema }

    /// What a payload of a version that is read says, in the version that is written.
    ///
    /// - Precondition: The version is read.
    /// - Throws: ``PayloadError`` where the payload is none of its own version.
    package func upcast(
        _ payload: JSONPayload?, from schema: UInt16
    ) throws(PayloadError) -> JSONPayload? {
        precondition(reads(schema), "version \(schema) of \(type) is not read here")
        var payload = payload
        for version in past.dropFirst(Int(schema) - 1) { payload = try version.upcast(payload) }
        return payload
    }

    /// A reader of a payload of a version that is read.
    ///
    /// - Throws: ``PayloadError`` where the payload is none of its own version.
    func reader(
        of payload: JSONPayload?, in schema: UInt16
    ) throws(PayloadError) -> PayloadReader {
        PayloadReader(type: type, payload: try upcast(payload, from: schema))
    }
}

extension KnownType where Self: RawRepresentable, RawValue == String {
    package var type: String { rawValue }
}

/// An event of one of several types, read as one of them.
package protocol ToldEvent: Sendable {
    associatedtype Kind: KnownType, RawRepresentable<String>

    /// A type or schema version that is not read here.
    static var unknown: Self { get }
    init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError)
}

extension ToldEvent {
    /// Reads an event; other types and later schema versions are ``unknown``.
    ///
    /// Members that are not known are passed over, and `null` counts as absent.
    /// - Throws: ``PayloadError`` where a known type's payload is wrong.
    package init(type: String, schema: UInt16, payload: JSONPayload?) throws(PayloadError) {
        guard let kind = Kind(rawValue: type),
            let event = try Self(kind, schema: schema, payload: payload)
        else {
            self = .unknown
            return
        }
        self = event
    }

    /// Reads an event of a kind that was looked up before: for readers of many events.
    ///
    /// - Returns: Nil where its schema version is none that is read here.
    /// - Throws: ``PayloadError`` where the payload is wrong.
    package init?(
        _ kind: Kind, schema: UInt16, payload: JSONPayload?
    ) throws(PayloadError) {
        guard kind.reads(schema) else { return nil }
        self = try Self.told(kind, by: kind.reader(of: payload, in: schema))
    }

    /// What an event of a kind says, with what events of any kind may say besides.
    static func told(
        _ kind: Kind, by reader: PayloadReader
    ) throws(PayloadError) -> Self {
        let event = try Self(kind, from: reader)
        _ = try OccurredPrecision(from: reader)
        return event
    }
}

/// A schema version that is written no more.
package struct PastVersion: Sendable {
    package let members: [MemberDeclaration]
    /// Says a payload of it in the version after it; the same for the same payload, always.
    let upcast: @Sendable (JSONPayload?) throws(PayloadError) -> JSONPayload?

    /// One of a type of events, declared by what its payloads were.
    init<Past: PastSetting>(_: Past.Type, of type: String) {
        members = Past.members
        upcast = { payload throws(PayloadError) in
            let past = try Past(from: PayloadReader(type: type, payload: payload))
            return JSONPayload(checked: past.next.payload[...])
        }
    }
}

/// A payload of a past version, as it was declared.
protocol PastSetting: Setting {
    associatedtype Next: Setting

    /// What it says, in the version after it.
    ///
    /// What it does not say cannot be known; nothing else than what it says is looked at.
    var next: Next { get }
}
