internal import ArgumentParser
internal import AsyncHTTPClient
internal import EventLog
internal import Foundation
internal import JSON
internal import Merkle
internal import Storage

/// Whom the time of checkpoints is asked from.
struct TimestampOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the authority answers (RFC 3161). Default: $ASCOLTO_TIMESTAMP_AUTHORITY.",
            valueName: "url"))
    var timestampAuthority: String?
    @Option(
        help: ArgumentHelp(
            """
            Certificates in PEM that its answers must be signed under. Default: \
            $ASCOLTO_TIMESTAMP_CA, then those that this machine trusts.
            """, valueName: "file"))
    var timestampCa: String?

    static let certificatesBytesMax = 4 << 20
    static let certificatesOfMachine = "/etc/ssl/certs/ca-certificates.crt"

    func authority() throws -> TimestampAuthority {
        let environment = ProcessInfo.processInfo.environment
        guard let url = timestampAuthority ?? environment["ASCOLTO_TIMESTAMP_AUTHORITY"] else {
            throw UsageError(
                "give the URL of an authority: --timestamp-authority or "
                    + "ASCOLTO_TIMESTAMP_AUTHORITY")
        }
        return try Self.authority(url, timestampCa ?? environment["ASCOLTO_TIMESTAMP_CA"])
    }

    static func authority(_ url: String, _ certificates: String?) throws -> TimestampAuthority {
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw UsageError("an authority's URL begins with http:// or https://, not \(url)")
        }
        let name = url.prefix { $0 != "?" && $0 != "#" }
        guard !name.contains("@") else {
            throw UsageError(
                "an authority's URL stands in the log for ever: give it without a user and "
                    + "password; what stands behind a ? is not kept")
        }
        return TimestampAuthority(
            url: url,
            certificates: try trusted(in: certificates ?? certificatesOfMachine))
    }

    /// The certificates in a file.
    static func trusted(in path: String) throws -> Certificates {
        do {
            return try Certificates(pem: RawFile.open(path).whole(upTo: certificatesBytesMax))
        } catch {
            throw UsageError("the certificates in \(path) cannot be used: \(error)")
        }
    }
}

/// Why an authority has not answered as RFC 3161 says.
enum AuthorityError: Error, CustomStringConvertible {
    case silent(String, why: String)
    case odd(String, Web.Answer)

    var description: String {
        switch self {
        case .silent(let url, let why): "\(url) does not answer: \(why)"
        case .odd(let url, let answer) where answer.status == 200:
            "\(url) answers with \(printable(answer.contentType)), and not with a timestamp: is it "
                + "the URL of an authority?"
        case .odd(let url, let answer):
            "\(url) answers \(answer.status): \(printable(answer.text))"
        }
    }
}

extension TimestampAuthority {
    /// Has the newest head stamped, and appends the anchor.
    func stamp(_ log: EventLog) async throws -> Anchor {
        try await Web.withClient { client in
            try await log.anchor(by: self) { request in try await ask(request, client) }
        }
    }

    private func ask(_ request: [UInt8], _ client: HTTPClient) async throws -> [UInt8] {
        let answer: Web.Answer
        do {
            answer = try await Web.post(request, of: "application/timestamp-query", to: url, client)
        } catch {
            throw AuthorityError.silent(url, why: "\(error)")
        }
        guard answer.status == 200, answer.contentType == "application/timestamp-reply" else {
            throw AuthorityError.odd(url, answer)
        }
        return answer.body
    }
}

struct TimestampVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timestamp",
        abstract:
            "Have an authority certify the time of the signed head, and keep that in the log.",
        discussion: """
            The authority (RFC 3161; a qualified one is believed in court) sees only a hash. Its \
            answer is verified and appended as an anchor: what is before it cannot be given a \
            later time any more, and what comes after it no earlier one. verify --timestamp-ca \
            verifies anchors. A server asks by itself: serve --timestamp-authority.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var options: TimestampOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Write the checkpoint and the answer to this directory, for openssl ts -verify.")
    var out: String?

    func run() async throws {
        let authority = try options.authority()
        let opened = try open()
        defer { opened.close() }
        try await SignedLog.makeMissingKey(opened)
        let anchor = try await authority.stamp(opened)
        let checkpoint = try anchor.checkpoint()
        if let out { try write(anchor, to: out) }
        let event = try opened.event(at: anchor.position)
        Answer(object: [
            ("position", .count(anchor.position.value)), ("size", .count(checkpoint.size)),
            ("root", .text(checkpoint.root.hex)), ("time", .optional(event?.time)),
            ("recorded", .text("\(anchor.recorded)")), ("authority", .text(anchor.authority)),
        ]).write(as: output.chosen)
    }

    private func open() throws -> EventLog {
        do {
            return try log.openForWriting()
        } catch let error as LogError {
            if case .storage(.locked) = error {
                Standard.error(
                    "while a server has the log, the server asks: serve --timestamp-authority")
            }
            throw error
        }
    }

    private func write(_ anchor: Anchor, to directory: String) throws {
        try FileSystem.createDirectories(directory)
        let name = "\(directory)/\(anchor.position)"
        try FileSystem.replace(name + ".checkpoint", with: anchor.note, for: .asUsual)
        try FileSystem.replace(name + ".tsr", with: anchor.response, for: .asUsual)
        Standard.error(
            "wrote \(name).checkpoint and \(name).tsr: openssl ts -verify -data \(name).checkpoint "
                + "-in \(name).tsr -CAfile FILE")
    }
}
