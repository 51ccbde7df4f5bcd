import TestSupport

/// A small call centre that plays some hours, writes them as Asterisk would, and counts for itself.
///
/// Figures come from the times as they stand in the lines, so without the rest of a second where
/// stamps are whole.
struct PlayedCentre {
    enum Stamps { case whole, fractional }

    /// What a queue or a member has to show for.
    struct Count: Equatable, Hashable {
        var offered = 0
        var answered = 0
        var abandoned = 0
        var waitAnswered: Int64 = 0
        var waitAbandoned: Int64 = 0
        var handled = 0
        var handle: Int64 = 0
    }

    private(set) var queues: [String: Count] = [:]
    private(set) var members: [String: Count] = [:]
    private(set) var events = 0
    private(set) var received = 0
    private(set) var skipped: [String: Int] = [:]
    private(set) var refused = 0
    private(set) var wrongWaits = 0
    private(set) var lines: [String] = []

    private let stamps: Stamps
    private var random: SeededNumbers
    private var told: [(time: Int64, line: String)] = []

    private static let second: Int64 = 1_000_000
    private static let queueNames = ["anagrafe", "tributi", "scuola e sport", "città"]
    private static let start: Int64 = 1_764_000_000 * second

    init(calls: Int, seed: UInt64, stamps: Stamps) {
        self.stamps = stamps
        random = SeededNumbers(seed: seed)
        for member in 0..<6 { playDay(of: "SIP/30\(member)") }
        for number in 0..<calls { playCall("\(1_764_000_000 + number).\(number)") }
        for count in 0..<20 { playNoise(count) }
        lines = told.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }
        .map(\.element.line)
    }

    // MARK: - Calls

    private mutating func playCall(_ call: String) {
        received += 1
        events += 1
        var now = Self.start + pause(upTo: 20_000)
        for visit in 0..<4 {
            let queue = Self.queueNames.randomElement(using: &random) ?? ""
            guard let end = playVisit(call, queue, from: now, isLast: visit == 3) else { return }
            now = end
        }
    }

    /// Plays one visit; nil where the call is over with it, otherwise when it goes on.
    private mutating func playVisit(
        _ call: String, _ queue: String, from begin: Int64, isLast: Bool
    ) -> Int64? {
        write(begin, call, queue, "NONE", "ENTERQUEUE||0612345678|1", events: 1)
        queues[queue, default: Count()].offered += 1
        var now = begin
        for _ in 0..<Int.random(in: 0..<3, using: &random) {
            now += pause(upTo: 20)
            let rings = ["RINGNOANSWER|15000", "RINGCANCELED|800", "AGENTDUMP"]
            write(now, call, queue, member(), rings.randomElement(using: &random) ?? "", events: 1)
        }
        now += pause(upTo: 90)
        let wait = recorded(now) - recorded(begin)
        let stated = stated(wait: now, since: begin)
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<4:
            write(now, call, queue, "NONE", "ABANDON|1|1|\(stated)", events: 2)
            queues[queue, default: Count()].abandoned += 1
            queues[queue, default: Count()].waitAbandoned += wait
            return nil
        case 4: write(now, call, queue, "NONE", "EXITWITHTIMEOUT|1|1|\(stated)", events: 1)
        case 5: write(now, call, queue, "NONE", "EXITWITHKEY|9|1|1|\(stated)", events: 1)
        case 6: write(now, call, queue, "NONE", "EXITEMPTY|1|1|\(stated)", events: 1)
        case 7:
            // The line states no wait, so it cannot state a wrong one.
            if stated != floor(now) - floor(begin) { wrongWaits -= 1 }
            write(now, call, queue, member(), "SYSCOMPAT", events: 2)
            return nil
        default:
            queues[queue, default: Count()].answered += 1
            queues[queue, default: Count()].waitAnswered += wait
            return playConversation(call, queue, from: now, after: stated, isLast: isLast)
        }
        return isLast ? nil : now + pause(upTo: 3)
    }

    private mutating func playConversation(
        _ call: String, _ queue: String, from begin: Int64, after wait: Int64, isLast: Bool
    ) -> Int64? {
        let member = member()
        write(begin, call, queue, member, "CONNECT|\(wait)|\(call)9|4", events: 3)
        members[member, default: Count()].answered += 1
        // The log is cut off: nobody knows how long they spoke.
        if random.happens(oneIn: 25) { return nil }
        let end = begin + pause(upTo: 400)
        let talk = recorded(end) - recorded(begin)
        for (key, counts) in [(queue, \PlayedCentre.queues), (member, \PlayedCentre.members)] {
            self[keyPath: counts][key, default: Count()].handled += 1
            self[keyPath: counts][key, default: Count()].handle += talk
        }
        let durations = "\(wait)|\(floor(end) - floor(begin))|1"
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: write(end, call, queue, member, "COMPLETEAGENT|\(durations)", events: 1)
        case 4..<7: write(end, call, queue, member, "COMPLETECALLER|\(durations)", events: 1)
        case 7:
            let method = random.happens(oneIn: 2) ? "LINK|SIP/1-a|SIP/2-b" : "BRIDGE|0b7e"
            write(end, call, queue, member, "ATTENDEDTRANSFER|\(method)|\(durations)", events: 1)
        case 8: write(end, call, queue, member, "TRANSFER|300|default|\(durations)", events: 1)
        default:
            write(end, call, queue, member, "BLINDTRANSFER|300|default|\(durations)", events: 1)
            return isLast ? nil : end
        }
        return nil
    }

    // MARK: - Members and the rest

    private mutating func playDay(of member: String) {
        var now = Self.start - 3_600 * Self.second
        write(now, "NONE", "NONE", member, "AGENTLOGIN|\(member)-1", events: 1)
        for queue in Self.queueNames.prefix(2) {
            write(now, "REALTIME", queue, member, "ADDMEMBER|", events: 1)
        }
        let login = now
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            for verb in ["PAUSE", "UNPAUSE"] {
                now += (60 + pause(upTo: 3_000) / Self.second) * Self.second
                // The first pause, and the last return, is the person's; the others are skipped.
                let firstCounts = verb == "PAUSE"
                for (index, queue) in Self.queueNames.prefix(2).enumerated() {
                    let counts = (index == 0) == firstCounts
                    write(now, "NONE", queue, member, "\(verb)|break", events: counts ? 1 : 0)
                    if !counts { skipped[verb, default: 0] += 1 }
                }
                write(now, "NONE", "NONE", member, "\(verb)ALL|break", events: 0)
                skipped["\(verb)ALL", default: 0] += 1
            }
        }
        now += Self.second
        let logged = floor(now) - floor(login)
        write(now, "NONE", "NONE", member, "AGENTLOGOFF|\(member)-1|\(logged)", events: 1)
    }

    private mutating func playNoise(_ count: Int) {
        let now = Self.start + pause(upTo: 20_000)
        if count % 4 == 0 {
            write(now, "NONE", "NONE", "NONE", "GREMLIN|\(count)", events: 0)
            refused += 1
        } else {
            let name = ["QUEUESTART", "CONFIGRELOAD", "DID"][count % 3]
            write(now, "NONE", "NONE", "NONE", "\(name)|", events: 0)
            skipped[name, default: 0] += 1
        }
    }

    // MARK: - Lines

    private mutating func member() -> String { "SIP/30\(Int.random(in: 0..<6, using: &random))" }

    private mutating func pause(upTo seconds: Int64) -> Int64 {
        Int64.random(in: 0..<seconds * Self.second, using: &random)
    }

    private mutating func write(
        _ time: Int64, _ call: String, _ queue: String, _ member: String, _ event: String,
        events: Int
    ) {
        let rest = String(time % Self.second)
        let zeros = String(repeating: "0", count: 6 - rest.count)
        let fraction = stamps == .whole ? "" : ".\(zeros)\(rest)"
        told.append((time, "\(floor(time))\(fraction)|\(call)|\(queue)|\(member)|\(event)"))
        self.events += events
    }

    /// The wait that a line states: whole seconds of whole times, now and then a wrong one.
    private mutating func stated(wait now: Int64, since begin: Int64) -> Int64 {
        let wait = floor(now) - floor(begin)
        guard random.happens(oneIn: 40) else { return wait }
        wrongWaits += 1
        return wait + 7
    }

    private func floor(_ time: Int64) -> Int64 { time / Self.second }

    /// The time as it stands in a line.
    private func recorded(_ time: Int64) -> Int64 {
        stamps == .whole ? floor(time) * Self.second : time
    }
}
