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
    guard let family = Family.ofType[type] else { return .passes }
    do throws(PayloadError) {
        try PersonalFields.requireNone(in: payload, of: type)
        if let fields = PersonalFields.of(type: type),
            case .clear(_, let texts) = try fields.part(of: payload, type: type),
            let first = texts.first
        {
            throw PayloadError(type: type, member: first.member, problem: .personalInClear)
        }
        if schema == 0 { return .statesNoSchema }
        try family.check(schema: schema, payload: payload)
        return .passes
    } catch {
        return .refused(error)
    }
}

/// Why data that are there and are no JSON object are refused; nil for foreign types, and for
/// schema versions that are not read here.
///
/// Also of types that require no member: what nobody reads should not look as if somebody did.
package func refusalOfNoObject(type: String, schema: UInt16) -> PayloadError? {
    guard let family = Family.ofType[type], family.known.reads(schema) else { return nil }
    return PayloadError(type: type, member: "data", problem: .noObject)
}

/// Which reader our types have.
private enum Family {
    case contact(ContactEvent.Kind)
    case `operator`(OperatorEvent.Kind)
    case `case`(CaseEvent.Kind)
    case survey(SurveyEvent.Kind)
    case organisation(OrganisationEvent.Kind)
    case correction(CorrectionEvent.Kind)
    case routing(RoutingDecision.Kind)
    case intervention(RoutingIntervention.Kind)

    /// Looked up once for each event that comes in, most of which are of other types.
    static let ofType: [String: Family] = {
        let families: [Family] =
            ContactEvent.Kind.allCases.map { .contact($0) }
            + OperatorEvent.Kind.allCases.map { .operator($0) }
            + CaseEvent.Kind.allCases.map { .case($0) }
            + SurveyEvent.Kind.allCases.map { .survey($0) }
            + RoutingDecision.Kind.allCases.map { .routing($0) }
            + RoutingIntervention.Kind.allCases.map { .intervention($0) }
            + CorrectionEvent.Kind.allCases.map { .correction($0) }
            + OrganisationEvent.Kind.all.map { .organisation($0) }
        return Dictionary(uniqueKeysWithValues: families.map { ($0.known.type, $0) })
    }()

    var known: any KnownType {
        switch self {
        case .contact(let kind): kind
        case .operator(let kind): kind
        case .case(let kind): kind
        case .survey(let kind): kind
        case .organisation(let kind): kind
        case .correction(let kind): kind
        case .routing(let kind): kind
        case .intervention(let kind): kind
        }
    }

    /// Reads the payload, and asks what only the machine knows.
    func check(schema: UInt16, payload: JSONPayload?) throws(PayloadError) {
        var zone: String?
        switch self {
        case .contact(let kind):
            let event = try ContactEvent(kind, schema: schema, payload: payload)
            if case .received(let received)? = event { zone = received.zone }
            if case .callbackRequested(let request)? = event, let start = request.start,
                let end = request.end, end < start
            {
                throw PayloadError(
                    type: kind.type, member: "windowEnd", problem: .before("windowStart"))
            }
        case .operator(let kind): _ = try OperatorEvent(kind, schema: schema, payload: payload)
        case .case(let kind):
            let event = try CaseEvent(kind, schema: schema, payload: payload)
            if case .opened(let opened)? = event { zone = opened.zone }
        case .survey(let kind): _ = try SurveyEvent(kind, schema: schema, payload: payload)
        case .organisation(let kind):
            let event = try OrganisationEvent(kind, schema: schema, payload: payload)
            if let flaw = event?.flaw(type: kind.type) { throw flaw }
        case .routing: _ = try RoutingDecision(schema: schema, payload: payload)
        case .intervention(let kind):
            _ = try RoutingIntervention(kind, schema: schema, payload: payload)
        case .correction(let kind):
            let event = try CorrectionEvent(kind, schema: schema, payload: payload)
            if let flaw = event?.flaw { throw flaw }
        }
        if let zone, !Zone.exists(identifier: zone) {
            throw PayloadError(type: known.type, member: "zone", problem: .unknownZone(zone))
        }
    }
}
