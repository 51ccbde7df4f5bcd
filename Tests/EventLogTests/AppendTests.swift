import EventLog
import JSON
import TestSupport
import Testing

@Suite struct AppendTests {
    /// Whatever is appended, in whatever portions and with whatever restarts, is read again.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func randomEventsComeBack(seed: UInt64) async throws {
        let directory = try Scratch()
        var generator = SeededNumbers(seed: seed)
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var sent: [NewEvent] = []
        for _ in 0..<4 {
            let log = try EventLog.open(at: directory.log, access: .writing)
            for _ in 0..<3 {
                let count = Int.random(in: 1..<1_500, using: &generator)
                var appends: [Append] = []
                for _ in 0..<count {
                    appends.append(Append([try .random(using: &generator, streams: 500)]))
                }
                let outcomes = try await log.append(each: appends)
                for (offset, outcome) in outcomes.enumerated() {
                    let position = Position(UInt64(sent.count + offset + 1))
                    #expect(
                        outcome == .appended(PositionRange(first: position, last: position)),
                        "seed \(seed)")
                }
                sent += appends.map { $0.events[0] }
            }
            log.close()
        }
        let log = try EventLog.open(at: directory.log, access: .reading)
        let events = try log.events()
        #expect(events.dropFirst().map(\.sent) == sent, "seed \(seed)")
        var revisions: [StreamName: UInt64] = [:]
        for event in events {
            #expect(event.revision.value == revisions[event.stream, default: 0])
            revisions[event.stream, default: 0] += 1
            #expect(try Event(line: event.line[...]) == event)
        }
    }
}
