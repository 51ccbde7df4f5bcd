package import JSON

/// What our own types ask of an event that is on its way into the log.
package enum PayloadCheck: Equatable, Sendable {
    /// Readers can read it, or it is of a foreign type or of a later schema version.
    case passes
    /// It is of a type of ours but states no schema version, so no projection will read it.
    case statesNoSchema
    /// No projection could read it.
    case refused(PayloadError)
}

/// Reads the payload of an event as projections will.
///
/// What has entered the log stays for ever, so this is the last moment to say what is wrong.
package func checkPayload(type: String, schema: UInt16, payload: JSONPayload?) -> PayloadCheck {
    let isOurs =
        ContactEvent.Kind(rawValue: type) != nil || OperatorEvent.Kind(rawValue: type) != nil
        || CaseEvent.Kind(rawValue: type) != nil || SurveyEvent.Kind(rawValue: type) != nil
    guard isOurs else { return .passes }
    if schema == 0 { return .statesNoSchema }
    do throws(PayloadError) {
        let contact = try ContactEvent(type: type, schema: schema, payload: payload)
        _ = try OperatorEvent(type: type, schema: schema, payload: payload)
        let caseEvent = try CaseEvent(type: type, schema: schema, payload: payload)
        _ = try SurveyEvent(type: type, schema: schema, payload: payload)
        var zone: String?
        if case .received(let received) = contact { zone = received.zone }
        if case .opened(let opened) = caseEvent { zone = opened.zone }
        if let zone, !Zone.exists(identifier: zone) {
            throw PayloadError(type: type, member: "zone", problem: .unknownZone(zone))
        }
        return .passes
    } catch {
        return .refused(error)
    }
}
