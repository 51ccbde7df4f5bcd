internal import ContactCentre
internal import EventLog
internal import JSON
internal import Storage

/// What a part of an XES log means.
struct XESStory {
    enum Kind {
        /// An event of the document.
        case row
        case trace
        /// What is told of a trace besides its beginning.
        case moreOfTrace
    }

    enum Content {
        case nothing
        case refused(RowRefusal)
        case skipped(rule: String)
        case anomaly(String)
        case event(SpooledEvent)
    }

    let kind: Kind
    let line: Int
    let content: Content
}

/// Turns the traces and events of one XES file into events of cases.
struct XESNarrator {
    private let namespace: EventID
    private let pseudonyms: Pseudonyms
    private var occurrences: [EventID: Int] = [:]
    private var tracesBegun = 0
    private var trace: Trace?

    private struct Trace {
        let subject: XESSubject
        let stream: String
        /// What tells the trace from all others of the file.
        let key: [UInt8]
        var eventsBegun = 0
        var latest: Instant?
        var isOpened = false
    }

    init(_ source: XESSource, pseudonymSecret: String) {
        namespace = EventID(namespace: .urlNamespace, name: source.namespace.utf8)
        pseudonyms = Pseudonyms(namespace: namespace, secret: pseudonymSecret)
    }

    /// - Parameters:
    ///   - part: The next part of the document.
    ///   - keys: Of the attributes that events are made of.
    ///   - log: The attributes of the log, which tell nameless traces of two logs apart.
    /// - Returns: What it means, in the order in which it is told.
    mutating func tell(_ part: XESPart, keys: XESKeys, log: XESSubject) -> [XESStory] {
        switch part {
        case .trace(let subject):
            let occurrence = begin(subject, keys, log)
            return [
                XESStory(
                    kind: .trace, line: subject.place.line,
                    content: occurrence == 1 ? .nothing : .anomaly("repeated_trace"))
            ]
        case .event(let subject, .log):
            return [row(subject, .skipped(rule: "event_without_trace"))]
        case .event(let subject, .trace):
            let opened = open(at: try? time(of: subject, keys), keys)
            let content: XESStory.Content
            do throws(RowRefusal) {
                content = .event(try activity(subject, keys))
            } catch {
                content = .refused(error)
            }
            return opened + [row(subject, content)]
        case .endOfTrace:
            defer { trace = nil }
            if let trace, trace.eventsBegun == 0, let fault = trace.subject.fault {
                return [more(trace, .refused(.xes(fault)))]
            }
            return open(at: nil, keys)
        }
    }

    private func row(_ subject: XESSubject, _ content: XESStory.Content) -> XESStory {
        XESStory(kind: .row, line: subject.place.line, content: content)
    }

    private func more(_ trace: Trace, _ content: XESStory.Content) -> XESStory {
        XESStory(kind: .moreOfTrace, line: trace.subject.place.line, content: content)
    }

    // MARK: - Traces

    /// - Returns: How many traces of this name there were, this one included.
    private mutating func begin(
        _ subject: XESSubject, _ keys: XESKeys, _ log: XESSubject
    ) -> Int {
        tracesBegun += 1
        var name = subject.attribute(keys.name)?.text ?? ""
        if name.isEmpty {
            var attributes: [UInt8] = []
            writer(keys, .left).appendObject(log.attributes, to: &attributes)
            let digits = EventID(namespace: namespace, name: attributes).digits
            name = "unnamed-\(digits)-\(tracesBegun)"
        }
        var key: [UInt8] = []
        appendNetstring(name.utf8, to: &key)
        let id = EventID(namespace: namespace, name: key)
        let occurrence = occurrences[id, default: 0] + 1
        occurrences[id] = occurrence
        appendNetstring(String(occurrence).utf8, to: &key)
        let stream = "case/\(percentEncoded(name, .stream))"
        trace = Trace(subject: subject, stream: stream, key: key)
        return occurrence
    }

    /// The beginning of the trace, once: at its own time, or else at that of its first event.
    private mutating func open(at first: Instant?, _ keys: XESKeys) -> [XESStory] {
        guard var trace, !trace.isOpened else { return [] }
        defer { self.trace = trace }
        trace.isOpened = true
        // Each event of the trace tells the fault.
        guard trace.subject.fault == nil else { return [] }
        do throws(RowRefusal) {
            let own = try time(of: trace.subject, keys)
            func data(_ names: ResourceNames) -> [UInt8] {
                var json = Array("{\"attributes\":".utf8)
                writer(keys, names).appendObject(trace.subject.attributes, to: &json)
                json.append(UInt8(ascii: "}"))
                return json
            }
            let event = try event(
                "case.opened", of: &trace, at: own ?? first, data: data(.pseudonyms),
                content: data(.left))
            return [more(trace, .event(event))]
        } catch {
            return [more(trace, .refused(error))]
        }
    }

    // MARK: - Events

    private mutating func activity(
        _ subject: XESSubject, _ keys: XESKeys
    ) throws(RowRefusal) -> SpooledEvent {
        guard var trace else { preconditionFailure("an event of a trace stands within it") }
        defer { self.trace = trace }
        trace.eventsBegun += 1
        if let fault = trace.subject.fault { throw .xes(.trace(fault)) }
        if let fault = subject.fault { throw .xes(fault) }
        return try event(
            "case.activity_recorded", of: &trace, at: try time(of: subject, keys),
            data: data(of: subject, keys, .pseudonyms), content: data(of: subject, keys, .left))
    }

    /// How resources, who mostly are people, are written.
    private enum ResourceNames {
        case pseudonyms
        /// Not at all: ids are for everyone to see, so nothing about people goes into them.
        case left
    }

    private func writer(_ keys: XESKeys, _ names: ResourceNames) -> XESWriter {
        XESWriter(resourceKeys: [keys.resource, XESKeys.standardResource]) { [pseudonyms] name in
            names == .left ? nil : pseudonyms.pseudonym(of: name, kind: "resource")
        }
    }

    private func data(
        of subject: XESSubject, _ keys: XESKeys, _ names: ResourceNames
    ) -> [UInt8] {
        let writer = writer(keys, names)
        let members = [
            (keys.name, "activity"), (keys.transition, "transition"),
            (keys.resource, "resourceId"), (keys.group, "group"), (keys.role, "role"),
        ]
        var json = [UInt8(ascii: "{")]
        var rest = subject.attributes.filter { $0.key != keys.time || !$0.nested.isEmpty }
        for (key, member) in members {
            guard let attribute = subject.attribute(key), let text = attribute.text else {
                continue
            }
            // What is nested in it would be lost, so it then stays among the others too.
            if attribute.nested.isEmpty { rest.removeAll { $0.key == key } }
            let shown = key == keys.resource ? writer.name(text) : text
            guard let shown else { continue }
            if json.count > 1 { json.append(UInt8(ascii: ",")) }
            json += "\"\(member)\":\(jsonString(shown))".utf8
        }
        if !rest.isEmpty {
            if json.count > 1 { json.append(UInt8(ascii: ",")) }
            json += "\"attributes\":".utf8
            writer.appendObject(rest, to: &json)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }

    private func time(of subject: XESSubject, _ keys: XESKeys) throws(RowRefusal) -> Instant? {
        guard let attribute = subject.attribute(keys.time), let text = attribute.text else {
            return nil
        }
        guard let time = Instant(rfc3339: text) else {
            throw .xes(.noOffset(text: text, at: subject.place))
        }
        return time
    }

    private func event(
        _ type: String, of trace: inout Trace, at time: Instant?, data: [UInt8], content: [UInt8]
    ) throws(RowRefusal) -> SpooledEvent {
        var name = trace.key
        appendNetstring(type.utf8, to: &name)
        appendNetstring(String(trace.eventsBegun).utf8, to: &name)
        appendNetstring((time?.description ?? "").utf8, to: &name)
        appendNetstring(content, to: &name)
        if let time { trace.latest = max(trace.latest ?? time, time) }
        let payload = JSONPayload(checked: data[...])
        let schema = Catalogue.schema(of: type)
        if case .refused(let error) = checkPayload(type: type, schema: schema, payload: payload) {
            throw .payload(event: type, error)
        }
        do throws(EventError) {
            guard data.count <= EventLimits.dataBytesMax else {
                throw .dataTooLong(bytes: data.count)
            }
            return SpooledEvent(
                type: try EventType(type), schema: schema,
                id: EventID(namespace: namespace, name: name), time: time,
                stream: try StreamName(trace.stream), tags: .none, data: data,
                latest: trace.latest)
        } catch {
            throw .event(name: type, error)
        }
    }
}

extension XESSubject {
    fileprivate func attribute(_ key: String) -> XESAttribute? {
        attributes.first { $0.key == key }
    }
}
