package import JSON

/// Reads the members of a payload or writes them, by one and the same declaration.
package struct MemberExchange {
    /// Nil while it writes.
    ///
    /// An object, since whoever writes would copy and destroy all that a reader has for each thing
    /// that is written.
    private let source: Source?
    private(set) var writer = PayloadWriter()

    private final class Source {
        let reader: PayloadReader

        init(_ reader: PayloadReader) { self.reader = reader }
    }

    init(reading reader: PayloadReader) { source = Source(reader) }

    init(writingTo writer: consuming PayloadWriter) {
        source = nil
        self.writer = writer
    }

    mutating func required<Value>(
        _ member: String, _ form: MemberForm<Value>, _ value: inout Value
    ) throws(PayloadError) {
        if let reader = source?.reader {
            value = try reader.required(member, form)
        } else {
            writer.add(member, form.write(value))
        }
    }

    /// A member that may be left out.
    mutating func optional<Value>(
        _ member: String, _ form: MemberForm<Value>, _ value: inout Value?
    ) throws(PayloadError) {
        if let reader = source?.reader {
            value = try reader.optional(member, form)
        } else if let value {
            writer.add(member, form.write(value))
        }
    }

    /// A member that is left out where it holds nothing.
    mutating func filled<Values: Collection>(
        _ member: String, _ form: MemberForm<Values>, _ values: inout Values
    ) throws(PayloadError) {
        if let reader = source?.reader {
            values = try reader.optional(member, form) ?? form.blank
        } else if !values.isEmpty {
            writer.add(member, form.write(values))
        }
    }

    /// A list of objects, left out where it is empty.
    mutating func objects<Element: Setting>(
        _ member: String, _ elements: inout [Element]
    ) throws(PayloadError) {
        if let reader = source?.reader {
            elements = try Element.list(member, of: reader)
        } else if !elements.isEmpty {
            writer.add(member, elements) { element, writer in element.write(to: &writer) }
        }
    }
}

/// What is settled about a thing, as the payload of an event tells it.
package protocol Setting: Sendable {
    /// One of which nothing is settled yet.
    init()
    /// Reads all members, or writes them.
    ///
    /// The first of them is the one that a description may give alone.
    mutating func exchange(with members: inout MemberExchange) throws(PayloadError)
    /// What is wrong with it beyond its members' forms, such as a time zone that is not known here.
    ///
    /// It is asked where events come in; what has come in is read all the same.
    var flaw: (member: String, problem: PayloadError.Problem)? { get }
    /// The number under which it is published; nil for what is only set.
    var publishedVersion: Int64? { get }
}

extension Setting {
    /// What payloads of such settings have.
    package static var members: [MemberDeclaration] {
        let recorder = MemberRecorder()
        do throws(PayloadError) {
            _ = try Self(from: PayloadReader(type: "", describedTo: recorder))
        } catch {
            preconditionFailure("a reader refuses what is answered in its own words: \(error)")
        }
        return recorder.members
    }

    /// Reads one whose members stand in an object.
    ///
    /// - Throws: ``PayloadError`` where a member is wrong, also in what the machine does not know.
    package init(checking payload: JSONPayload, type: String) throws(PayloadError) {
        try self.init(from: PayloadReader(type: type, payload: payload))
        if let flaw {
            throw PayloadError(type: type, member: flaw.member, problem: flaw.problem)
        }
    }

    package var flaw: (member: String, problem: PayloadError.Problem)? { nil }
    package var publishedVersion: Int64? { nil }

    init(from reader: PayloadReader) throws(PayloadError) {
        self.init()
        var members = MemberExchange(reading: reader)
        try exchange(with: &members)
    }

    func write(to writer: inout PayloadWriter) {
        var setting = self
        // Taken out for the time being: a second reference would have the bytes copied.
        var members = MemberExchange(writingTo: Swift.exchange(&writer, with: PayloadWriter()))
        do throws(PayloadError) { try setting.exchange(with: &members) } catch {
            preconditionFailure("what is written is not refused: \(error)")
        }
        writer = members.writer
    }

    /// Those of a list, none where it is left out.
    static func list(_ member: String, of reader: PayloadReader) throws(PayloadError) -> [Self] {
        var elements: [Self] = []
        for element in try reader.objects(member) { elements.append(try Self(from: element)) }
        return elements
    }

    var written: PayloadWriter {
        var writer = PayloadWriter()
        write(to: &writer)
        return writer
    }

    /// Several of them as JSON text, object behind object.
    static func text(of settings: [Self]) -> [UInt8] {
        var writer = PayloadWriter(bytes: settings.count * 128)
        for setting in settings { writer.addObject { setting.write(to: &$0) } }
        return writer.bytes
    }

    /// The members as JSON text, always the same for the same setting.
    package var payload: [UInt8] { written.finished() }
}
