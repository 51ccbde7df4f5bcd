import Foundation
import Storage
import Synchronization
import Testing

@Suite struct SlotFileTests {
    private let path = NSTemporaryDirectory() + "ascolto-slots-\(UInt64.random(in: 0 ... .max))"

    @Test func slotsAreIndependentAndTheWriterIsAlone() throws {
        defer { FileSystem.remove(path) }
        try SlotFile.create(path: path, slotBytes: 64)
        let file = try SlotFile(path: path, slotBytes: 64, access: .writing)
        try file.write([UInt8](repeating: 1, count: 64), slot: 0)
        try file.write([UInt8](repeating: 2, count: 64), slot: 1)
        try file.sync()
        #expect(try file.read(slot: 0) == [UInt8](repeating: 1, count: 64))
        #expect(throws: StorageError.locked(path: path)) {
            try SlotFile(path: path, slotBytes: 64, access: .writing)
        }
        let reader = try SlotFile(path: path, slotBytes: 64, access: .reading)
        #expect(try reader.read(slot: 1) == [UInt8](repeating: 2, count: 64))
    }

    /// A child process has all descriptors until it runs its own program.
    @Test func theLockEndsWithItsFileWhileChildrenAreStarted() throws {
        defer { FileSystem.remove(path) }
        try SlotFile.create(path: path, slotBytes: 64)
        let children = Mutex((started: 0, isOver: false))
        let thread = Thread {
            while !children.withLock({ $0.isOver }) {
                let child = Process()
                child.executableURL = URL(fileURLWithPath: "/bin/true")
                guard (try? child.run()) != nil else { return }
                child.waitUntilExit()
                children.withLock { $0.started += 1 }
            }
        }
        thread.start()
        defer { children.withLock { $0.isOver = true } }
        var reopenings = 0
        while reopenings < 1_000 || children.withLock({ $0.started }) < 20 {
            _ = try SlotFile(path: path, slotBytes: 64, access: .writing)
            reopenings += 1
            Thread.sleep(forTimeInterval: 0.000_1)
        }
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: StorageError.missing(path: path)) {
            try SlotFile(path: path, slotBytes: 64, access: .reading)
        }
    }
}
