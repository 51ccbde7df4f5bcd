internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import Storage

/// The one binary: thin verbs over the modules.
@main
struct Ascolto: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ascolto",
        abstract:
            "An event-sourced, provable log for the contact centres of public administrations.",
        discussion: """
            Exit codes: 0 done; 1 the answer is no; 2 usage; 3 some input was refused, the rest is \
            done; 4 the log is locked or overloaded; 5 corruption found; 70 a bug.
            """,
        subcommands: [
            Init.self, AppendVerb.self, Import.self, Read.self, Export.self, Streams.self,
            Stats.self, Check.self, CheckpointVerb.self, Prove.self, Tiles.self, Verify.self,
            TimestampVerb.self, Explain.self, AuditVerb.self, Schema.self, Subject.self,
            Keys.self, Witness.self, Tail.self,
            Serve.self, Tokens.self, Cursors.self, Backup.self,
            Restore.self, Compact.self, Project.self, Projections.self, QueryVerb.self,
            Org.self, Correct.self, VoidVerb.self, RouteVerb.self, Redecide.self, Generate.self,
            Bench.self,
        ])

    /// Runs a verb and turns every error into a message and an exit code of the contract.
    static func main() async {
        CorruptionSignals.install()
        do {
            try requireKnownVerb()
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let outcome as VerbOutcome {
            Foundation.exit(outcome.exitCode)
        } catch {
            exit(explaining: error)
        }
    }

    /// Names a misspelt verb, where the parser would complain about the first option behind it.
    private static func requireKnownVerb() throws {
        guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-") else {
            return
        }
        let verbs = configuration.subcommands.map { $0._commandName } + ["help"]
        guard !verbs.contains(word) else { return }
        throw UsageError("there is no verb \(word); the verbs are \(verbs.joined(separator: ", "))")
    }

    private static func exit(explaining error: any Error) -> Never {
        if let code = exitCodeOfContract(error) {
            Standard.error("ascolto: \(error)")
            Foundation.exit(code)
        }
        let code = exitCode(for: error)
        let message = fullMessage(for: error)
        if code.isSuccess {
            Standard.output.write(line: message)
            Standard.output.flush()
            Foundation.exit(0)
        }
        Standard.error(message)
        Foundation.exit(code == .validationFailure ? ExitStatus.usage : ExitStatus.bug)
    }
}

/// How a verb ended that has said all there is to say.
enum VerbOutcome: Error {
    case answerIsNo
    case someInputRefused
    case corruptionFound
    case unavailable
    /// A child has said all there is to say, and this was its exit code.
    case toldByChild(Int32)

    var exitCode: Int32 {
        switch self {
        case .answerIsNo: ExitStatus.no
        case .someInputRefused: ExitStatus.refused
        case .corruptionFound: ExitStatus.corruption
        case .unavailable: ExitStatus.unavailable
        case .toldByChild(let code): code
        }
    }
}
