import EventLog
import Foundation
import JSON
import TestSupport
import Testing
import Workloads

@Suite("Workloads")
struct WorkloadsTests {
    @Test("lines have 256 bytes and say what the events are", arguments: [1, 77] as [UInt64])
    func sizedEvents(seed: UInt64) throws {
        var sized = SizedEvents(seed: seed)
        let (events, lines) = try sized.next(120)
        #expect(lines.count == 120 * 256)
        for (index, event) in events.enumerated() {
            let line = lines[index * 256..<(index + 1) * 256]
            #expect(try NewEvent(cloudEvent: line, logMembers: .refused) == event)
            #expect(event.id?.description.dropFirst(14).first == "4")
        }
        #expect(Set(events.compactMap(\.id)).count == 120)
        #expect(Set(events.map(\.stream)).count == 24)
    }

    @Test("the same seed gives the same calls, another one shares no id and no stream with them")
    func seeds() throws {
        var (first, again) = (try CallLives(seed: 5), try CallLives(seed: 5))
        var other = try CallLives(seed: 6)
        let events = try first.next(2_000)
        #expect(try again.next(2_000) == events)
        let others = try other.next(2_000)
        #expect(Set(events.compactMap(\.id)).isDisjoint(with: others.compactMap(\.id)))
        #expect(Set(events.map(\.stream)).isDisjoint(with: others.map(\.stream)))
    }

    @Test("calls begin with their reception, end once and are in the order of time")
    func lives() throws {
        var calls = try CallLives(seed: 9)
        let events = try calls.next(5_000)
        let times = events.compactMap(\.time)
        #expect(times.count == events.count && times == times.sorted())
        for (_, life) in Dictionary(grouping: events, by: \.stream) {
            #expect(life.first?.type.text == "contact.received")
            let ends: Set = ["contact.disconnected", "contact.abandoned"]
            #expect(life.dropLast().allSatisfy { !ends.contains($0.type.text) })
        }
        #expect(Set(calls.sampledStreams).isSubset(of: events.map(\.stream)))
    }

    @Test("a file's events are repeated with other ids, streams and times")
    func recorded() throws {
        let scratch = try TestSupport.Scratch()
        let lines = (0..<3).map { minute in
            #"{"specversion":"1.0","id":"00000000-0000-4000-8000-00000000000\#(minute)","#
                + #""source":"urn:example:desk","type":"contact.received","subject":"contact/7","#
                + #""time":"2026-03-02T09:0\#(minute):00Z","data":{}}"#
        }
        let path = try scratch.file("events.ndjson", text: lines.joined(separator: "\n") + "\n")
        var recorded = try RecordedEvents(at: path, seed: 1)
        let events = try recorded.next(9)
        #expect(Set(events.compactMap(\.id)).count == 9)
        #expect(events[0].id?.description == "00000000-0000-4000-8000-000000000000")
        #expect(events.suffix(3).allSatisfy { $0.stream.text == "contact/7~2" })
        for (earlier, later) in zip(events, events.dropFirst()) {
            #expect(try #require(earlier.time) < #require(later.time))
        }
        #expect(recorded.sampledStreams.map(\.text) == ["contact/7", "contact/7~1", "contact/7~2"])
    }

    @Test("medians and percentiles are those of the numbers")
    func figures() {
        let latencies = (1...100).map { Int64($0) * 1_000 }
        #expect(Array(latencies.reversed()).microseconds(at: 0.5) == 50)
        #expect(latencies.microseconds(at: 0.99) == 99)
        #expect(latencies.microseconds(at: 1) == 100)
        #expect([Int64]().microseconds(at: 0.5) == 0)
        let samples = [4, 1, 2].map { Sample(events: $0, nanoseconds: 1_000_000_000) }
        #expect(samples.medianEventsPerSecond == 2)
        #expect(Array(samples.dropLast()).medianEventsPerSecond == 2.5)
    }
}
