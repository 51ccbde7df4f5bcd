internal import EventLog
internal import Foundation
internal import Glibc
internal import ProjectionKit
internal import Projections
internal import Subjects
internal import Vault

/// The root of the vault's keys, guarded by a command such as one that asks an HSM or a KMS.
///
/// It is called with `wrap` or `unwrap` as its last argument and the bytes in hexadecimal digits on
/// standard input, and answers on standard output alike. It has no terminal: what it needs of a
/// person is had before, as by an agent.
struct CommandRootKey: RootKey {
    let command: String

    /// How long it may take.
    private static let seconds = 30

    /// Seconds after the end of its time, when it does not heed that.
    private static let killedAfter = 2

    static let variable = "ASCOLTO_VAULT_ROOT_COMMAND"

    func wrap(_ key: [UInt8]) throws(VaultError) -> [UInt8] { try ask("wrap", key) }

    func unwrap(_ wrapped: [UInt8]) throws(VaultError) -> [UInt8] { try ask("unwrap", wrapped) }

    private func ask(_ what: String, _ bytes: [UInt8]) throws(VaultError) -> [UInt8] {
        // Who ends without having read is told by its answer, not by the end of this process.
        signal(SIGPIPE, SIG_IGN)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        // By `timeout` of coreutils, which ends whatever the command has begun with it.
        process.arguments = [
            "--kill-after=\(Self.killedAfter)", "\(Self.seconds)", "/bin/sh", "-c",
            "exec \(command) \(what)",
        ]
        let begun = ContinuousClock.now
        let (input, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput) = (input, output)
        do {
            try process.run()
            try input.fileHandleForWriting.write(contentsOf: Data((Hex.encode(bytes) + "\n").utf8))
            try input.fileHandleForWriting.close()
            let answer = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            let ended = (process.terminationReason, process.terminationStatus)
            guard
                ended == (.exit, 0) || begun.duration(to: .now) < .seconds(Self.seconds)
            else {
                throw VaultError.rootCommand(
                    "\(command) \(what) has not answered within \(Self.seconds) s")
            }
            guard ended == (.exit, 0) else {
                throw VaultError.rootCommand("\(command) \(what) ended with \(ended.1)")
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

extension LogOptions {
    /// The way to the vault of this log; a command guards its root where the environment names one.
    func vaultDoor(_ access: KeyStore.Access) -> VaultDoor {
        let command = ProcessInfo.processInfo.environment[CommandRootKey.variable]
        return VaultDoor(
            inLogAt: directory, rootGuardedBy: command.map { CommandRootKey(command: $0) },
            access: access)
    }

    /// What seals personal data on their way into the log; nil where there is no vault.
    ///
    /// What was begun with the vault and broken off is finished first.
    func personalSeal(
        of opened: EventLog, by door: VaultDoor
    ) async throws -> PersonalSeal? {
        guard let vault = try door.vault() else { return nil }
        for erasure in try await SubjectEraser(vault, of: opened).finishWhatWasBegun() {
            Standard.error(erasure.finished)
        }
        return PersonalSeal(vault, of: opened)
    }

    /// Has what is derived forget who was erased, where it still has to, behind what a verb has
    /// done; whoever uses it is not waited for.
    func forgetWhoWasErased(in opened: EventLog, by door: VaultDoor) {
        do { try door.vault()?.letForget(makingAnew(in: opened, by: door, within: .zero)) } catch {
            Standard.error("ascolto: an erasure is not finished yet: \(error)")
        }
    }

    /// Says that a root key was made.
    static func tellRoot(_ path: String) {
        Standard.error(
            "made a root key in \(path): keep a copy apart, since without it no sealed data can be "
                + "read")
    }

    /// Makes anew what holds personal data beside the log.
    func makingAnew(
        in opened: EventLog, by door: VaultDoor, within patience: Duration
    ) -> @Sendable () throws -> Void {
        let directory = projectionsDirectory
        return {
            try Projector(SurveyComments(by: door), in: directory)
                .forget(from: EventSource(opened), upkeep: .once, within: patience)
        }
    }
}
