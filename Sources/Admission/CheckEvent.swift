package import ContactCentre
package import EventLog

/// Reads the data of an event as projections will.
///
/// What has entered the log stays for ever, so this is the last moment to say what is wrong. Data
/// may be left out, or be null, where nothing is required.
package func checkPayload(of event: NewEvent) -> PayloadCheck {
    let payload = event.data.object
    let check = checkPayload(type: event.type.text, schema: event.schema, payload: payload)
    if check == .passes, let kind = OrganisationEvent.Kind(type: event.type.text),
        kind.reads(event.schema),
        !OrganisationEvent.names(event.stream.text, kind)
    {
        return .refused(
            PayloadError(
                type: kind.type, member: "subject",
                problem: .foreignStream(prefix: kind.streamPrefix)))
    }
    guard check == .passes, payload == nil, !event.data.isNothing else { return check }
    return refusalOfNoObject(type: event.type.text, schema: event.schema).map { .refused($0) }
        ?? .passes
}

extension EventData {
    fileprivate var isNothing: Bool {
        switch self {
        case .absent: true
        case .json(let text): text.elementsEqual("null".utf8)
        case .bytes, .removed: false
        }
    }
}
