package import ContactCentre
package import EventLog

/// Reads the data of an event as projections will.
///
/// What has entered the log stays for ever, so this is the last moment to say what is wrong.
package func checkPayload(of event: NewEvent) -> PayloadCheck {
    let payload = event.data.object
    if payload == nil, event.data != .absent,
        let refusal = refusalOfNoObject(type: event.type.text, schema: event.schema)
    {
        return .refused(refusal)
    }
    return checkPayload(type: event.type.text, schema: event.schema, payload: payload)
}
