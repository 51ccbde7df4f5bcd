import EventLog
import Foundation
import Intake
import OwnThread
import Storage
import Synchronization
import TestSupport
import Testing

@Suite("Imports that stop midway, and input that can be read once", .ownThread)
struct StoppedImportTests {
    private struct Full: Error {}

    private static let mapping = """
        namespace: urn:test
        source: urn:test
        values: {x: {column: a, as: integer}}
        stream: s
        events:
          - {name: one, type: test.one, data: {x: "{x}"}}
        """

    private func lines(_ count: Int) -> String {
        (0..<count).map { number in
            #"{"specversion":"1.0","source":"urn:t","type":"t","subject":"s","data":\#(number)}"#
                + "\n"
        }.joined()
    }

    private func importer(
        into destination: Importer.Destination, _ scratch: Scratch
    ) -> Importer {
        Importer(destination: destination, scratchDirectory: scratch.path, onRefusal: { _ in })
    }

    /// Takes as many calls as it is told, and fails every one after them.
    private func full(after calls: Int, _ collector: Collector) -> Importer.Destination {
        let made = Mutex(0)
        return .log { appends in
            let call = made.withLock { made in
                made += 1
                return made
            }
            guard call <= calls else { throw Full() }
            return collector.append(appends)
        }
    }

    @Test("a log that takes no more leaves a report of what it took", arguments: [0, 1, 2])
    func fullLog(calls: Int) async throws {
        let scratch = try Scratch()
        let collector = Collector()
        let path = try scratch.file("lines", text: lines(10_000))
        let stopped = try await #require(throws: ImportStopped.self) {
            try await importer(into: full(after: calls, collector), scratch).importNDJSON([path])
        }
        #expect(stopped.cause is Full)
        #expect(stopped.report.events == collector.events.count)
        #expect(stopped.report.events == calls * 4_096)
    }

    @Test("rows that the log took are in the report", arguments: [1, 2])
    func fullLogOfRows(calls: Int) async throws {
        let scratch = try Scratch()
        let collector = Collector()
        let table = "a\n" + (0..<10_000).map { "\($0)\n" }.joined()
        let path = try scratch.file("rows", text: table)
        let stopped = try await #require(throws: ImportStopped.self) {
            try await importer(into: full(after: calls, collector), scratch)
                .importCSV([path], mapping: try Mapping(yaml: Self.mapping))
        }
        #expect(stopped.cause is Full)
        #expect(stopped.report.rows == 10_000)
        #expect(stopped.report.events == calls * 4_096)
        #expect(collector.events.count == calls * 4_096)
    }

    @Test("lines before the place where a file fails are appended and counted")
    func truncatedFile() async throws {
        let scratch = try Scratch()
        let path = try scratch.file("lines", text: lines(10_000))
        try #require(try Program.run("gzip", [path]).end == .exit(0))
        let compressed = try Data(contentsOf: URL(fileURLWithPath: path + ".gz"))
        let cut = try scratch.file("cut.gz", compressed.dropLast(100))
        let collector = Collector()
        let stopped = try await #require(throws: ImportStopped.self) {
            try await importer(into: collector.destination, scratch).importNDJSON([cut])
        }
        guard case .truncated? = stopped.cause as? InputFileError else {
            Issue.record("\(stopped.cause)")
            return
        }
        #expect("\(stopped)" == "\(stopped.cause)")
        #expect(stopped.report.events > 4_096)
        #expect(stopped.report.events == stopped.report.rows)
        #expect(stopped.report.events == collector.events.count)
    }

    @Test("an import that never began throws the error alone")
    func missingFile() async throws {
        let scratch = try Scratch()
        await #expect(throws: InputFileError.self) {
            try await importer(into: .nowhere, scratch).importNDJSON([scratch.path + "/none"])
        }
    }

    private enum Format: CaseIterable {
        case rows
        case lines
    }

    @Test("a named pipe is read whole", .timeLimit(.minutes(5)), arguments: Format.allCases)
    private func namedPipe(format: Format) async throws {
        let scratch = try Scratch()
        let text =
            format == .rows ? "a\n" + (0..<300).map { "\($0)\n" }.joined() : lines(300)
        let path = try scratch.file("input", text: text)
        let pipe = scratch.path + "/pipe"
        try #require(try Program.run("mkfifo", [pipe]).end == .exit(0))
        let writer = try Program("sh", ["-c", #"exec cat "$0" > "$1""#, path, pipe])
        let collector = Collector()
        let importer = importer(into: collector.destination, scratch)
        let report =
            switch format {
            case .rows:
                try await importer.importCSV([pipe], mapping: try Mapping(yaml: Self.mapping))
            case .lines: try await importer.importNDJSON([pipe])
            }
        #expect(try writer.finish().end == .exit(0))
        #expect(report.rows == 300)
        #expect(report.events == 300)
        #expect(collector.events.count == 300)
    }
}
