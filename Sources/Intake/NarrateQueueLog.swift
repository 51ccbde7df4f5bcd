internal import ContactCentre
internal import EventLog
internal import JSON

/// What a line of a queue log means.
enum QueueLogStory {
    /// It carries nothing for us, or nothing new.
    case skipped(rule: String)
    /// With the names of the anomalies that it shows.
    case events([SpooledEvent], anomalies: [String])
}

/// Turns the lines of queue logs, in the order of time, into events of contacts and operators.
struct QueueLogNarrator {
    let namespace: EventID
    private let zone: String?
    private let pseudonyms: Pseudonyms
    private var calls = RecentEntries<ExactText, QueueLogCall>(
        keptMin: ImportLimits.openStreamsMin)
    private var members = RecentEntries<ExactText, QueueLogMember>(
        keptMin: ImportLimits.openStreamsMin)
    private var occurrences = RecentEntries<EventID, Int>(keptMin: ImportLimits.openStreamsMin)

    init(_ source: QueueLogSource, pseudonymSecret: String) {
        namespace = EventID(namespace: .urlNamespace, name: source.namespace.utf8)
        zone = source.zone
        pseudonyms = Pseudonyms(namespace: namespace, secret: pseudonymSecret)
    }

    /// Equal lines are told apart by their number within one file.
    mutating func beginFile() {
        occurrences = RecentEntries(keptMin: ImportLimits.openStreamsMin)
    }

    /// - Throws: ``RowRefusal`` where the line is none or the log could not hold its events.
    mutating func tell(_ line: QueueLogLine) throws(RowRefusal) -> QueueLogStory {
        switch line.event {
        case .callOutbound, .configReload, .did, .full, .info, .joinEmpty, .joinUnavailable,
            .memberPenalty, .penalty, .queueStart:
            .skipped(rule: line.event.rawValue)
        case .agentLogin, .agentCallbackLogin, .agentLogoff, .agentCallbackLogoff, .addMember,
            .removeMember, .pause, .pauseAll, .unpause, .unpauseAll:
            try tellOfMember(line)
        default: try tellOfCall(line)
        }
    }

    /// Leaves out a line that was told from another file, and lets it keep its place in this one.
    mutating func passOver(_ line: QueueLogLine) { _ = key(of: line) }

    /// What tells the line from all others but its equals: nothing that is about a person.
    ///
    /// Ids are for everyone to see, so whoever knows a number could try it against them.
    private mutating func key(of line: QueueLogLine) -> [UInt8] {
        var key: [UInt8] = []
        appendNetstring(line.stamp, to: &key)
        appendNetstring((line.call ?? "").utf8, to: &key)
        appendNetstring((line.queue ?? "").utf8, to: &key)
        appendNetstring(line.event.rawValue.utf8, to: &key)
        let id = EventID(namespace: namespace, name: key)
        let occurrence = (occurrences.value(of: id) ?? 0) + 1
        occurrences.keep(occurrence, for: id)
        appendNetstring(String(occurrence).utf8, to: &key)
        return key
    }
}

// MARK: - Calls

extension QueueLogNarrator {
    private mutating func tellOfCall(_ line: QueueLogLine) throws(RowRefusal) -> QueueLogStory {
        let name = try line.requiredCall()
        let queue = try line.requiredQueue()
        let known = calls.value(of: ExactText(name))
        var call = known ?? QueueLogCall(at: line.time)
        var draft = StoryDraft(
            line, namespace: namespace, key: key(of: line),
            stream: StreamPrefix.contact + percentEncoded(name, .stream), latest: call.latest)
        call.latest = draft.latest
        let member = line.member.map { pseudonyms.pseudonym(of: $0, kind: "operator") }
        switch line.event {
        case .enterQueue:
            if known == nil { try addReceived(call: name, queue, to: &draft) }
            try draft.add(
                .queued(.init(queue: queue, reason: call.enter(queue, at: line.time))),
                tags: [queueTag(queue)])
        case .connect: try tellConnect(line, queue, member, &call, &draft)
        case .ringNoAnswer:
            try draft.add(
                "contact.offer_missed", offer(member, ring: try line.milliseconds(at: 0)))
        case .ringCanceled:
            try draft.add(
                "contact.offer_rescinded", offer(member, ring: try line.milliseconds(at: 0)))
        case .agentDump: try draft.add("contact.offer_declined", offer(member, ring: nil))
        case .completeAgent, .completeCaller, .transfer, .blindTransfer, .attendedTransfer:
            try tellEndOfConversation(line, member, &call, &draft)
        default: try tellExit(line, queue, &call, &draft)
        }
        calls.keep(call, for: ExactText(name))
        return .events(draft.events, anomalies: draft.anomalies)
    }

    /// The arrival has an id of the call alone, so that a call cannot arrive twice.
    private func addReceived(
        call name: String, _ queue: QueueID, to draft: inout StoryDraft
    ) throws(RowRefusal) {
        var key: [UInt8] = []
        appendNetstring(name.utf8, to: &key)
        try draft.add(
            .received(.init(channel: .phone, direction: .incoming, queue: queue, zone: zone)),
            tags: [queueTag(queue)], key: key)
    }

    private func tellConnect(
        _ line: QueueLogLine, _ queue: QueueID, _ member: String?, _ call: inout QueueLogCall,
        _ draft: inout StoryDraft
    ) throws(RowRefusal) {
        let waited = call.leave(queue, at: line.time, .answered)
        draft.compare(try line.seconds(at: 0), with: waited, as: "stated_wait")
        try draft.add("contact.offer_accepted", offer(member, ring: try line.seconds(at: 2)))
        try draft.add(
            .leftQueue(.init(queue: queue, reason: .answered)), tags: [queueTag(queue)])
        try draft.add(
            .connected(member.flatMap { OperatorID($0) }), tags: operatorTags(member))
    }

    private func tellEndOfConversation(
        _ line: QueueLogLine, _ member: String?, _ call: inout QueueLogCall,
        _ draft: inout StoryDraft
    ) throws(RowRefusal) {
        let isTransfer = line.event != .completeAgent && line.event != .completeCaller
        let found = call.finishConversation(at: line.time, isTransfer ? .transferred : .over)
        let statedAt =
            switch line.event {
            case .completeAgent, .completeCaller: 0
            case .attendedTransfer: line.lastThree
            default: 2
            }
        draft.compare(try line.seconds(at: statedAt), with: found.wait, as: "stated_wait")
        draft.compare(try line.seconds(at: statedAt + 1), with: found.talk, as: "stated_talk")
        switch line.event {
        case .completeAgent: try draft.add(.disconnected(by: .operator))
        case .completeCaller: try draft.add(.disconnected(by: .citizen))
        default:
            let mode: TransferMode = line.event == .attendedTransfer ? .attended : .blind
            try draft.add(
                .transferred(mode), tags: operatorTags(member),
                adding: [("fromOperatorId", member)])
        }
    }

    private func tellExit(
        _ line: QueueLogLine, _ queue: QueueID, _ call: inout QueueLogCall,
        _ draft: inout StoryDraft
    ) throws(RowRefusal) {
        let (reason, end, statedAt): (LeaveReason, VisitEnd, Int) =
            switch line.event {
            case .abandon: (.abandoned, .other, 2)
            case .exitWithTimeout: (.timeout, .expired, 2)
            case .exitWithKey: (.keyExit, .other, 3)
            case .exitEmpty: (.queueClosed, .expired, 2)
            default: (.systemError, .other, -1)
            }
        let waited = call.leave(queue, at: line.time, end)
        draft.compare(try line.seconds(at: statedAt), with: waited, as: "stated_wait")
        try draft.add(.leftQueue(.init(queue: queue, reason: reason)), tags: [queueTag(queue)])
        switch line.event {
        case .abandon: try draft.add(.abandoned(.queue))
        // The system hangs up on a caller whom it cannot join with the member.
        case .systemIncompatible: try draft.add(.disconnected(by: .system))
        default: break
        }
    }

    private func offer(_ member: String?, ring: Int64?) -> [UInt8] {
        var members: [String] = []
        if let member { members.append("\"operatorId\":\(jsonString(member))") }
        if let ring { members.append("\"ringUs\":\(ring)") }
        return Array("{\(members.joined(separator: ","))}".utf8)
    }

    private func queueTag(_ queue: QueueID) -> String {
        "\(TagKey.queue):\(percentEncoded(queue.text, .tag))"
    }

    private func operatorTags(_ member: String?) -> [String] {
        member.map { ["\(TagKey.operator):\($0)"] } ?? []
    }
}

// MARK: - Members

extension QueueLogNarrator {
    private mutating func tellOfMember(_ line: QueueLogLine) throws(RowRefusal) -> QueueLogStory {
        let name = try line.requiredMember()
        let pseudonym = pseudonyms.pseudonym(of: name, kind: "operator")
        var member = members.value(of: ExactText(name)) ?? QueueLogMember(at: line.time)
        var draft = StoryDraft(
            line, namespace: namespace, key: key(of: line),
            stream: StreamPrefix.operator + pseudonym, latest: member.latest)
        member.latest = draft.latest
        let tags = operatorTags(pseudonym)
        switch line.event {
        case .agentLogin, .agentCallbackLogin:
            member.loggedIn = line.time
            try draft.add(.loggedIn, tags: tags)
        case .agentLogoff, .agentCallbackLogoff:
            let logged = member.logOff(at: line.time)
            draft.compare(try line.seconds(at: 1), with: logged, as: "stated_login")
            try draft.add(.loggedOut, tags: tags)
        case .addMember, .removeMember:
            let queue = try line.requiredQueue()
            let verb = line.event == .addMember ? "queue_joined" : "queue_left"
            try draft.add(
                "operator.\(verb)", Array("{\"queueId\":\(jsonString(queue.text))}".utf8),
                tags: [queueTag(queue)] + tags)
        default:
            let change: OperatorEvent.StatusChange
            switch turn(line, &member) {
            case .toPause: change = .init(from: .available, to: .unavailable)
            case .toWork: change = .init(from: .unavailable, to: .available)
            case .none:
                members.keep(member, for: ExactText(name))
                return .skipped(rule: line.event.rawValue)
            }
            let reason = try line.text(at: 0)
            let code = reason.flatMap { isReasonCode($0) ? $0 : nil }
            if reason != code { draft.count("reason_left_out") }
            try draft.add(.statusChanged(change), tags: tags, adding: [("reasonCode", code)])
        }
        members.keep(member, for: ExactText(name))
        return .events(draft.events, anomalies: draft.anomalies)
    }

    /// Whether it has the shape of a code: in a sentence somebody may say why they are ill.
    private func isReasonCode(_ text: String) -> Bool {
        text.utf8.count <= 32
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    private func turn(_ line: QueueLogLine, _ member: inout QueueLogMember) -> QueueLogMember.Turn {
        switch line.event {
        case .pause: member.pause(in: line.queue)
        case .pauseAll: member.pause(in: nil)
        case .unpause: member.unpause(in: line.queue)
        default: member.unpause(in: nil)
        }
    }
}

// MARK: - Events

/// The events and anomalies of one line while it is being told.
private struct StoryDraft {
    private let line: QueueLogLine
    private let namespace: EventID
    private let key: [UInt8]
    private let stream: String
    /// The latest time of the stream's lines.
    let latest: Instant
    private(set) var events: [SpooledEvent] = []
    private(set) var anomalies: [String] = []

    /// What is stated in whole seconds may differ from the time stamps by their rounding.
    private static let toleranceMicroseconds: Int64 = 1_000_000

    init(
        _ line: QueueLogLine, namespace: EventID, key: [UInt8], stream: String, latest: Instant
    ) {
        self.line = line
        self.namespace = namespace
        self.key = key
        self.stream = stream
        self.latest = max(latest, line.time)
        if line.time < latest { count("backward_clock") }
    }

    mutating func count(_ rule: String) {
        anomalies.append("\(rule).\(line.event.rawValue)")
    }

    /// Counts an anomaly where a stated duration and the time stamps disagree.
    mutating func compare(_ stated: Int64?, with found: Int64?, as rule: String) {
        guard let stated, let found else { return }
        if abs(stated - found) > Self.toleranceMicroseconds { count(rule) }
    }

    mutating func add(
        _ event: ContactEvent, tags: [String] = [], key: [UInt8]? = nil,
        adding members: [(String, String?)] = []
    ) throws(RowRefusal) {
        try add(
            event.kind?.rawValue ?? "", joined(event.payload, members), tags: tags, key: key)
    }

    mutating func add(
        _ event: OperatorEvent, tags: [String], adding members: [(String, String?)] = []
    ) throws(RowRefusal) {
        try add(event.kind?.rawValue ?? "", joined(event.payload, members), tags: tags)
    }

    mutating func add(
        _ type: String, _ data: [UInt8], tags: [String] = [], key: [UInt8]? = nil
    ) throws(RowRefusal) {
        var name = key ?? self.key
        appendNetstring(type.utf8, to: &name)
        do throws(EventError) {
            var checked: [Tag] = []
            for tag in tags { checked.append(try Tag(tag)) }
            events.append(
                SpooledEvent(
                    type: try EventType(type), schema: Catalogue.schema(of: type),
                    id: EventID(namespace: namespace, name: name), time: line.time,
                    stream: try StreamName(stream), tags: try Tags(checked), data: data,
                    latest: latest))
        } catch {
            throw .event(name: type, error)
        }
    }

    /// A payload with further members behind its own; those without a text are left out.
    private func joined(_ payload: [UInt8], _ members: [(String, String?)]) -> [UInt8] {
        var payload = payload
        for case (let name, let text?) in members {
            payload.removeLast()
            if payload.count > 1 { payload.append(UInt8(ascii: ",")) }
            payload += "\(jsonString(name)):\(jsonString(text))}".utf8
        }
        return payload
    }
}
