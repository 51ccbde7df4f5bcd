internal import Dispatch
internal import EventLog
internal import Foundation
internal import Glibc
internal import ProjectionKit
internal import Projections
internal import Subjects
internal import Synchronization
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
        // By `timeout` of coreutils, which ends whatever the command has begun with it. The status
        // comes by the pipe too: the end of the process is not seen while anything is left of it.
        process.arguments = [
            "--kill-after=\(Self.killedAfter)", "\(Self.seconds)", "/bin/sh", "-c",
            "\(command) \(what); echo \"\(Self.statusMark)$?\"",
        ]
        let begun = ContinuousClock.now
        let (input, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput) = (input, output)
        do {
            try process.run()
            try input.fileHandleForWriting.write(contentsOf: Data((Hex.encode(bytes) + "\n").utf8))
            try input.fileHandleForWriting.close()
        } catch {
            throw .rootCommand("\(command) \(what) has ended without reading what it was given")
        }
        let lines = Self.lines(from: output.fileHandleForReading)
        guard let status = lines.last, status.hasPrefix(Self.statusMark) else {
            let isLate = begun.duration(to: .now) >= .seconds(Self.seconds)
            throw .rootCommand(
                "\(command) \(what) "
                    + (isLate
                        ? "has not answered within \(Self.seconds) s" : "has not come to its end"))
        }
        guard status == Self.statusMark + "0" else {
            throw .rootCommand(
                "\(command) \(what) ended with \(status.dropFirst(Self.statusMark.count))")
        }
        let text = lines.dropLast().joined().trimmingCharacters(in: .whitespacesAndNewlines)
        guard let bytes = Hex.decode(text.lowercased()), !bytes.isEmpty else {
            throw .rootCommand("\(command) \(what) has not answered in hexadecimal digits")
        }
        return bytes
    }

    private static let statusMark = "status "

    /// The lines up to that with the status, or those that there are in time.
    private static func lines(from handle: FileHandle) -> [String] {
        let answer = Mutex<[UInt8]>([])
        let isOver = DispatchSemaphore(value: 0)
        handle.readabilityHandler = { handle in
            let bytes = handle.availableData
            let isWhole = answer.withLock { answer in
                answer += bytes
                return answer.last == UInt8(ascii: "\n")
                    && String(decoding: answer, as: UTF8.self).contains(statusMark)
            }
            guard bytes.isEmpty || isWhole else { return }
            handle.readabilityHandler = nil
            isOver.signal()
        }
        _ = isOver.wait(timeout: .now() + .seconds(seconds + killedAfter))
        handle.readabilityHandler = nil
        let text = answer.withLock { String(decoding: $0, as: UTF8.self) }
        return text.split(separator: "\n").map(String.init)
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

    /// Whether something may be left in what is derived and personal that was erased.
    func isStale() throws -> Bool {
        try vaultDoor(.reading).vault()?.staleSubjects().isEmpty == false
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
