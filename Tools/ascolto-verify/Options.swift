/// A mistake in what was typed.
struct Usage: Error {
    let what: String
}

/// What is to be verified, and against what.
struct Options {
    enum Subject {
        case tiles(String)
        case export(String, tiles: String?)
        case receipt(String, event: String?)
    }

    let subject: Subject
    let checkpoint: String?
    let keys: [String]
    let old: [String]
    let witnessKeys: [String]
    /// Nil for all of the witnesses.
    let quorum: Int?
    /// In seconds; older cosignatures do not count.
    let maxAge: UInt64?
}

/// What was asked for on the command line.
enum Request {
    case help
    case verify(Options)

    static let usage = """
        usage: ascolto-verify --tiles DIR --key VKEY [--checkpoint FILE] [--old FILE…]
               ascolto-verify --export FILE --key VKEY --checkpoint FILE [--tiles DIR] [--old FILE…]
               ascolto-verify --receipt FILE --key VKEY [--event FILE] [--checkpoint FILE]

        Verifies what a log has given out against its signed checkpoint, and against
        checkpoints that were kept from earlier (--old). The key must come from where you
        trust, not from whom you verify; where it was rotated, give each after --key. With
        --witness-key VKEY…, all of these witnesses must have cosigned, or as many as
        --quorum N says; with --max-age SECONDS, not longer ago. An export of - is standard
        input; --event is the line of the event that a receipt is for.

        Exit codes: 0 verified; 1 not verified, with the first position or file that is
        wrong where one can be named; 2 usage.
        """

    private static let names: Set = [
        "--tiles", "--export", "--receipt", "--event", "--checkpoint", "--key", "--old",
        "--witness-key", "--quorum", "--max-age",
    ]

    init(_ arguments: ArraySlice<String>) throws(Usage) {
        if arguments.isEmpty || arguments.contains("--help") || arguments.contains("-h") {
            self = .help
            return
        }
        self = .verify(try Options(try Self.values(arguments)))
    }

    /// The values of each option, in the order in which they stand.
    private static func values(
        _ arguments: ArraySlice<String>
    ) throws(Usage) -> [String: [String]] {
        var values: [String: [String]] = [:]
        var name: String?
        for argument in arguments {
            if names.contains(argument) {
                name = argument
                values[argument, default: []] += []
            } else if let name, !argument.hasPrefix("--") {
                values[name, default: []].append(argument)
            } else {
                throw Usage(what: "\(argument) is no option")
            }
        }
        return values
    }
}

extension Options {
    fileprivate init(_ values: [String: [String]]) throws(Usage) {
        func one(_ name: String) throws(Usage) -> String? {
            guard let found = values[name] else { return nil }
            guard found.count == 1 else { throw Usage(what: "\(name) takes one value") }
            return found[0]
        }
        for (name, found) in values where found.isEmpty {
            throw Usage(what: "\(name) lacks its value")
        }
        keys = values["--key"] ?? []
        guard !keys.isEmpty else { throw Usage(what: "--key is missing") }
        checkpoint = try one("--checkpoint")
        old = values["--old"] ?? []
        witnessKeys = values["--witness-key"] ?? []
        func number(_ name: String) throws(Usage) -> UInt64? {
            guard let text = try one(name) else { return nil }
            guard let number = UInt64(text) else {
                throw Usage(what: "\(name) is a number, not \(text)")
            }
            return number
        }
        quorum = try number("--quorum").map { Int(clamping: $0) }
        maxAge = try number("--max-age")
        let (tiles, event) = (try one("--tiles"), try one("--event"))
        if let receipt = try one("--receipt") {
            guard tiles == nil, values["--export"] == nil, old.isEmpty else {
                throw Usage(what: "a receipt is verified alone: without --tiles, --export, --old")
            }
            subject = .receipt(receipt, event: event)
            return
        }
        guard event == nil else { throw Usage(what: "--event goes with --receipt") }
        if let export = try one("--export") {
            guard checkpoint != nil || tiles != nil else {
                throw Usage(what: "--export needs the --checkpoint that it is verified against")
            }
            subject = .export(export, tiles: tiles)
        } else if let tiles {
            subject = .tiles(tiles)
        } else {
            throw Usage(what: "--tiles, --export or --receipt is missing")
        }
    }
}
