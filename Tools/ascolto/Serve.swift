internal import Admission
internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Logging
internal import Merkle
internal import Server
internal import Vault

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the log over HTTP until told to end by SIGTERM or SIGINT.",
        discussion: """
            The settings, but not --insecure and --accept-clock, can also stand in the environment \
            and in the file of --config; what is typed goes before the environment, and that \
            before the file.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var known: ProjectionOptions
    @OptionGroup var options: ServeOptions
    @Flag(help: "Without tokens: everybody may do everything. On loopback only.")
    var insecure = false
    @Flag(help: "Append although the clock has run more than 10 minutes ahead.")
    var acceptClock = false

    func run() async throws {
        let settings = try ServeSettings(options)
        let door = log.vaultDoor(.writing)
        let projections = try known.all(of: log, by: door)
        var server = LogServer.Settings(
            host: settings.host, port: settings.port,
            gate: try gate(settings, TokenStore(ofLogIn: log.directory)),
            vault: door)
        server.tls = settings.tls
        server.requestsPerSecond = settings.requestsPerSecond
        server.connectionsMax = settings.connectionsMax ?? server.connectionsMax
        let opened = try log.openForWriting(
            clockPolicy: acceptClock ? .acceptJump : .refuseJumps, under: .contactCentre)
        defer { opened.close() }
        server.witness = try settings.witness?.book()
        if let witness = server.witness {
            Standard.error("witness key: \(witness.verifierKey.text)")
        }
        let logger = Logger(label: "ascolto") { label in
            JSONLogHandler(label: label, level: settings.logLevel) { Standard.error($0) }
        }
        if settings.timestamps != nil, try SigningKeys(of: opened).verifierKey() == nil {
            throw UsageError(
                "--timestamp-authority needs signed heads: first make a key, ascolto keys generate")
        }
        let stamping = settings.timestamps.map { plan in
            Task { await plan.run(on: opened, logger) }
        }
        let scheme = settings.tls == nil ? "http" : "https"
        do {
            try await LogServer(
                opened, projections: projections, in: log.projectionsDirectory, server,
                logger: logger
            ).run { Standard.error("listening on \(scheme)://\(settings.host):\($0)") }
        } catch {
            await stamping?.end()
            throw error
        }
        await stamping?.end()
    }

    private func gate(
        _ settings: ServeSettings, _ store: TokenStore
    ) throws -> GatePolicy {
        let isLoopback = ["127.0.0.1", "::1", "localhost"].contains(settings.host)
        if insecure {
            guard isLoopback else {
                throw UsageError("--insecure is for loopback only, not for \(settings.host)")
            }
            return .open
        }
        guard isLoopback || settings.tls != nil || settings.plain == .behindProxy else {
            throw UsageError(
                "tokens would be sent in clear to \(settings.host): give --tls-certificate and "
                    + "--tls-key, or --plain behind_proxy where a proxy before it ends TLS")
        }
        return .tokens(store, signed: settings.signedTokens)
    }
}

struct Tokens: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, list and revoke API keys for the server.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an API key and print it, this once; only its hash is kept.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Option(help: "Who uses it; stands in the events that record its use.")
        var name: String
        @Option(parsing: .upToNextOption, help: "What it is for.")
        var role: [Role]
        @Option(parsing: .upToNextOption, help: "Only events of these centres.")
        var centre: [String] = []
        @Option(
            parsing: .upToNextOption, help: "Only events of these types, or all of a group as a.*")
        var type: [String] = []
        @Option(help: "From this moment on it is refused.")
        var expires: Instant?

        func run() throws {
            try log.requireNotFrozen()
            guard EventLog.exists(at: log.directory) else {
                throw LogError.noLog(directory: log.directory)
            }
            guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy(Self.isNameByte) else {
                throw UsageError(
                    "a name has 1 to 64 letters, digits, dots, hyphens and underscores, not \(name)"
                )
            }
            let patterns = try type.map { text in
                guard let pattern = TypePattern(text) else {
                    throw UsageError("--type: \(text) is no type, and no group like contact.*")
                }
                return pattern
            }
            for centre in centre {
                guard !centre.contains(" "), (try? Tag("centre:" + centre)) != nil, !centre.isEmpty
                else { throw UsageError("--centre: no event can have the tag centre:\(centre)") }
            }
            let now = try now()
            if let expires, expires <= now {
                throw UsageError("--expires: \(expires) has passed; it is \(now)")
            }
            let key = APIKey()
            let record = TokenRecord(
                key, name: name, roles: Set(role),
                scope: Scope(
                    centres: centre.isEmpty ? nil : Set(centre),
                    types: patterns.isEmpty ? nil : Set(patterns)),
                created: now, expires: expires)
            try TokenStore(ofLogIn: log.directory).add(record)
            Answer(object: [("token", .text(key.text))] + record.shown).write(as: output.chosen)
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List API keys, also those that were revoked; never the keys themselves.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let records = try TokenStore(ofLogIn: log.directory).all()
                .sorted { $0.created < $1.created }
            Answer(
                columns: TokenRecord.columns, rows: records.map { $0.shown.map(\.1) }
            ).write(as: output.chosen)
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke an API key; a running server refuses it within a second or two.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "Its id, as tokens list shows it.")
        var id: String

        func run() throws {
            try log.requireNotFrozen()
            let record = try TokenStore(ofLogIn: log.directory).revoke(id, at: try now())
            Answer(object: record.shown).write(as: output.chosen)
        }
    }
}

/// The moment at which a token is made or revoked.
private func now() throws -> Instant { try LogOptions.clock().now }

extension Role: ExpressibleByArgument {}

extension TokenRecord {
    fileprivate static let columns = [
        "id", "name", "roles", "centres", "types", "created", "expires", "revoked",
    ]

    /// Without the hash, which is of use to nobody.
    fileprivate var shown: [(String, Cell)] {
        guard case .object(let members) = node else { return [] }
        return Self.columns.map { name in
            (name, members.first { $0.0 == name }?.1 ?? .null)
        }
    }
}
