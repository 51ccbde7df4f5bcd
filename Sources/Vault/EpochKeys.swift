internal import Crypto
internal import Storage
internal import Synchronization

/// The keys under which the keys of subjects are wrapped: one for each epoch, of which one lives,
/// or two while the vault goes over to the next.
///
/// They lie in files of their own, `epoch-N.key`, wrapped by the root. To destroy one is to destroy
/// for ever what was wrapped under it only: also in pages of the key store that are free now, and
/// in its backups.
final class EpochKeys: Sendable {
    private let directory: String
    private let root: any RootKey
    private let unwrapped = Mutex<[UInt32: SymmetricKey]>([:])

    static let keyBytes = 32
    private static let fileBytesMax = 8_192

    init(in directory: String, root: any RootKey) {
        self.directory = directory
        self.root = root
    }

    /// The epochs whose keys are there, ascending.
    var epochs: [UInt32] {
        (FileSystem.entries(of: directory) ?? []).compactMap { name in
            guard name.hasPrefix("epoch-"), name.hasSuffix(".key") else { return nil }
            return UInt32(name.dropFirst(6).dropLast(4))
        }.sorted()
    }

    /// Removes what a key that was never finished has left.
    func removeLeftovers() {
        for name in FileSystem.entries(of: directory) ?? []
        where name.hasPrefix("epoch-") && name.hasSuffix(".key.new") {
            FileSystem.remove("\(directory)/\(name)")
        }
    }

    /// A key that the root has wrapped, and that wraps nothing yet.
    struct Wrapped: Sendable {
        fileprivate let key: [UInt8]
        fileprivate let text: [UInt8]
    }

    /// Has the root wrap a new key, and shows that it can be had back.
    func make() throws -> Wrapped {
        let bytes = randomBytes(Self.keyBytes)
        let wrapped = try root.wrap(bytes)
        guard wrapped.count <= Self.fileBytesMax / 4, try root.unwrap(wrapped) == bytes else {
            throw VaultError.rootCommand("it does not give back what it has wrapped")
        }
        return Wrapped(key: bytes, text: Array((Hex.encode(wrapped) + "\n").utf8))
    }

    /// Puts a key on disk as that of an epoch, in place of one that a rotation has left behind.
    func install(_ made: Wrapped, as epoch: UInt32) throws {
        try FileSystem.replace(path(epoch), with: made.text, for: .ownerOnly)
        guard try RawFile.open(path(epoch)).read(Self.fileBytesMax, at: 0) == made.text else {
            throw VaultError.damagedFile(path: path(epoch), "it does not hold what was written")
        }
        unwrapped.withLock { $0[epoch] = SymmetricKey(data: made.key) }
    }

    func key(of epoch: UInt32) throws -> SymmetricKey {
        if let known = unwrapped.withLock({ $0[epoch] }) { return known }
        let file = path(epoch)
        guard FileSystem.kind(of: file) == .file else { throw VaultError.noEpochKey(path: file) }
        if try FileSystem.isOpenToOthers(file) { throw VaultError.openKeyFile(path: file) }
        let text = try RawFile.open(file).read(Self.fileBytesMax, at: 0)
        guard text.last == UInt8(ascii: "\n"),
            let wrapped = Hex.decode(String(decoding: text.dropLast(), as: UTF8.self)),
            !wrapped.isEmpty
        else { throw VaultError.damagedFile(path: file, "it is no wrapped key") }
        let bytes = try root.unwrap(wrapped)
        guard bytes.count == Self.keyBytes else {
            throw VaultError.rootCommand("it has unwrapped \(bytes.count) bytes, not 32")
        }
        let key = SymmetricKey(data: bytes)
        unwrapped.withLock { $0[epoch] = key }
        return key
    }

    /// Overwrites the key of an epoch where it lies, and removes it.
    ///
    /// What file systems and disks keep of overwritten bytes is out of reach.
    func destroy(_ epoch: UInt32) throws {
        unwrapped.withLock { $0[epoch] = nil }
        let count = try FileSystem.size(of: path(epoch)).bytes
        try RawFile.overwrite(path(epoch), with: randomBytes(count))
        FileSystem.remove(path(epoch))
        try FileSystem.sync(directory)
    }

    private func path(_ epoch: UInt32) -> String { "\(directory)/epoch-\(epoch).key" }
}
