import AscoltoClient
import Foundation
import OwnThread
import TestSupport
import Testing

/// The client's own tasks wait for the threads that all tests share, at times for minutes: so it is
/// patient, and the time limit is no measure.
@Suite("The client library keeps ids through retries, and follows without a gap", .ownThread)
struct ClientTests {
    @Test(
        "every event is there once although the server is killed again and again",
        .timeLimit(.minutes(15)))
    func killedAgainAndAgain() async throws {
        let scratch = try Scratch()
        var server = try RunningServer(log: scratch.log)
        let port = server.port
        let client = AscoltoClient(server.address, patience: .seconds(800))
        let count = 300
        let received = Task { () -> [ReceivedEvent] in
            var events: [ReceivedEvent] = []
            for try await event in client.follow(
                EventFilter(types: ["test.sent"]), from: .beginning)
            {
                events.append(event)
                if events.count == count { break }
            }
            return events
        }
        let ids = (0..<count).map { _ in UUID() }
        let sent = Task {
            for (number, id) in ids.enumerated() {
                _ = try await client.append(
                    CloudEvent(
                        id: id, type: "test.sent", source: "urn:test", subject: "sent",
                        data: ["number": number]))
            }
        }
        for _ in 0..<5 {
            try await Task.sleep(for: .milliseconds(300))
            server.program.kill()
            _ = try server.program.finish()
            server = try RunningServer(log: scratch.log, port: port)
        }
        try await sent.value
        let events = try await received.value
        #expect(events.map(\.id) == ids)
        #expect(events.map(\.position) == events.map(\.position).sorted())
        #expect(try server.end().end == .exit(0))
    }

    @Test("outcomes, conflicts and refusals are told apart")
    func outcomes() async throws {
        let scratch = try Scratch()
        let server = try RunningServer(log: scratch.log)
        let client = AscoltoClient(server.address)
        let event = try CloudEvent(
            id: UUID(), type: "test.sent", source: "urn:test", subject: "a/1 ü=&",
            time: Date(timeIntervalSince1970: 1_790_000_000.25), schema: 3, tags: ["b:2", "a:1"],
            data: ["text": "x"])
        let nothingThere = [Expectation.stream("a/1 ü=&", .doesNotExist)]
        #expect(try await client.append(event, expecting: nothingThere) == .appended(1...1))
        #expect(try await client.append(event, expecting: nothingThere) == .alreadyAppended(1...1))
        let other = try CloudEvent(
            id: UUID(), type: "test.sent", source: "urn:test", subject: "a/2", data: [1, 2])
        let conflict = await #expect(throws: ServerProblem.self) {
            try await client.append(
                other, expecting: [.noEvent(types: ["test.sent"], tags: ["a:1"])])
        }
        #expect(conflict?.isConflict == true)
        #expect(conflict?.position == 1)
        var wrong = other
        wrong.type = ""
        let refusal = await #expect(throws: ServerProblem.self) { try await client.append(wrong) }
        #expect(refusal?.status == 400)
        for try await received in client.follow(from: .after(0)) {
            #expect(received.subject == "a/1 ü=&")
            #expect(received.tags == ["a:1", "b:2"])
            #expect(received.time == "2026-09-21T14:13:20.250000Z")
            #expect(String(decoding: received.data, as: UTF8.self) == #"{"text":"x"}"#)
            break
        }
        #expect(try server.end().end == .exit(0))
    }

    @Test("what is no event is not passed over", .timeLimit(.minutes(6)))
    func noEvent() async throws {
        let scratch = try Scratch()
        let ready = scratch.place("ready")
        let program = """
            import http.server, sys
            class Other(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(b'\\n{"position":"7"}\\n')
            server = http.server.HTTPServer(("127.0.0.1", 0), Other)
            open(sys.argv[1], "w").write(str(server.server_port))
            server.serve_forever()
            """
        let server = try Program("python3", ["-c", program, ready])
        defer { server.kill() }
        var port = ""
        while port.isEmpty {
            try await Task.sleep(for: .milliseconds(20))
            port = (try? String(contentsOfFile: ready, encoding: .utf8)) ?? ""
        }
        var events = AscoltoClient("http://127.0.0.1:" + port).follow(from: .beginning)
            .makeAsyncIterator()
        await #expect(throws: TransportError.self) { try await events.next() }
    }

    @Test("a server that is not there is given up in the end")
    func nobodyThere() async throws {
        let client = AscoltoClient("http://127.0.0.1:9", patience: .milliseconds(300))
        let event = try CloudEvent(
            id: UUID(), type: "t", source: "urn:test", subject: "s", data: [1])
        await #expect(throws: TransportError.self) { try await client.append(event) }
    }
}
