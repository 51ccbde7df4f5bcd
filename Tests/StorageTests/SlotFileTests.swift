import Foundation
import OwnThread
import Storage
import TestSupport
import Testing

@Suite(.ownThread) struct SlotFileTests {
    private let scratch: Scratch
    private let path: String

    init() throws {
        scratch = try Scratch()
        path = scratch.place("slots")
    }

    @Test func slotsAreIndependentAndTheWriterIsAlone() throws {
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
        try SlotFile.create(path: path, slotBytes: 64)
        var file: SlotFile? = try SlotFile(path: path, slotBytes: 64, access: .writing)
        let descriptor = try #require(openFiles().first { $0.value == path }?.key)
        let child = try Program(
            "sleep", ["60"], input: .handle(FileHandle(fileDescriptor: dup(descriptor))))
        defer { child.kill() }
        #expect(child.isRunning)
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
