import Foundation
import OwnThread
import TestSupport
import Testing

/// One flipped bit in data.mdb is reported or harmless; nothing ever reads wrong data as right.
@Suite("A single flipped bit", .ownThread)
struct BitFlipTests {
    /// Where the bits are that are flipped.
    enum Target: Sendable {
        /// Any bit of the pages that hold the log.
        case anywhere
        /// The bytes with which LMDB finds its way: one wrong hides pages or whole trees.
        case structure
    }

    /// What verbs are asked of each damaged copy, and what they said of the sound log.
    private struct Question {
        let arguments: [String]
        let input: Program.Input
        let answer: Data

        init(_ arguments: [String], input: Program.Input = .nothing, log: String) throws {
            self.arguments = arguments
            self.input = input
            let run = try Ascolto.run(arguments, log: log, input: input)
            try #require(run.end == .exit(0), "\(arguments) \(run.error)")
            answer = run.output
        }
    }

    private static let flipsPerRun = 100

    /// Which bits to flip, uniform over the pages' bits or over those of their structure.
    private struct FlipPlaces {
        private let pages: LivePages
        private let target: Target
        private var numbers: SeededNumbers

        init(in file: Data, _ target: Target, seed: UInt64) {
            pages = LivePages(of: file)
            self.target = target
            numbers = SeededNumbers(seed: seed)
        }

        mutating func next() throws -> (place: Int, bit: UInt8) {
            let bit = UInt8(1) << Int.random(in: 0..<8, using: &numbers)
            switch target {
            case .anywhere:
                let page = try #require(pages.starts.randomElement(using: &numbers))
                return (page + Int.random(in: 0..<LivePages.pageBytes, using: &numbers), bit)
            case .structure:
                return (try #require(pages.structure.randomElement(using: &numbers)), bit)
            }
        }
    }

    private struct Tally {
        var reported = 0
        var harmless = 0
        var readersThatRefused = 0
        var broken = 0

        /// Records an issue where a promise does not hold.
        mutating func require(_ promise: Bool, _ what: String) {
            guard !promise else { return }
            broken += 1
            Issue.record("\(what)")
        }
    }

    /// Retries an event that is in the log: its answer depends on the index of identifiers.
    private func retry(_ line: String, log: String) throws -> Question {
        try Question(["append"], input: .text(line + "\n"), log: log)
    }

    private func questions(log: String) throws -> [Question] {
        let export = try MakeLog.export(log).lines
        let busy = try AnyJSON(export[export.count / 3])
        let stream = try #require(busy["subject"]?.text)
        let type = try #require(busy["type"]?.text)
        let tag = try #require(busy["tags"]?.text?.split(separator: " ").last)
        return [
            try Question(["read", "--stream", stream], log: log),
            try Question(["read", "--type", type, "--tag", String(tag)], log: log),
            try Question(
                [
                    "read", "--since", try #require(busy["time"]?.text), "--backward", "--limit",
                    "9",
                ],
                log: log),
            try retry(EdgeEvents.lines(series: 1)[5], log: log),
            try retry(EdgeEvents.lines(series: 2)[5], log: log),
        ]
    }

    @Test("is reported or harmless", arguments: [1, 2] as [UInt64], [Target.anywhere, .structure])
    func flips(seed: UInt64, target: Target) throws {
        let scratch = try Scratch()
        try MakeLog.mixed(in: scratch.log)
        let questions = try questions(log: scratch.log)
        let export = try MakeLog.export(scratch.log).output
        let root = try #require(try MakeLog.stats(scratch.log)["root"]?.text)
        let file = "\(scratch.log)/data.mdb"
        let sound = try contents(of: file)
        let head = try contents(of: "\(scratch.log)/head")
        var places = FlipPlaces(in: sound, target, seed: seed)
        var tally = Tally()
        for _ in 0..<Self.flipsPerRun {
            let (place, bit) = try places.next()
            let name = "\(target), seed \(seed), byte \(place), bit mask \(bit)"
            var damaged = sound
            damaged[place] ^= bit
            // An append may have written both; each flip starts from the sound log.
            func lay() throws {
                try scratch.file("log/data.mdb", damaged)
                try scratch.file("log/head", head)
            }
            try lay()
            let check = try Ascolto.run(["check"], log: scratch.log, within: 120)
            let brokenBefore = tally.broken
            let isReported = check.end == .exit(5)
            tally.require(isReported || check.end == .exit(0), "\(name): check: \(check.end)")
            tally.require(!isReported || !check.error.isEmpty, "\(name): the report is empty")
            if isReported { tally.reported += 1 } else { tally.harmless += 1 }

            let exported = try Ascolto.run(["export"], log: scratch.log, within: 120)
            judge(exported, name, "export", isReported, &tally) { $0.output == export }
            tally.require(
                export.prefix(exported.output.count) == exported.output,
                "\(name): export printed wrong bytes")
            let stats = try Ascolto.run(["stats"], log: scratch.log, within: 120)
            judge(stats, name, "stats", isReported, &tally) {
                (try? $0.json()["root"]?.text) == root
            }
            for question in questions {
                try lay()
                let run = try Ascolto.run(
                    question.arguments, log: scratch.log, input: question.input, within: 120)
                judge(run, name, "\(question.arguments)", isReported, &tally) {
                    $0.output == question.answer
                }
            }
            if tally.broken > brokenBefore {
                try lay()
                try keep(scratch.log, as: "ascolto-flip-\(place)-\(bit)")
            }
        }
        #expect(tally.reported >= 20, "too few flips hit anything to prove much")
        tell(
            "\(Self.flipsPerRun) flips, \(target), seed \(seed): "
                + "\(tally.reported) reported, \(tally.harmless) harmless, "
                + "\(tally.readersThatRefused) other verbs refused")
    }

    /// Copies the damaged log to where it outlives the test: a log's bytes hold chance (its id),
    /// so the seed alone does not bring the same damage back.
    private func keep(_ log: String, as name: String) throws {
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        try? FileManager.default.removeItem(atPath: copy)
        try FileManager.default.copyItem(atPath: log, toPath: copy)
        tell("the damaged log is kept in \(copy)")
    }

    /// A verb answers as if nothing had happened, or says "corruption" where `check` does too.
    private func judge(
        _ run: Run, _ flip: String, _ verb: String, _ isReported: Bool, _ tally: inout Tally,
        isRight: (Run) -> Bool
    ) {
        switch run.end {
        case .exit(0):
            tally.require(isRight(run), "\(flip): \(verb) answered wrongly with exit 0")
        case .exit(5):
            tally.readersThatRefused += 1
            tally.require(run.error.contains("corrupt"), "\(flip): \(verb): \(run.error)")
            tally.require(
                isReported, "\(flip): check is clean, but \(verb) says \(run.error)")
        default: tally.require(false, "\(flip): \(verb) ended with \(run.end): \(run.error)")
        }
    }
}
