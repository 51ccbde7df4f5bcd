internal import Admission
internal import ContactCentre
internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Subjects
internal import Vault

/// What the body of an append is written as.
enum AppendFormat: String, CaseIterable {
    /// One event, one append.
    case event = "application/cloudevents+json"
    /// An array of events, which are one append.
    case batch = "application/cloudevents-batch+json"
    /// An event a line, each an append of its own unless a condition makes one of all.
    case lines = "application/x-ndjson"

    init(contentType: String?) throws(Problem) {
        let contentType = contentType ?? ""
        guard let format = AppendFormat(rawValue: contentType) ?? Self.named(contentType) else {
            let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(
                .unsupportedMediaType, .unsupportedMediaType,
                "the content type must be one of \(names), not \(quoted(contentType))")
        }
        self = format
    }

    /// A content type with parameters, or in other letters than everybody writes.
    private static func named(_ contentType: String) -> AppendFormat? {
        AppendFormat(rawValue: contentType.prefix { $0 != ";" }.trimmed.lowercased())
    }

    var bytesMax: Int { self == .event ? ServerLimits.eventBytesMax : ServerLimits.batchBytesMax }
}

/// What the parameters of an append ask for.
struct AppendTerms {
    let condition: Condition
    let isTogether: Bool

    /// How the lines of a stream belong together.
    private enum Lines: String, CaseIterable {
        case each
        case together
    }

    init(_ query: Substring?) throws(Problem) {
        guard query != nil else {
            (condition, isTogether) = (.nothing, false)
            return
        }
        var parameters = try QueryParameters(query: query)
        var condition = Condition.nothing
        for text in parameters.all("expect_revision") {
            try Self.naming("expect_revision") { () throws(ConditionTextError) in
                try condition.expect(text)
            }
        }
        var items: [EventQuery.Item] = []
        for text in parameters.all("fail_if_match") {
            try Self.naming("fail_if_match") { () throws(ConditionTextError) in
                items.append(try EventQuery.Item(text: text))
            }
        }
        let after = try parameters.position("after")
        if !items.isEmpty {
            condition.absences = [Absence(of: EventQuery(items), after: after)]
        } else if after != nil {
            throw Problem.badParameter("after goes with fail_if_match")
        }
        let lines = try parameters.choice("lines", of: Lines.self)
        try parameters.requireNothingLeft()
        self.condition = condition
        isTogether = lines == .together || !condition.asksForNothing
    }

    private static func naming(
        _ parameter: String, _ body: () throws(ConditionTextError) -> Void
    ) throws(Problem) {
        do throws(ConditionTextError) { try body() } catch {
            throw Problem.badParameter("\(parameter): \(error)")
        }
    }
}

/// An event as a client sent it, checked as far as it can be without the log.
struct IncomingEvent {
    let event: NewEvent
    /// Whether it is of a type of ours without a schema version, so that no projection reads it.
    let lacksSchema: Bool

    /// Where it stands among several, for what is wrong with it.
    private let place: (what: String, number: Int)?

    init(
        _ text: ArraySlice<UInt8>, at place: (what: String, number: Int)? = nil
    ) throws(Problem) {
        self.place = place
        do throws(EventError) {
            event = try NewEvent(cloudEvent: text, logMembers: .refused)
        } catch {
            throw Problem(.badRequest, .badEvent, "\(error)")
        }
        lacksSchema = false
    }

    /// The event as the log may have it: its personal data sealed, and its payload checked.
    ///
    /// Without a seal, events with personal data are refused.
    func admitted(sealedBy seal: PersonalSeal?) throws(Problem) -> IncomingEvent {
        let sealed: NewEvent
        do throws(SealError) { sealed = try seal?.sealed(event) ?? event } catch {
            throw naming(Problem(sealing: error))
        }
        do throws(Problem) { return try IncomingEvent(checking: sealed) } catch {
            throw naming(error)
        }
    }

    private func naming(_ problem: Problem) -> Problem {
        place.map { problem.naming($0.what, number: $0.number) } ?? problem
    }

    private init(checking event: NewEvent) throws(Problem) {
        place = nil
        self.event = event
        switch checkPayload(of: event) {
        case .passes: lacksSchema = false
        case .statesNoSchema: lacksSchema = true
        case .refused(let error): throw Problem(.badRequest, .badEvent, "\(error)")
        }
    }
}

/// The events of a batch, in their order.
func readBatch(_ body: ArraySlice<UInt8>) throws(Problem) -> [IncomingEvent] {
    do throws(JSONError) {
        try checkJSON(body, depthMax: JSONLimits.depthMax + 2)
    } catch {
        throw Problem(.badRequest, .badEvent, "\(error)")
    }
    guard let values = JSONValue(checked: body)?.elements(atMost: LogLimits.appendEventsMax + 1)
    else { throw Problem(.badRequest, .badEvent, "a batch is a JSON array of events") }
    guard values.count <= LogLimits.appendEventsMax else { throw .tooManyEvents }
    var events: [IncomingEvent] = []
    for (index, value) in values.enumerated() {
        do throws(Problem) {
            events.append(try IncomingEvent(value.bytes, at: ("event", index)))
        } catch {
            throw error.naming("event", number: index)
        }
    }
    return events
}

extension Problem {
    static let tooManyEvents = Problem(
        .contentTooLarge, .tooLarge,
        "an append has at most \(LogLimits.appendEventsMax) events; send several")

    /// The same problem of one event among several.
    func naming(_ what: String, number: Int) -> Problem {
        var problem = Problem(status, kind, "\(what) \(number): \(detail)", members: members)
        problem.fields = fields
        problem.members.append((what, .count(number)))
        return problem
    }

    /// Why the log did not take an append.
    init?(_ outcome: AppendOutcome) {
        switch outcome {
        case .appended, .alreadyAppended: return nil
        case .rejected(let rejection): self.init(rejection)
        case .conflict(let conflict): self.init(conflict)
        }
    }

    private init(_ conflict: Conflict) {
        var members: [(String, JSONNode)] = []
        if let position = conflict.position { members.append(("position", .count(position.value))) }
        switch conflict {
        case .stream(let stream, _, let found):
            members.append(("stream", .text(stream.text)))
            members.append(("revision", found.map { .count($0.revision.value) } ?? .null))
        case .match(_, let type, let stream):
            members.append(("stream", .text(stream.text)))
            members.append(("event_type", .text(type.text)))
        }
        self.init(
            .conflict, .conflict, "\(conflict); read what has happened and decide anew",
            members: members)
    }

    private init(_ rejection: Rejection) {
        var members: [(String, JSONNode)] = []
        switch rejection {
        case .repeatedID(let id), .impossibleTime(let id):
            members.append(("ids", .array([.text(id.description)])))
        case .someIDsKnown(let ids):
            members.append(("ids", .array(ids.prefix(100).map { .text($0.description) })))
        case .idKnownWithOtherContent(let id, let position):
            members.append(("ids", .array([.text(id.description)])))
            members.append(("position", .count(position.value)))
        case .impossibleStep(let id, let stream, let rule):
            members.append(("ids", .array([.text(id.description)])))
            members.append(("stream", .text(stream.text)))
            members.append(("rule", .text(rule.name)))
        case .noEvents, .tooManyEvents, .tooManyBytes, .reservedType: break
        }
        switch rejection {
        case .impossibleStep:
            self.init(
                .unprocessableContent, .impossibleStep, "\(rejection)", members: members)
        case .tooManyEvents, .tooManyBytes:
            self.init(.contentTooLarge, .tooLarge, "\(rejection)", members: members)
        default:
            self.init(.unprocessableContent, .rejected, "\(rejection)", members: members)
        }
    }
}

/// What became of the events of one request.
struct AppendTally {
    private var appended = 0
    private var alreadyAppended = 0
    private var first: Position?
    private var last: Position?
    private var withoutSchema = 0
    private var refusals: [(line: Int, problem: Problem)] = []
    private var refused = 0

    /// What to answer to one append.
    static func answer(
        to events: [IncomingEvent], _ outcome: AppendOutcome
    ) throws(Problem) -> Answer {
        if let problem = Problem(outcome) { throw problem }
        var tally = AppendTally()
        for event in events { tally.take(event) }
        tally.count(outcome, line: 0)
        return tally.answer
    }

    mutating func take(_ event: IncomingEvent) { withoutSchema += event.lacksSchema ? 1 : 0 }

    mutating func count(_ outcome: AppendOutcome, line: Int) {
        switch outcome {
        case .appended(let range):
            appended += range.count
            extend(range)
        case .alreadyAppended(let range):
            alreadyAppended += range.count
            extend(range)
        case .conflict, .rejected:
            if let problem = Problem(outcome) { refuse(problem, line: line) }
        }
    }

    mutating func refuse(_ problem: Problem, line: Int) {
        refused += 1
        if refusals.count < ServerLimits.refusalsListedMax { refusals.append((line, problem)) }
    }

    private mutating func extend(_ range: PositionRange) {
        first = min(first ?? range.first, range.first)
        last = max(last ?? range.last, range.last)
    }

    private var members: [(String, JSONNode)] {
        var members: [(String, JSONNode)] = [
            ("first", first.map { .count($0.value) } ?? .null),
            ("last", last.map { .count($0.value) } ?? .null),
            ("appended", .count(appended)), ("already_appended", .count(alreadyAppended)),
        ]
        if withoutSchema > 0 {
            members.append(("without_schema", .count(withoutSchema)))
        }
        return members
    }

    /// 201 where something was appended, 200 where all of it was there before.
    var answer: Answer {
        if refused > 0 { return problem.answer }
        var answer = Answer(appended > 0 ? .created : .ok, .object(members))
        if let first, first == last { answer.fields[.location] = "/v1/events/\(first)" }
        return answer
    }

    private var problem: Problem {
        let listed = refusals.sorted { $0.line < $1.line }.map { line, problem -> JSONNode in
            .object(
                [
                    ("line", .count(line)), ("type", .text("/problems#" + problem.kind.rawValue)),
                    ("detail", .text(problem.detail)),
                ] + problem.members)
        }
        let more = refused > listed.count ? "; \(listed.count) are listed" : ""
        let count = refused == 1 ? "1 line was" : "\(refused) lines were"
        return Problem(
            .unprocessableContent, .refusedLines,
            "\(count) refused\(more); mend what is wrong and send it again",
            members: members + [("refused", .count(refused)), ("lines", .array(listed))])
    }
}

extension Substring {
    /// Without spaces and tabs around it.
    var trimmed: Substring {
        var text = drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
