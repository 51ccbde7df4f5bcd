internal import EventLog
internal import Foundation
internal import Glibc
internal import Storage
internal import Subjects
internal import Vault

/// The root of the vault's keys, guarded by a command such as one that asks an HSM or a KMS.
///
/// It is called with `wrap` or `unwrap` as its last argument and the bytes in hexadecimal digits on
/// standard input, and answers on standard output alike.
struct CommandRootKey: RootKey {
    let command: String

    static let variable = "ASCOLTO_VAULT_ROOT_COMMAND"

    func wrap(_ key: [UInt8]) throws(VaultError) -> [UInt8] { try ask("wrap", key) }

    func unwrap(_ wrapped: [UInt8]) throws(VaultError) -> [UInt8] { try ask("unwrap", wrapped) }

    private func ask(_ what: String, _ bytes: [UInt8]) throws(VaultError) -> [UInt8] {
        // Who ends without having read is told by its answer, not by the end of this process.
        signal(SIGPIPE, SIG_IGN)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \(command) \(what)"]
        let (input, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput) = (input, output)
        do {
            try process.run()
            try input.fileHandleForWriting.write(contentsOf: Data((Hex.encode(bytes) + "\n").utf8))
            try input.fileHandleForWriting.close()
            let answer = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                throw VaultError.rootCommand(
                    "\(command) \(what) ended with "
                        + "\(process.terminationStatus)")
            }
            let text = String(decoding: answer, as: UTF8.self)
                .trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
            guard let bytes = Hex.decode(text), !bytes.isEmpty else {
                throw VaultError.rootCommand(
                    "\(command) \(what) has not answered in hexadecimal digits")
            }
            return bytes
        } catch let error as VaultError {
            throw error
        } catch {
            throw .rootCommand("\(command) \(what) has ended without reading what it was given")
        }
    }
}

/// A root that is looked for when it is needed: what is not personal needs none.
private struct LazyRootKey: RootKey {
    let find: @Sendable () throws(VaultError) -> any RootKey

    func wrap(_ key: [UInt8]) throws(VaultError) -> [UInt8] { try find().wrap(key) }

    func unwrap(_ wrapped: [UInt8]) throws(VaultError) -> [UInt8] { try find().unwrap(wrapped) }
}

extension LogOptions {
    var vaultDirectory: String { directory + "/vault" }
    private var rootKeyPath: String { directory + "/root.key" }

    /// The command that guards the root; nil where a file holds it.
    private var rootCommand: String? {
        ProcessInfo.processInfo.environment[CommandRootKey.variable]
    }

    private var rootKey: any RootKey {
        if let rootCommand { return CommandRootKey(command: rootCommand) }
        let path = rootKeyPath
        return LazyRootKey { () throws(VaultError) in try RootKeyFile(at: path) }
    }

    /// The vault, or nil where there is none.
    func openVault(_ access: KeyStore.Access) throws -> KeyStore? {
        let isThere = KeyStore.exists(in: vaultDirectory)
        guard isThere || FileSystem.kind(of: vaultDirectory) == .directory else { return nil }
        return try KeyStore.open(in: vaultDirectory, root: rootKey, access: access)
    }

    /// The vault, which is made where there is none, with its root key.
    func openOrCreateVault() throws -> KeyStore {
        guard EventLog.exists(at: directory) else { throw LogError.noLog(directory: directory) }
        if let vault = try openVault(.writing) { return vault }
        try FileSystem.withLock(on: directory) {
            // Another process may have been faster; its vault is as good.
            guard !KeyStore.exists(in: vaultDirectory) else { return }
            if rootCommand == nil, FileSystem.kind(of: rootKeyPath) == .missing {
                _ = try RootKeyFile.create(at: rootKeyPath)
                Standard.error(
                    "made a root key in \(rootKeyPath): keep a copy apart, since without it no "
                        + "sealed data can be read")
            }
            try KeyStore.create(in: vaultDirectory, root: rootKey)
        }
        return try KeyStore.open(in: vaultDirectory, root: rootKey, access: .writing)
    }

    /// What seals personal data on their way into the log; nil where there is no vault.
    ///
    /// What was begun with the vault and broken off is finished first.
    func personalSeal(of log: EventLog) async throws -> PersonalSeal? {
        guard let vault = try openVault(.writing) else { return nil }
        for erasure in try await SubjectEraser(vault, of: log).finishWhatWasBegun() {
            Standard.error(
                "finished the erasure of the subject \(erasure.subject), which had been broken "
                    + "off: position \(erasure.erased)")
        }
        return PersonalSeal(vault, of: log)
    }
}
