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

    /// A child process that was just forked has all descriptors until it runs its own program; this
    /// one keeps the file's as its standard input.
    @Test func theLockEndsWithItsFileWhileAChildHasTheDescriptor() throws {
        defer { FileSystem.remove(path) }
        try SlotFile.create(path: path, slotBytes: 64)
        var file: SlotFile? = try SlotFile(path: path, slotBytes: 64, access: .writing)
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let descriptor = try #require(
            descriptors.first {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))
                    == path
            }.flatMap { Int32($0) })
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/sleep")
        child.arguments = ["60"]
        child.standardInput = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        try child.run()
        defer {
            kill(child.processIdentifier, SIGKILL)
            child.waitUntilExit()
        }
        _ = file
        file = nil
        _ = try SlotFile(path: path, slotBytes: 64, access: .writing)
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: StorageError.missing(path: path)) {
            try SlotFile(path: path, slotBytes: 64, access: .reading)
        }
    }
}
