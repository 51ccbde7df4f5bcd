import Foundation
import OwnThread
import TestSupport
import Testing

/// What the other tests run the binary and its judges with.
@Suite("A program that a test runs", .ownThread)
struct ProgramTests {
    private func open(in directories: Set<String>) -> [String] {
        openFiles().values.filter { file in directories.contains { file.hasPrefix($0) } }
    }

    /// Foundation crashes when it starts a program and some 1,350 descriptors are open.
    @Test("leaves none of its files open in the process that started it")
    func descriptors() throws {
        var directories: Set<String> = []
        for number in 0..<200 {
            let program = try Program("cat", input: .text("\(number)\n"))
            #expect(open(in: [program.directory]) == [])
            #expect(try program.finish().text == "\(number)\n")
            directories.insert(program.directory)
        }
        #expect(directories.count == 200)
        #expect(open(in: directories) == [])
    }

    @Test("tells its output, its errors and how it ended")
    func ended() throws {
        let script = #"echo "$0 $HERE"; echo wrong >&2; exit 3"#
        let run = try Program.run("sh", ["-c", script, "out"], environment: ["HERE": "there"])
        #expect(run.end == .exit(3))
        #expect(run.lines == ["out there"])
        #expect(run.error == "wrong\n")
        #expect(try Program.run("sh", ["-c", "kill -TERM $$"]).end == .signal(SIGTERM))
        #expect(try Program.run("no-such-program").end == .exit(127))
    }

    @Test("is killed where it takes too long, and where nobody holds it any more")
    func killed() throws {
        #expect(try Program.run("sleep", ["600"], within: 0.1).end == .outOfTime)
        let identifier = try Program("sleep", ["600"]).identifier
        #expect(kill(identifier, 0) == -1, "it still runs")
    }
}
