internal import ArgumentParser
internal import Configuration
internal import Foundation
internal import Logging
internal import Server
internal import YAML

/// What can be set for a server: by a flag, in the environment, or in a file.
enum ServeSetting: String, CaseIterable {
    case listen
    case tlsCertificate = "tls_certificate"
    case tlsKey = "tls_key"
    case plain
    case jwtKeys = "jwt_keys"
    case jwtIssuer = "jwt_issuer"
    case jwtAudience = "jwt_audience"
    case requestsPerSecond = "requests_per_second"
    case connectionsMax = "connections_max"
    case timestampAuthority = "timestamp_authority"
    case timestampCA = "timestamp_ca"
    case timestampEvery = "timestamp_every"
    case witnessDir = "witness_dir"
    case witnessName = "witness_name"
    case witnessLogs = "witness_logs"
    case logLevel = "log_level"

    var flag: String { "--" + rawValue.replacingOccurrences(of: "_", with: "-") }
    var variable: String { "ASCOLTO_" + rawValue.uppercased() }

    fileprivate var key: ConfigKey { ConfigKey(["ascolto"] + [rawValue]) }
}

struct ServeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A YAML file with settings.", valueName: "file"))
    var config: String?
    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 takes a free one. Default: 127.0.0.1:8080.",
            valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("Certificate chain in PEM: speak TLS.", valueName: "file"))
    var tlsCertificate: String?
    @Option(help: ArgumentHelp("The certificate's private key in PEM.", valueName: "file"))
    var tlsKey: String?
    @Option(
        help: ArgumentHelp(
            "behind_proxy: without TLS on an address that others reach, since a proxy ends it.",
            valueName: "why"))
    var plain: String?
    @Option(
        help: ArgumentHelp(
            "Accept tokens (JWT) signed with one of these public keys, a JWK set.",
            valueName: "file"))
    var jwtKeys: String?
    @Option(help: ArgumentHelp("Who must have issued such a token.", valueName: "iss"))
    var jwtIssuer: String?
    @Option(help: ArgumentHelp("For whom it must be.", valueName: "aud"))
    var jwtAudience: String?
    @Option(help: "Requests that one client may send in a second. Default: no limit.")
    var requestsPerSecond: Int?
    @Option(help: "Connections at a time; others wait. Default: 8192.")
    var connectionsMax: Int?
    @Option(
        help: ArgumentHelp(
            "Have this authority (RFC 3161) certify the time of the log's head again and again.",
            valueName: "url"))
    var timestampAuthority: String?
    @Option(
        help: ArgumentHelp(
            """
            Certificates in PEM that its answers must be signed under. Default: those that this \
            machine trusts.
            """, valueName: "file"))
    var timestampCa: String?
    @Option(help: "Seconds between two timestamps, 1 to 31536000. Default: 3600.")
    var timestampEvery: Int?
    @Option(
        help: ArgumentHelp(
            "Be a witness for other logs as well: the directory with what was cosigned.",
            valueName: "dir"))
    var witnessDir: String?
    @Option(help: "The witness's name, such as witness.example.org/w1; for a new directory.")
    var witnessName: String?
    @Option(help: ArgumentHelp("The keys of these logs, one a line.", valueName: "file"))
    var witnessLogs: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical. Default: notice.")
    var logLevel: String?

    fileprivate var typed: [ServeSetting: String] {
        let values: [ServeSetting: String?] = [
            .listen: listen, .tlsCertificate: tlsCertificate, .tlsKey: tlsKey, .plain: plain,
            .jwtKeys: jwtKeys, .jwtIssuer: jwtIssuer, .jwtAudience: jwtAudience,
            .requestsPerSecond: requestsPerSecond.map(String.init),
            .connectionsMax: connectionsMax.map(String.init), .logLevel: logLevel,
            .timestampAuthority: timestampAuthority, .timestampCA: timestampCa,
            .timestampEvery: timestampEvery.map(String.init), .witnessDir: witnessDir,
            .witnessName: witnessName, .witnessLogs: witnessLogs,
        ]
        return values.compactMapValues { $0 }
    }
}

/// The settings of a server, each from the first place where it stands.
struct ServeSettings {
    /// Why a server may speak without TLS on an address that others reach.
    enum Plain: String {
        case behindProxy = "behind_proxy"
    }

    let host: String
    let port: Int
    let tls: TLSFiles?
    let plain: Plain?
    let signedTokens: SignedTokenSettings?
    let requestsPerSecond: Int?
    let connectionsMax: Int?
    let timestamps: TimestampPlan?
    let witness: WitnessPlan?
    let logLevel: Logger.Level

    init(_ options: ServeOptions) throws {
        let environment = ProcessInfo.processInfo.environment
        let path = options.config ?? environment["ASCOLTO_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let found = SettingReader(
            ConfigReader(providers: [
                InMemoryProvider(name: "flags", settings: options.typed),
                EnvironmentVariablesProvider(environmentVariables: environment),
                InMemoryProvider(name: "file", settings: try path.map(Self.file) ?? [:]),
            ]))
        (host, port) = try Self.address(found[.listen] ?? "127.0.0.1:8080")
        tls = try found.together(.tlsCertificate, .tlsKey).map {
            TLSFiles(certificate: $0[0], key: $0[1])
        }
        plain = try found.value(.plain) { Plain(rawValue: $0) }
        signedTokens = try found.together(.jwtKeys, .jwtIssuer, .jwtAudience).map {
            SignedTokenSettings(keysPath: $0[0], issuer: $0[1], audience: $0[2])
        }
        let positive = { (text: String) in Int(text).flatMap { $0 > 0 ? $0 : nil } }
        requestsPerSecond = try found.value(.requestsPerSecond, positive)
        connectionsMax = try found.value(.connectionsMax, positive)
        let seconds = try found.value(.timestampEvery) { text in
            Int(text).flatMap { (1...31_536_000).contains($0) ? $0 : nil }
        }
        timestamps = try found[.timestampAuthority].map { url in
            TimestampPlan(
                authority: try TimestampOptions.authority(url, found[.timestampCA]),
                every: .seconds(seconds ?? 3_600))
        }
        let name = found[.witnessName]
        witness = try found.together(.witnessDir, .witnessLogs).map {
            WitnessPlan(directory: $0[0], logs: $0[1], name: name)
        }
        logLevel = try found.value(.logLevel) { Logger.Level(rawValue: $0) } ?? .notice
    }

    private static func address(_ text: String) throws -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else { throw UsageError("listen needs HOST:PORT, not \(text)") }
        return (String(text[..<colon]).trimmingCharacters(in: ["[", "]"]), port)
    }

    private static func file(_ path: String) throws -> [ServeSetting: String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw UsageError("the settings \(path) cannot be read as a UTF-8 file")
        }
        let part = try YAMLPart(document: text, place: path)
        var settings: [ServeSetting: String] = [:]
        for (key, value) in try part.members() {
            guard let setting = ServeSetting(rawValue: key) else {
                let names = ServeSetting.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError("\(path): there is no setting \(key); there are: \(names)")
            }
            settings[setting] = try value.text()
        }
        return settings
    }
}

/// Reads settings, and says which of them is wrong.
private struct SettingReader {
    private let reader: ConfigReader

    init(_ reader: ConfigReader) { self.reader = reader }

    subscript(setting: ServeSetting) -> String? {
        reader.string(forKey: setting.key).flatMap { $0.isEmpty ? nil : $0 }
    }

    func value<Value>(_ setting: ServeSetting, _ make: (String) -> Value?) throws -> Value? {
        guard let text = self[setting] else { return nil }
        guard let value = make(text) else {
            throw UsageError(
                "\(setting.flag) (\(setting.variable), \(setting.rawValue)): \(text) is no value "
                    + "for it")
        }
        return value
    }

    /// The values of settings that stand together or not at all.
    func together(_ settings: ServeSetting...) throws -> [String]? {
        let values = settings.compactMap { self[$0] }
        guard !values.isEmpty else { return nil }
        guard values.count == settings.count else {
            throw UsageError(
                settings.map(\.flag).joined(separator: ", ") + " are given together or not at all")
        }
        return values
    }
}

extension InMemoryProvider {
    fileprivate init(name: String, settings: [ServeSetting: String]) {
        self.init(
            name: name,
            values: Dictionary(
                uniqueKeysWithValues: settings.map { setting, value in
                    (AbsoluteConfigKey(setting.key), ConfigValue(.string(value), isSecret: false))
                }))
    }
}
