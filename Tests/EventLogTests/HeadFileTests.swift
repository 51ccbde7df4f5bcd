import EventLog
import Merkle
import Storage
import Testing

@Suite struct HeadFileTests {
    /// A slot whose fields are sound, with a note of so many bytes where they have room.
    private func slot(noteBytes: UInt16) -> [UInt8] {
        var bytes = Array("ascolto1".utf8)
        bytes.appendU64(7)
        bytes.appendU64(1)
        Tree.emptyRoot.append(to: &bytes)
        bytes.appendU16(noteBytes)
        bytes += [UInt8](repeating: 0, count: 2_016 - bytes.count)
        Hash(of: bytes).append(to: &bytes)
        return bytes
    }

    @Test func aNoteEndsBeforeTheHashOfItsSlot() throws {
        #expect(try StoredValue.headSlot.read(slot(noteBytes: 1_958), key: []).count == 2_048)
        for noteBytes: UInt16 in [1_959, 1_990, 1_991, .max] {
            #expect(throws: (any Error).self) {
                try StoredValue.headSlot.read(slot(noteBytes: noteBytes), key: [])
            }
        }
    }
}
