import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("A damaged log", .ownThread)
struct CorruptionTests {
    private static let readers = [
        ["check"], ["check", "--quick"], ["export"], ["stats"], ["streams"], ["project"],
        ["read", "--limit", "1"],
    ]

    private func small() throws -> Scratch {
        let scratch = try Scratch()
        try MakeLog.mixed(in: scratch.log)
        return scratch
    }

    private func head(of log: String) throws -> Data { try contents(of: "\(log)/head") }

    private func write(_ bytes: Data, to path: String) throws {
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    @Test("is reported where data.mdb was cut short", arguments: [0, 1, 4_096, 40_000, -1, -4_096])
    func truncated(size: Int) throws {
        let scratch = try small()
        let file = "\(scratch.log)/data.mdb"
        let whole = try contents(of: file)
        try write(whole.prefix(size < 0 ? whole.count + size : size), to: file)
        let line = EdgeEvents.lines(series: 4)[0]
        for verb in Self.readers + [["append"]] {
            let run = try Ascolto.run(verb, log: scratch.log, input: .text(line), within: 90)
            #expect(run.end == .exit(5), "\(verb), \(size): \(run.end) \(run.error)")
            #expect(run.error.contains("corrupt"), "\(verb), \(size): \(run.error)")
        }
    }

    @Test("is reported where data.mdb is an older copy than its head file remembers")
    func olderCopy() throws {
        let scratch = try small()
        let file = "\(scratch.log)/data.mdb"
        let older = try contents(of: file)
        try MakeLog.append(
            EdgeEvents.lines(series: 3), to: scratch.log, environment: MakeLog.evening)
        try write(older, to: file)
        let line = EdgeEvents.lines(series: 4)[0]
        for verb in Self.readers + [["append"], ["generate", "--days", "1"]] {
            let run = try Ascolto.run(verb, log: scratch.log, input: .text(line), within: 90)
            #expect(run.end == .exit(5), "\(verb): \(run.end) \(run.error)")
            #expect(run.error.contains("head file remembers"), "\(verb): \(run.error)")
        }
    }

    @Test("is sound with one torn slot of the head file, and not with two")
    func slots() throws {
        let scratch = try small()
        let whole = try head(of: scratch.log)
        let export = try MakeLog.export(scratch.log).output
        for slot in 0..<2 {
            var torn = whole
            for byte in 1_000..<2_048 { torn[slot * 2_048 + byte] ^= 0xFF }
            try write(torn, to: "\(scratch.log)/head")
            for verb in Self.readers {
                let run = try Ascolto.run(verb, log: scratch.log)
                #expect(run.end == .exit(0), "slot \(slot), \(verb): \(run.error)")
            }
            #expect(try MakeLog.export(scratch.log).output == export)
        }
        var damaged = whole
        damaged[100] ^= 1
        damaged[2_048 + 100] ^= 1
        try write(damaged, to: "\(scratch.log)/head")
        let check = try Ascolto.run(["check"], log: scratch.log)
        #expect(check.end == .exit(5))
        #expect(check.error.contains("head file"), "\(check.error)")
        #expect(try check.json()["sound"] == .truth(false))
    }

    @Test("is repaired by the next append where one slot was torn")
    func tornSlotHeals() throws {
        let scratch = try small()
        var torn = try head(of: scratch.log)
        for byte in 0..<2_048 { torn[byte] = 0 }
        try write(torn, to: "\(scratch.log)/head")
        for series in 3...4 {
            try MakeLog.append(EdgeEvents.lines(series: series), to: scratch.log)
        }
        #expect(try Ascolto.run(["check"], log: scratch.log).end == .exit(0))
    }
}
