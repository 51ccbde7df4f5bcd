internal import Storage
internal import Synchronization

/// The way to the vault of a log, which a process opens once: when it is needed, and is there.
package final class VaultDoor: Sendable {
    private let logDirectory: String
    private let rootGuard: (any RootKey)?
    private let access: KeyStore.Access
    private let opened = Mutex<KeyStore?>(nil)

    /// - Parameters:
    ///   - logDirectory: Where the log is; the vault is in it.
    ///   - rootGuard: Who guards the root; nil where it is in the file `root.key` of the log.
    ///   - access: What the vault is opened for.
    package init(
        inLogAt logDirectory: String, rootGuardedBy rootGuard: (any RootKey)?,
        access: KeyStore.Access
    ) {
        self.logDirectory = logDirectory
        self.rootGuard = rootGuard
        self.access = access
    }

    private var directory: String { logDirectory + "/vault" }
    private var rootKeyPath: String { logDirectory + "/root.key" }

    private var root: any RootKey {
        if let rootGuard { return rootGuard }
        let path = rootKeyPath
        return LazyRootKey { () throws(VaultError) in try RootKeyFile(at: path) }
    }

    /// The vault, or nil as long as there is none.
    /// - Throws: ``VaultError``, also where a part of it is missing.
    package func vault() throws(VaultError) -> KeyStore? {
        try opened.withLock { vault throws(VaultError) in
            if vault == nil, isThere {
                vault = try KeyStore.open(in: directory, root: root, access: access)
            }
            return vault
        }
    }

    /// The vault, or ``VaultError/noVault(directory:)``.
    package func requireVault() throws(VaultError) -> KeyStore {
        guard let vault = try vault() else { throw .noVault(directory: directory) }
        return vault
    }

    /// The vault, which is made where there is none.
    ///
    /// `madeRoot` is called with the path of a root key that was made for it.
    /// - Throws: ``VaultError``; nothing half made is left.
    package func vaultOrNew(
        madeRoot: (_ path: String) -> Void
    ) throws(VaultError) -> KeyStore {
        if let vault = try vault() { return vault }
        try wrapping {
            try FileSystem.withLock(on: logDirectory) {
                // Another process may have been faster; its vault is as good.
                guard !KeyStore.exists(in: directory) else { return }
                if rootGuard == nil, FileSystem.kind(of: rootKeyPath) == .missing {
                    _ = try RootKeyFile.create(at: rootKeyPath)
                    madeRoot(rootKeyPath)
                }
                try KeyStore.create(in: directory, root: root)
            }
        }
        return try requireVault()
    }

    /// Also where a part of it is missing, which whoever opens it is told.
    private var isThere: Bool {
        KeyStore.exists(in: directory) || FileSystem.kind(of: directory) == .directory
    }
}

/// A root that is looked for when it is needed: what is not personal needs none.
private struct LazyRootKey: RootKey {
    let find: @Sendable () throws(VaultError) -> any RootKey

    func wrap(_ key: [UInt8]) throws(VaultError) -> [UInt8] { try find().wrap(key) }

    func unwrap(_ wrapped: [UInt8]) throws(VaultError) -> [UInt8] { try find().unwrap(wrapped) }
}
