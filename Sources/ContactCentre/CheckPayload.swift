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
        try family.check(type: type, schema: schema, payload: payload)
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
    guard let family = Family.ofType[type], family.schema == schema else { return nil }
    return PayloadError(type: type, member: "data", problem: .noObject)
}

/// Which reader our types have.
private enum Family {
    case contact
    case `operator`
    case `case`
    case survey
    case organisation(OrganisationEvent.Kind)
    case correction(CorrectionEvent.Kind)
    case routing

    /// Looked up once for each event that comes in, most of which are of other types.
    static let ofType: [String: Family] = {
        var families: [String: Family] = [:]
        for kind in ContactEvent.Kind.allCases { families[kind.rawValue] = .contact }
        for kind in OperatorEvent.Kind.allCases { families[kind.rawValue] = .operator }
        for kind in CaseEvent.Kind.allCases { families[kind.rawValue] = .case }
        for kind in SurveyEvent.Kind.allCases { families[kind.rawValue] = .survey }
        families[RoutingDecision.type] = .routing
        for kind in CorrectionEvent.Kind.allCases {
            families[kind.rawValue] = .correction(kind)
        }
        for kind in OrganisationEvent.Kind.all { families[kind.type] = .organisation(kind) }
        return families
    }()

    /// The schema version that is read.
    var schema: UInt16 {
        switch self {
        case .contact: ContactEvent.schema
        case .operator: OperatorEvent.schema
        case .case: CaseEvent.schema
        case .survey: SurveyEvent.schema
        case .organisation: OrganisationEvent.schema
        case .correction: CorrectionEvent.schema
        case .routing: RoutingDecision.schema
        }
    }

    /// Reads the payload, and asks what only the machine knows.
    func check(type: String, schema: UInt16, payload: JSONPayload?) throws(PayloadError) {
        var zone: String?
        switch self {
        case .contact:
            let event = try ContactEvent(type: type, schema: schema, payload: payload)
            if case .received(let received) = event { zone = received.zone }
            if case .callbackRequested(let request) = event, let start = request.start,
                let end = request.end, end < start
            {
                throw PayloadError(
                    type: type, member: "windowEnd", problem: .before("windowStart"))
            }
        case .operator: _ = try OperatorEvent(type: type, schema: schema, payload: payload)
        case .case:
            let event = try CaseEvent(type: type, schema: schema, payload: payload)
            if case .opened(let opened) = event { zone = opened.zone }
        case .survey: _ = try SurveyEvent(type: type, schema: schema, payload: payload)
        case .organisation(let kind):
            guard schema == self.schema else { return }
            let event = try OrganisationEvent(kind, payload: payload)
            if let flaw = event.flaw(type: type) { throw flaw }
        case .routing:
            guard schema == self.schema else { return }
            _ = try RoutingDecision(from: PayloadReader(type: type, payload: payload))
        case .correction(let kind):
            guard schema == self.schema else { return }
            if let flaw = try CorrectionEvent(kind, payload: payload).flaw { throw flaw }
        }
        if let zone, !Zone.exists(identifier: zone) {
            throw PayloadError(type: type, member: "zone", problem: .unknownZone(zone))
        }
    }
}
