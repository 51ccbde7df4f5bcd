internal import ArgumentParser
internal import AsyncHTTPClient
internal import EventLog
internal import Foundation
internal import JSON
internal import Logging
internal import Merkle
internal import Server

struct Witness: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Be a witness for the logs of others.", subcommands: [Serve.self])

    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cosign checkpoints that extend those before (C2SP tlog-witness).",
            discussion: """
                POST /add-checkpoint is for the logs, GET /<SHA-256 of the origin>/checkpoint for \
                everybody. What was cosigned is in the directory before it is answered: never \
                bring back an older copy of it, and never use one directory twice. Where others \
                reach it, let a proxy before it end TLS.
                """)

        @Option(help: "The witness's directory, with its key and what it has cosigned.")
        var dir: String
        @Option(help: "The witness's name, such as witness.example.org/w1; for a new directory.")
        var name: String?
        @Option(
            parsing: .upToNextOption, help: "The keys of the logs that it witnesses.",
            transform: verifierKey)
        var logKey: [VerifierKey]
        @Option(help: "HOST:PORT; port 0 takes a free one.")
        var listen = "127.0.0.1:8081"

        func run() async throws {
            guard let colon = listen.lastIndex(of: ":"),
                let port = Int(listen[listen.index(after: colon)...]), (0...65_535).contains(port)
            else { throw UsageError("--listen must be HOST:PORT, not \(listen)") }
            let host = String(listen[..<colon])
            let book = try WitnessBook(in: dir, name: name, logKeys: logKey)
            Standard.error("witness key: \(book.verifierKey.text)")
            let logger = Logger(label: "ascolto-witness") { label in
                JSONLogHandler(label: label, level: .notice) { Standard.error($0) }
            }
            try await WitnessServer(book, host: host, port: port, logger: logger).run { port in
                Standard.error("listening on http://\(host):\(port)")
            }
        }
    }
}

/// A server that is a witness for other logs as well.
struct WitnessPlan {
    let directory: String
    /// A file with the keys of these logs, one a line.
    let logs: String
    let name: String?

    func book() throws -> WitnessBook {
        guard let text = try? String(contentsOfFile: logs, encoding: .utf8) else {
            throw UsageError("the keys of logs in \(logs) cannot be read as a UTF-8 file")
        }
        let keys = try text.split(whereSeparator: \.isNewline).map { line in
            do { return try verifierKey(String(line)) } catch {
                throw UsageError("\(logs): \(printable(String(line))): \(error)")
            }
        }
        return try WitnessBook(in: directory, name: name, logKeys: keys)
    }
}

/// Whom a checkpoint is shown before it is given out.
struct WitnessOptions: ParsableArguments {
    @Option(parsing: .upToNextOption, help: "URLs of witnesses that are to cosign it.")
    var witness: [String] = []
    @Option(
        parsing: .upToNextOption, help: "Their keys; cosignatures by others do not count.",
        transform: verifierKey)
    var witnessKey: [VerifierKey] = []
    @Option(help: "How many must have cosigned; all of them where it is not given.")
    var quorum: Int?

    enum Gathered {
        case enough
        case tooFew
        /// A witness has seen another history, or a longer one.
        case alarm
    }

    func validate() throws {
        guard witness.isEmpty || !witnessKey.isEmpty else {
            throw ValidationError(
                "--witness needs --witness-key: a cosignature that nobody can verify proves nothing"
            )
        }
        let possible = min(witness.count, witnessKey.count)
        guard (0...possible).contains(quorum ?? witness.count) else {
            throw ValidationError(
                "\(quorum ?? witness.count) witnesses are demanded, and there are \(witness.count) "
                    + "URLs and \(witnessKey.count) keys")
        }
    }

    /// Has the checkpoint cosigned; keeps it in the log with what was gathered.
    func gather(for signed: inout SignedLog) async throws -> Gathered {
        guard !witness.isEmpty else { return .enough }
        var shown = signed
        let gathered = try await Web.withClient { client in
            try await gather(for: &shown, client)
        }
        signed = shown
        return gathered
    }

    private func gather(
        for signed: inout SignedLog, _ client: HTTPClient
    ) async throws -> Gathered {
        var gathered = Gathered.enough
        for url in witness {
            do {
                try await ask(url, &signed, client)
            } catch let error as WitnessRefusal {
                Standard.error("\(url): \(error)")
                if error.isAlarm { gathered = .alarm }
            }
        }
        // What others have cosigned is not kept beside it: somebody has to look first.
        if gathered == .alarm { return gathered }
        let cosigned = try signed.note.verified(by: witnessKey)
        if !cosigned.isEmpty { try signed.log.keep(cosigned: signed.note) }
        let required = quorum ?? witness.count
        guard cosigned.count >= required else {
            Standard.error(
                "\(Refusal.tooFewWitnesses(found: cosigned.count, required: required))")
            return .tooFew
        }
        return .enough
    }

    private func ask(
        _ url: String, _ signed: inout SignedLog, _ client: HTTPClient
    ) async throws {
        let size = try Checkpoint(text: signed.note.text).size
        var old =
            try signed.log.cosignedCheckpoint().map { try Checkpoint(text: $0.text).size } ?? 0
        // A witness says where it stands; meanwhile another process may have gone on with it.
        for _ in 0..<3 {
            let proof = try old == 0 ? [] : signed.log.consistencyProof(from: old, to: size).hashes
            let request = AddCheckpoint(oldSize: old, proof: proof, note: signed.note)
            let (status, body) = try await Self.post(
                request.bytes,
                to: (url.hasSuffix("/") ? String(url.dropLast()) : url) + "/add-checkpoint", client)
            switch status {
            case 200:
                try add(body, to: &signed)
                return
            case 409:
                guard let known = UInt64(body.trimmingPrefix("\n").prefix { $0 != "\n" }) else {
                    throw WitnessRefusal.odd(status, body)
                }
                guard known <= size else {
                    // Another process may have shown it a newer checkpoint meanwhile.
                    let isOurs = try known <= signed.log.head().size
                    throw isOurs ? WitnessRefusal.newer(known) : .ahead(known, size)
                }
                old = known
            case 422: throw WitnessRefusal.otherHistory(old, body)
            default: throw WitnessRefusal.odd(status, body)
            }
        }
        throw WitnessRefusal.odd(409, "it goes on too fast")
    }

    /// Takes cosignatures over, if they are by one of the keys.
    private func add(_ lines: String, to signed: inout SignedLog) throws {
        do {
            let text = String(decoding: signed.note.text, as: UTF8.self)
            let cosigned = try SignedNote(bytes: Array("\(text)\n\(lines)".utf8))
            guard try !cosigned.verified(by: witnessKey).isEmpty else {
                throw Refusal.notSigned(byAny: witnessKey.map(\.name))
            }
            try signed.note.add(signaturesOf: cosigned, by: witnessKey)
        } catch let refusal as Refusal {
            throw WitnessRefusal.badCosignature(refusal)
        }
    }

    private static func post(
        _ body: [UInt8], to url: String, _ client: HTTPClient
    ) async throws -> (UInt, String) {
        do {
            let answer = try await Web.post(body, of: "text/plain; charset=utf-8", to: url, client)
            return (answer.status, answer.text)
        } catch {
            throw WitnessRefusal.silent("\(error)")
        }
    }
}

/// Why a witness has not cosigned.
private enum WitnessRefusal: Error, CustomStringConvertible {
    case silent(String)
    case odd(UInt, String)
    /// It has cosigned a longer history.
    case ahead(UInt64, UInt64)
    /// It has cosigned a newer checkpoint of this history, or so it seems.
    case newer(UInt64)
    case otherHistory(UInt64, String)
    case badCosignature(Refusal)

    /// Whether it means that history was changed.
    var isAlarm: Bool {
        switch self {
        case .ahead, .otherHistory: true
        case .silent, .odd, .newer, .badCosignature: false
        }
    }

    var description: String {
        switch self {
        case .silent(let why): "the witness does not answer: \(why)"
        case .odd(let status, let body): "the witness answers \(status): \(printable(body))"
        case .ahead(let known, let size):
            "the witness has cosigned \(known) events of this log, which has \(size) now: its end "
                + "was cut off, or an older copy was put in its place"
        case .newer(let known):
            "the witness has cosigned a checkpoint of \(known) events meanwhile: ask again"
        case .otherHistory(let known, let body):
            "the first \(known) events are not those that the witness has cosigned: history was "
                + "rewritten, or there are two of it (\(printable(body)))"
        case .badCosignature(let refusal): "what the witness answers is no cosignature: \(refusal)"
        }
    }
}
