internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Merkle

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make and rotate the key that signs checkpoints.",
        subcommands: [Generate.self, Rotate.self])

    struct Generate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the signing key of a log that has none.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let opened = try log.openForWriting()
            defer { opened.close() }
            let key = try await opened.generateKey()
            Answer(object: [
                ("verifier_key", .text(key.text)),
                ("signing_key_file", .text(log.directory + "/keys/signing.key")),
            ]).write(as: output.chosen)
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go on to a new signing key; the log tells so in an event.",
            discussion: """
                The checkpoint that covers the event is signed by both keys: it lets those who \
                know the old key believe the new one. Keep it, and give it to them. The old key is \
                then gone. A rotation that was broken off is finished by running this again.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let opened = try log.openForWriting()
            defer { opened.close() }
            let rotation = try await opened.rotateKey()
            Answer(object: [
                ("verifier_key", .text(rotation.next.text)),
                ("previous_verifier_key", .text(rotation.previous.text)),
                ("position", .count(rotation.position.value)),
                ("checkpoint", .text(String(decoding: rotation.checkpoint.bytes, as: UTF8.self))),
            ]).write(as: output.chosen)
        }
    }
}
