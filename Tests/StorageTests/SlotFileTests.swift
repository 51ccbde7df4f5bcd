import Foundation
import Storage
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
    @Test func theLockEndsWithItsFileWhileChildrenAreStarted() async throws {
        defer { FileSystem.remove(path) }
        try SlotFile.create(path: path, slotBytes: 64)
        let starting = Task.detached {
            var started = 0
            while !Task.isCancelled {
                let child = Process()
                child.executableURL = URL(fileURLWithPath: "/bin/true")
                try child.run()
                child.waitUntilExit()
                started += 1
            }
            return started
        }
        for _ in 0..<2_000 {
            _ = try SlotFile(path: path, slotBytes: 64, access: .writing)
            try await Task.sleep(for: .microseconds(100))
        }
        starting.cancel()
        #expect(try await starting.value > 10)
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: StorageError.missing(path: path)) {
            try SlotFile(path: path, slotBytes: 64, access: .reading)
        }
    }
}
