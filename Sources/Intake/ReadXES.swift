internal import ContactCentre
internal import JSON
package import Storage

/// What stands in an XES log, in the order of the document.
enum XESPart {
    /// A trace begins; its attributes stand before its events.
    case trace(XESSubject)
    case event(XESSubject, owner: XESOwner)
    case endOfTrace
}

/// To whom an event belongs.
enum XESOwner { case trace, log }

/// A trace or event with its attributes.
struct XESSubject {
    let place: XMLPlace
    var attributes: [XESAttribute] { kept.all }
    fileprivate var kept = XESAttributes()
    /// The first thing that is wrong with it.
    fileprivate(set) var fault: XESFault?
    /// Bytes of keys and values that may still come.
    fileprivate var bytesLeft = XESLimits.subjectBytesMax

    fileprivate init(at place: XMLPlace) { self.place = place }
}

enum XESLimits {
    /// Bytes of keys and values of one event; its payload must fit into 1 MiB.
    static let subjectBytesMax = 1 << 20
    /// Attributes within attributes; each takes up to three levels of the 64 that JSON may have.
    static let nestedMax = 20
    /// Elements within elements; beyond, the file is not read on.
    static let depthMax = 128
}

/// What is wrong with a trace or event, so that it is refused and the rest goes on.
package enum XESFault: Error, Equatable, Sendable {
    case unknownElement(String, at: XMLPlace)
    case noKey(at: XMLPlace)
    case repeatedKey(String, at: XMLPlace)
    case badValue(kind: String, key: String, text: String, at: XMLPlace)
    case noOffset(text: String, at: XMLPlace)
    case tooMuch(at: XMLPlace)
    case tooDeep(at: XMLPlace)
    /// Its trace is refused for this reason.
    indirect case trace(XESFault)
}

extension XESFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownElement(let name, let place):
            "\(place): \(shown(name)) is no element that may stand here"
        case .noKey(let place): "\(place): the attribute has no key or no value"
        case .repeatedKey(let key, let place): "\(place): the key \(shown(key)) stands twice"
        case .badValue(let kind, let key, let text, let place):
            "\(place): \(shown(key)): \(shown(text)) is no \(kind)"
        case .noOffset(let text, let place):
            "\(place): \(shown(text)) is not a time with its offset from UTC"
        case .tooMuch(let place):
            "\(place): more than \(XESLimits.subjectBytesMax) bytes of attributes"
        case .tooDeep(let place):
            "\(place): attributes are nested more than \(XESLimits.nestedMax) deep"
        case .trace(let fault): "its trace is refused: \(fault)"
        }
    }

    private func shown(_ text: String) -> String { jsonString(String(text.prefix(60))) }
}

/// The keys of the attributes that events are made of.
///
/// A log may give an extension a prefix of its own.
struct XESKeys {
    private var prefixes: [String: String] = [:]

    /// Names somebody even where a log gives the extension another prefix.
    static let standardResource = "org:resource"

    var name: String { key("concept", "name") }
    var transition: String { key("lifecycle", "transition") }
    var resource: String { key("org", "resource") }
    var group: String { key("org", "group") }
    var role: String { key("org", "role") }
    var time: String { key("time", "timestamp") }

    private func key(_ extended: String, _ name: String) -> String {
        "\(prefixes[extended] ?? extended):\(name)"
    }

    fileprivate mutating func declare(prefix: String?, uri: String?) {
        guard let prefix, let uri else { return }
        for extended in ["concept", "lifecycle", "org", "time"]
        where uri.hasSuffix("://www.xes-standard.org/\(extended).xesext") {
            prefixes[extended] = prefix
        }
    }
}

/// Reads the traces and events of an XES document.
struct XESReader: ~Copyable {
    private var reader: XMLReader
    private let path: String
    private(set) var keys = XESKeys()
    /// The attributes of the log itself, as far as they stand before its traces.
    private(set) var log: XESSubject
    private var state = State.before
    /// A token that was read too early.
    private var waiting: XMLToken?

    private enum State { case before, log, trace, after }

    init(_ path: String) throws {
        reader = XMLReader(try InputFile(at: path), depthMax: XESLimits.depthMax)
        self.path = path
        log = XESSubject(at: XMLPlace(line: 1, column: 1))
    }

    var bytesTaken: Int { reader.bytesTaken }

    /// The next part, or nil at the end of the document.
    mutating func next() throws -> XESPart? {
        while let token = try nextToken() {
            switch (state, token) {
            case (.before, .start(let element)):
                guard element.name == "log" else {
                    throw IntakeError.notXES(path: path, root: element.name, at: element.place)
                }
                log = XESSubject(at: element.place)
                state = .log
            case (.log, .end): state = .after
            case (.log, .start(let element)):
                if let part = try readInLog(element) { return part }
            case (.trace, .end):
                state = .log
                return .endOfTrace
            case (.trace, .start(let element)):
                guard element.name == "event" else {
                    throw IntakeError.misplacedAttribute(path: path, at: element.place)
                }
                return .event(try readSubject(element), owner: .trace)
            case (.before, .end), (.after, _): break
            }
        }
        return nil
    }

    private mutating func nextToken() throws(XMLError) -> XMLToken? {
        if let token = waiting {
            waiting = nil
            return token
        }
        return try reader.next()
    }

    private mutating func readInLog(_ element: XMLElement) throws(XMLError) -> XESPart? {
        switch element.name {
        case "trace":
            state = .trace
            return .trace(try readTrace(element))
        case "event": return .event(try readSubject(element), owner: .log)
        case "extension":
            keys.declare(prefix: element.attributes["prefix"], uri: element.attributes["uri"])
            try skip()
        case "global", "classifier": try skip()
        default:
            var subject = log
            try readAttribute(element, of: &subject)
            log = subject
        }
        return nil
    }

    /// The attributes of a trace, up to its first event or its end.
    private mutating func readTrace(_ start: XMLElement) throws(XMLError) -> XESSubject {
        var trace = XESSubject(at: start.place)
        while let token = try reader.next() {
            guard case .start(let element) = token, element.name != "event" else {
                waiting = token
                break
            }
            try readAttribute(element, of: &trace)
        }
        return trace
    }

    private mutating func readSubject(_ start: XMLElement) throws(XMLError) -> XESSubject {
        var subject = XESSubject(at: start.place)
        while case .start(let element)? = try reader.next() {
            try readAttribute(element, of: &subject)
        }
        return subject
    }

    // MARK: - Attributes

    private mutating func readAttribute(
        _ element: XMLElement, of subject: inout XESSubject
    ) throws(XMLError) {
        if let attribute = try attribute(element, level: 1, of: &subject) {
            subject.add(attribute, at: element.place)
        }
    }

    /// Reads an attribute to its end; nil where something is wrong with it, which is noted.
    private mutating func attribute(
        _ element: XMLElement, level: Int, of subject: inout XESSubject
    ) throws(XMLError) -> XESAttribute? {
        let key = element.attributes["key"]
        let text = element.attributes["value"]
        subject.take(bytes: (key?.utf8.count ?? 0) + (text?.utf8.count ?? 0), at: element.place)
        if level > XESLimits.nestedMax { subject.note(.tooDeep(at: element.place)) }
        var children = XESAttributes()
        var items: [XESAttribute] = []
        let keepsEqualKeys = element.name == "container"
        while case .start(let child)? = try reader.next() {
            if element.name == "list" && child.name == "values" {
                try readItems(level: level, of: &subject, into: &items)
            } else if let read = try attribute(child, level: level + 1, of: &subject) {
                if keepsEqualKeys {
                    subject.add(item: read, to: &items)
                } else {
                    subject.add(read, to: &children, at: child.place)
                }
            }
        }
        switch element.name {
        case "list", "container":
            guard let key else { return subject.note(.noKey(at: element.place)) }
            let value: XESValue = element.name == "list" ? .list(items) : .container(items)
            return XESAttribute(key: key, value: value, nested: children.all)
        case "string", "date", "int", "float", "boolean", "id":
            guard let key, let text else { return subject.note(.noKey(at: element.place)) }
            guard let value = XESValue(kind: element.name, text: text) else {
                return subject.note(
                    .badValue(kind: element.name, key: key, text: text, at: element.place))
            }
            return XESAttribute(key: key, value: value, nested: children.all)
        default: return subject.note(.unknownElement(element.name, at: element.place))
        }
    }

    private mutating func readItems(
        level: Int, of subject: inout XESSubject, into items: inout [XESAttribute]
    ) throws(XMLError) {
        while case .start(let element)? = try reader.next() {
            if let item = try attribute(element, level: level + 1, of: &subject) {
                subject.add(item: item, to: &items)
            }
        }
    }

    private mutating func skip() throws(XMLError) {
        var depth = 1
        while depth > 0, let token = try reader.next() {
            if case .start = token { depth += 1 } else { depth -= 1 }
        }
    }
}

extension XESSubject {
    /// Notes the first fault.
    @discardableResult
    fileprivate mutating func note(_ found: XESFault) -> XESAttribute? {
        if fault == nil { fault = found }
        return nil
    }

    /// Counts what is kept; nothing more is once it is too much.
    fileprivate mutating func take(bytes: Int, at place: XMLPlace) {
        // An attribute costs more than its texts, in memory and in the payload.
        bytesLeft -= bytes + 64
        if bytesLeft < 0 { note(.tooMuch(at: place)) }
    }

    fileprivate mutating func add(_ attribute: XESAttribute, at place: XMLPlace) {
        var kept = kept
        self.kept = XESAttributes()
        add(attribute, to: &kept, at: place)
        self.kept = kept
    }

    fileprivate mutating func add(
        _ attribute: XESAttribute, to list: inout XESAttributes, at place: XMLPlace
    ) {
        guard bytesLeft >= 0 else { return }
        if list.insert(attribute) == .keyStandsThere {
            note(.repeatedKey(attribute.key, at: place))
        }
    }

    fileprivate mutating func add(item: XESAttribute, to list: inout [XESAttribute]) {
        if bytesLeft >= 0 { list.append(item) }
    }
}

/// Attributes of which each has a key of its own, in their order.
private struct XESAttributes {
    private(set) var all: [XESAttribute] = []
    private var keys = Set<ExactText>()

    enum Insertion { case done, keyStandsThere }

    mutating func insert(_ attribute: XESAttribute) -> Insertion {
        guard keys.insert(ExactText(attribute.key)).inserted else { return .keyStandsThere }
        all.append(attribute)
        return .done
    }
}
