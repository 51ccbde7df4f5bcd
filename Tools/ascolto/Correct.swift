internal import Admission
internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import JSON
internal import Reports

struct Correct: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what an event should have said; the event itself stays.",
        discussion: """
            A correction is an event of its own, behind the one that it is about. Read models and \
            stories tell what is known since; --as-of tells what was known then, and query \
            --as-of with --corrected what was so then, as is known now. What an event says of a \
            person cannot be corrected: void it, and append it anew.
            """)

    @OptionGroup var options: CorrectionOptions
    @Option(
        help: ArgumentHelp(
            "What changes in its data, a JSON Merge Patch (RFC 7396): members that are null go.",
            valueName: "json"))
    var patch: String?
    @Option(help: "When it happened, an RFC 3339 time.")
    var time: Instant?

    func validate() throws {
        if patch == nil, time == nil { throw ValidationError("say --patch, --time or both") }
    }

    func run() async throws {
        var correction = Correction()
        correction.patch = try patch.map(Self.object)
        correction.time = time
        try await options.append { target, corrections in
            guard target.type != Corrections.correctedType, target.type != Corrections.voidedType
            else {
                throw UsageError(
                    "position \(target.position) is a correction itself; void it, and correct anew")
            }
            correction.target = "\(target.id)"
            correction.reason = options.reason
            correction.authority = options.authority
            correction.author = options.by
            guard let before = corrections.applied(to: target) else {
                throw UsageError("position \(target.position) is void; void what voids it first")
            }
            let event = CorrectionEvent.corrected(correction)
            if let flaw = event.flaw { throw UsageError("\(flaw)") }
            return try changes(before, by: correction) ? event : nil
        }
    }

    private static func object(_ text: String) throws -> JSONPayload {
        let bytes = Array(text.utf8)
        do { try checkJSON(bytes[...]) } catch { throw UsageError("--patch: \(error)") }
        guard let object = JSONPayload(checked: bytes[...]) else {
            throw UsageError("--patch must be a JSON object, as {\"reason\":\"timeout\"}")
        }
        return object
    }

    /// Whether the event says something else behind it; what nobody could read is refused.
    private func changes(_ before: Event, by correction: Correction) throws -> Bool {
        if let kind = OrganisationEvent.Kind(type: before.type.text),
            CorrectionEvent.corrected(correction).reach == .content,
            let told = try? OrganisationEvent(
                kind, schema: before.schema, payload: before.data.object),
            case .set(_, _, let setting?) = told.change, setting.publishedVersion != nil
        {
            throw UsageError(
                "what is published does not change: publish another version, or void this one")
        }
        if let declaration = Catalogue.type(before.type.text) {
            for meant in Misspellings.members(of: correction.patch, declaration) {
                Standard.error("ascolto: warning: --patch has the member \(printable(meant))")
            }
        }
        var after = before
        if let time = correction.time { after.time = time }
        guard let patch = correction.patch else { return after.occurred != before.occurred }
        let data = before.data.object?.value
        let merged = mergePatch(data, with: patch.value)
        after.data = .json(merged[...])
        let check = checkPayload(of: NewEvent(resaying: after))
        if case .refused(let error) = check {
            throw UsageError("corrected like this, nobody could read it: \(error)")
        }
        // Held against the same through the same hands, which leave white space out.
        let unchanged = JSONPayload(checked: Array("{}".utf8)[...])
            .map { mergePatch(data, with: $0.value) }
        return merged != unchanged || data == nil || after.occurred != before.occurred
    }
}

extension NewEvent {
    fileprivate init(resaying event: Event) {
        self.init(
            id: event.id, type: event.type, schema: event.schema, stream: event.stream,
            tags: event.tags, source: event.source, time: event.time, data: event.data)
    }
}

struct VoidVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "void",
        abstract: "Say that what an event says never happened; the event itself stays.",
        discussion: """
            Read models and stories leave it out from then on; --as-of still tells what was known. \
            A correction, or what voids an event, can be voided too.
            """)

    @OptionGroup var options: CorrectionOptions

    func run() async throws {
        try await options.append { target, corrections in
            guard corrections.applied(to: target) != nil else { return nil }
            var voiding = Voiding()
            voiding.target = "\(target.id)"
            voiding.reason = options.reason
            voiding.authority = options.authority
            voiding.author = options.by
            return .voided(voiding)
        }
    }
}

/// Which event is meant, and why it was wrong.
struct CorrectionOptions: ParsableArguments {
    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "The event: its position, or its id.")
    var event: String
    @Option(help: "Why. Name no person: it stays for ever.")
    var reason: String
    @Option(help: "On whose authority: an act, or an office.")
    var authority: String
    @Option(help: "Who says it: a pseudonym or an office.")
    var by: String?
    @OptionGroup var server: ServerOption

    /// Appends what `make` says about the event; where that is nothing, nothing changes.
    func append(_ make: (Event, Corrections) throws -> CorrectionEvent?) async throws {
        let now = try LogOptions.clock().now
        if let url = try server.appendURL() {
            let opened = try log.openForReading()
            let (events, absence) = try plan(opened, now, make)
            guard !events.isEmpty else { return tell(nil) }
            let range = try await send(
                events, to: url, writing: opened.identity, unless: absence,
                conflict: Self.changedMeanwhile)
            tell(range)
            return warn(of: events[0].stream, at: range, in: opened)
        }
        let opened = try log.openForWriting(under: .contactCentre)
        defer { opened.close() }
        let (events, absence) = try plan(opened, now, make)
        guard !events.isEmpty else { return tell(nil) }
        switch try await opened.append(
            Append(events, condition: Condition(absences: [absence])))
        {
        case .appended(let range), .alreadyAppended(let range):
            tell(range)
            warn(of: events[0].stream, at: range, in: opened)
        case .conflict(let conflict):
            Standard.error("ascolto: \(Self.changedMeanwhile): \(conflict)")
            throw VerbOutcome.answerIsNo
        case .rejected(let rejection):
            Standard.error("ascolto: \(rejection)")
            throw VerbOutcome.someInputRefused
        }
    }

    /// Says what cannot be any more in the story of a contact, and could before.
    private func warn(of stream: StreamName, at range: PositionRange, in log: EventLog) {
        do { try lookForBroken(stream, at: range, in: log) } catch {
            Standard.error("ascolto: warning: what became of the story cannot be read: \(error)")
        }
    }

    private func lookForBroken(
        _ stream: StreamName, at range: PositionRange, in log: EventLog
    ) throws {
        guard stream.text.hasPrefix(StreamPrefix.contact) else { return }
        let id = String(stream.text.dropFirst(StreamPrefix.contact.count))
        func broken(before size: UInt64) throws -> [UInt64: ContactState.Rule] {
            let story = ContactStory(try log.facts(ofContact: id, before: size))
            return Dictionary(
                uniqueKeysWithValues: story.sentences.compactMap { sentence in
                    sentence.broken.map { (sentence.position, $0) }
                })
        }
        let before = try broken(before: range.first.value)
        for (position, rule) in try broken(before: range.first.value + 1)
            .sorted(by: { $0.key < $1.key })
        where before[position] != rule {
            Standard.error(
                "ascolto: warning: what position \(position) says cannot follow any more: "
                    + "\(rule.meaning) (\(rule.rawValue)); correct or void that, too")
        }
    }

    private static let changedMeanwhile =
        "somebody else has corrected something of this stream meanwhile; look at it again"

    private func plan(
        _ opened: EventLog, _ now: Instant,
        _ make: (Event, Corrections) throws -> CorrectionEvent?
    ) throws -> ([NewEvent], Absence) {
        let size = try opened.size(asOf: nil)
        let target = try find(in: opened, size)
        let corrections = try opened.corrections(in: 0..<size)
        var item = EventQuery.Item(types: [Corrections.correctedType, Corrections.voidedType])
        item.stream = target.stream
        let absence = Absence(of: EventQuery([item]), after: Position(size - 1))
        guard let correction = try make(target, corrections) else { return ([], absence) }
        // As the event is found, so is what is said about it; erasing a person does not need it.
        let tags = try target.tags.texts.filter { !$0.hasPrefix("subject:") }.map {
            try Tag(String($0))
        }
        let event = NewEvent(
            id: .timeOrdered(at: now), type: try EventType(correction.kind.rawValue),
            schema: correction.kind.schema, stream: target.stream, tags: try Tags(tags),
            source: try Source("urn:ascolto:correction"), time: now, cause: target.id,
            data: .json(correction.payload[...]))
        for text in [reason, authority] where text.allSatisfy(\.isWhitespace) {
            throw UsageError("--reason and --authority must say something")
        }
        if case .refused(let error) = checkPayload(of: event) { throw UsageError("\(error)") }
        return ([event], absence)
    }

    private func find(in opened: EventLog, _ size: UInt64) throws -> Event {
        var found: Event?
        if let position = UInt64(event) {
            var selection = Selection()
            selection.from = Position(position)
            selection.limit = 1
            if position < size {
                try opened.read(selection) { event in
                    found = event
                    return .stop
                }
            }
        } else if let id = EventID(event) {
            found = try opened.event(withID: id)
        } else {
            throw UsageError("the event must be a position or an id, not \(printable(event))")
        }
        guard let found else {
            Standard.error("ascolto: there is no event \(printable(event))")
            throw VerbOutcome.answerIsNo
        }
        let isOwn = ["meta.", "subject."].contains { found.type.text.hasPrefix($0) }
        guard !isOwn || CorrectionEvent.Kind(rawValue: found.type.text) != nil else {
            throw UsageError(
                "\(found.type) at position \(found.position) is the log's own, and not corrected")
        }
        return found
    }

    private func tell(_ range: PositionRange?) {
        Answer(object: [
            ("position", range.map { .count($0.first.value) } ?? .null),
            ("appended", .count(range?.count ?? 0)),
        ]).write(as: output.chosen)
    }
}
