import EventLog
import Foundation
import JSON
import Storage
import TestSupport
import Testing

@Suite struct CursorTests {
    private let directory: Scratch

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
    }

    private func append(_ count: Int, seed: UInt64) async throws {
        var generator = SeededNumbers(seed: seed)
        let log = try EventLog.open(at: directory.log, access: .writing)
        let appends = try (0..<count).map { _ in
            Append([try .small(using: &generator, streams: 9)])
        }
        _ = try await log.append(each: appends)
        log.close()
    }

    private func open() throws -> EventLog {
        try EventLog.open(at: directory.log, access: .reading)
    }

    private var file: String { directory.log + "/cursors/desk" }

    @Test func aPositionOutlivesItsConsumer() async throws {
        try await append(500, seed: 1)
        let log = try open()
        #expect(log.cursorNames() == [])
        for step in 1...5 as ClosedRange<UInt64> {
            let cursor = try log.cursor("desk")
            #expect(cursor.next == Position((step - 1) * 100))
            for next in stride(from: (step - 1) * 100, through: step * 100, by: 25) {
                try cursor.save(Position(next))
            }
        }
        let status = try log.cursorStatus("desk")
        #expect(status.position == Position(499))
        #expect(status.lagEvents == 1)
        #expect(status.lagSeconds == 0)
        #expect(log.cursorNames() == ["desk"])
        #expect(FileSystem.entries(of: directory.log + "/cursors") == ["desk"])
    }

    @Test func twoConsumersOfOneNameDoNotMeet() throws {
        let log = try open()
        let first = try log.cursor("desk")
        #expect(throws: LogError.self) { try log.cursor("desk") }
        #expect(throws: LogError.self) { try log.resetCursor("desk", to: Position(0)) }
        #expect(throws: LogError.self) { try log.removeCursor("desk") }
        _ = try log.cursor("other")
        #expect(try log.cursorStatus("desk").position == nil)
        withExtendedLifetime(first) {}
    }

    @Test func itGoesBackOnlyWhenItIsReset() async throws {
        try await append(100, seed: 1)
        let log = try open()
        do {
            let cursor = try log.cursor("desk")
            try cursor.save(Position(50))
            #expect(throws: LogError.self) { try cursor.save(Position(49)) }
            #expect(throws: LogError.self) { try cursor.save(Position(102)) }
            #expect(cursor.next == Position(50))
            try cursor.reset(to: Position(20))
            #expect(cursor.next == Position(20))
        }
        try log.resetCursor("desk", to: Position(10))
        #expect(try log.cursor("desk").next == Position(10))
        try log.removeCursor("desk")
        #expect(log.cursorNames() == [])
        #expect(throws: LogError.self) { try log.removeCursor("desk") }
        #expect(throws: LogError.self) { try log.resetCursor("desk", to: Position(0)) }
    }

    @Test(arguments: [
        "", ".hidden", "../head", "a/b", "a b", "è", String(repeating: "a", count: 65),
    ])
    func namesThatAreNoFileNamesAreRefused(name: String) throws {
        let log = try open()
        #expect(throws: LogError.self) { try log.cursor(name) }
        #expect(FileSystem.kind(of: directory.log + "/cursors") == .missing)
    }

    /// Whichever slot a power cut tears, what was synced or what was saved last is left.
    @Test func aTornSlotLeavesASyncedPosition() async throws {
        try await append(100, seed: 1)
        let log = try open()
        do {
            let cursor = try log.cursor("desk")
            for next in 1...6 as ClosedRange<UInt64> { try cursor.save(Position(next * 10)) }
            try cursor.sync()
            try cursor.save(Position(70))
        }
        for slot in 0...1 {
            let handle = try #require(FileHandle(forUpdatingAtPath: file))
            try handle.seek(toOffset: UInt64(slot * 4_096 + 30))
            try handle.write(contentsOf: Data([0x55]))
            try handle.close()
            if slot == 0 {
                #expect([60, 70].contains(try log.cursor("desk").next.value))
            } else {
                #expect(throws: LogError.self) { try log.cursor("desk") }
            }
        }
        try log.resetCursor("desk", to: Position(60))
        #expect(try log.cursor("desk").next == Position(60))
    }

    @Test func aCursorOfAnotherHistoryIsRefused() async throws {
        try await append(100, seed: 1)
        let backup = directory.path + "/backup"
        _ = try open().backup(to: backup) { _ in }
        try await append(100, seed: 2)
        try open().cursor("desk").save(Position(150))
        _ = try EventLog.restore(
            backup, to: directory.log, policy: .replaceAnything
        ) { _ in }
        #expect(throws: LogError.self) { try open().cursor("desk") }
        // Other events have come to where it stands.
        try await append(100, seed: 3)
        #expect(throws: LogError.self) { try open().cursor("desk") }
        let log = try open()
        try log.resetCursor("desk", to: Position(101))
        #expect(try log.cursor("desk").next == Position(101))
    }

    @Test func aFollowerResumesWhereItsCursorStands() async throws {
        try await append(300, seed: 1)
        let log = try open()
        var seen: [UInt64] = []
        for _ in 0..<3 {
            let cursor = try log.cursor("desk")
            for try await batch in try log.subscribe(from: .cursor(cursor)) {
                seen += batch.events.map(\.position.value)
                try cursor.save(batch.next)
                break
            }
            let end = try log.head().size
            if cursor.next.value == end { break }
        }
        #expect(seen == Array(0..<301))
    }
}
