import EventLog
import Intake
import JSON
import Synchronization
import Testing

@Suite("NDJSON")
struct NDJSONTests {
    /// Reads the few members that these tests use.
    private static func parse(_ line: ArraySlice<UInt8>) throws(EventError) -> NewEvent {
        do throws(JSONError) { try checkJSON(line) } catch { throw .json(error) }
        guard let object = JSONPayload(checked: line), let type = object.string("type") else {
            throw .missing(member: "type")
        }
        return NewEvent(
            id: object.string("id").flatMap { EventID($0) }, type: try EventType(type), schema: 1,
            stream: try StreamName(object.string("subject") ?? "s"),
            source: try Source("urn:test"), time: nil,
            data: .json(object.member("data")?.bytes ?? []))
    }

    private func importing(
        _ texts: [String], into collector: Collector = Collector()
    ) async throws -> Imported {
        let scratch = try Scratch()
        var paths: [String] = []
        for (index, text) in texts.enumerated() {
            paths.append(try scratch.file("\(index).ndjson", text: text))
        }
        let refused = Mutex<[RefusedRow]>([])
        let importer = Importer(
            destination: collector.destination, scratchDirectory: scratch.path,
            onRefusal: { row in refused.withLock { $0.append(row) } })
        let report = try await importer.importNDJSON(paths, parse: Self.parse)
        return Imported(
            report: report, events: collector.events, refused: refused.withLock { $0 })
    }

    @Test("lines keep their order, blank ones do not count, bad ones are refused")
    func lines() async throws {
        let first = """
            {"type":"b","id":"01890a5d-ac96-774b-bcce-b302099a8057","data":{"n":2}}

            {"type":"meta.log_created"}
            {"type":"a","type":"b"}
            \t\r
            {"type":"a","data":{"n":1}}
            {"subject":"s"}
            """
        let imported = try await importing([first + "\n", #"{"type":"c","data":{}}"#])
        #expect(imported.events.map(\.type.text) == ["b", "a", "c"])
        #expect(imported.data == [#"{"n":2}"#, #"{"n":1}"#, "{}"])
        #expect(imported.report.rows == 6)
        #expect(imported.report.skipped == 1)
        #expect(
            imported.refused.map { "\($0.line): \($0.reason)" } == [
                "4: the key \"type\" appears twice in one object at byte 13",
                "7: \"type\" is missing",
            ])
    }

    @Test("a line over 4 MiB is refused and the next one is read")
    func longLine() async throws {
        let long = String(repeating: "x", count: 4 << 20 + 1)
        let imported = try await importing([long + "\n" + #"{"type":"a","data":{}}"#])
        #expect(imported.report.events == 1)
        #expect(imported.refused.map(\.line) == [1])
        #expect(
            "\(imported.refused[0].reason)"
                == "the line has \(long.utf8.count) bytes; at most 4194304 are read")
    }

    @Test("a line without an id gets the same one in every run, equal lines distinct ones")
    func derivedIDs() async throws {
        let text = "{\"type\":\"a\"}\n{\"type\":\"b\"}\n{\"type\":\"a\"}\n"
        let once = try await importing([text])
        let again = try await importing([text])
        #expect(once.events.map(\.id) == again.events.map(\.id))
        #expect(Set(once.events.map(\.id)).count == 3)
        #expect(once.events.allSatisfy { $0.id != nil })
    }

    @Test("many lines are handed over in several calls, in order")
    func chunks() async throws {
        let lines = (0..<9_000).map { "{\"type\":\"t\",\"data\":{\"n\":\($0)}}\n" }
        let imported = try await importing([lines.joined()])
        #expect(imported.data == (0..<9_000).map { "{\"n\":\($0)}" })
    }

    @Test("what was there before is counted, what the log rejects is reported by line")
    func outcomes() async throws {
        let collector = Collector { event in
            let range = PositionRange(first: Position(1), last: Position(1))
            return switch event.type.text {
            case "known": .alreadyAppended(range)
            case "bad": .rejected(.reservedStream(event.stream))
            default: nil
            }
        }
        let imported = try await importing(
            ["{\"type\":\"known\"}\n{\"type\":\"bad\"}\n{\"type\":\"new\"}\n"], into: collector)
        #expect(imported.report.events == 1)
        #expect(imported.report.alreadyAppended == 1)
        #expect(imported.report.rejected == 1)
        #expect(
            imported.refused.map { "\($0.line): \($0.reason)" }
                == ["2: the log rejects it: the stream s is written by the log only"])
    }
}
