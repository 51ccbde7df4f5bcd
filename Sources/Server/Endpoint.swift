package import HTTPTypes
internal import JSON

/// What a client can do here; the one table of paths, methods and roles.
package enum Endpoint: String, CaseIterable, Sendable {
    case appendEvents
    case readEvents
    case readEvent
    case followEvents
    case exportEvents
    case listStreams
    case head
    case checkpoint
    case entries
    case tile
    case receipt
    case consistency
    case listCursors
    case readCursor
    case moveCursor
    case removeCursor
    case listProjections
    case describeProjection
    case readTable
    case queryProjection
    case makeSubject
    case findSubject
    case subjectStatus
    case subjectData
    case eraseSubject
    case authoriseSubject
    case retention
    case rotateEpoch
    case addCheckpoint
    case witnessedCheckpoint
    case metrics
    case livez
    case readyz
    case description
    case documentation
    case problems

    package var method: HTTPRequest.Method {
        switch self {
        case .appendEvents, .queryProjection, .makeSubject, .findSubject, .eraseSubject,
            .authoriseSubject, .retention, .rotateEpoch, .addCheckpoint:
            .post
        case .moveCursor: .put
        case .removeCursor: .delete
        default: .get
        }
    }

    /// Parts of the path; one in braces stands for any.
    package var path: String {
        switch self {
        case .appendEvents, .readEvents: "/v1/events"
        case .readEvent: "/v1/events/{position}"
        case .followEvents: "/v1/subscription"
        case .exportEvents: "/v1/export"
        case .listStreams: "/v1/streams"
        case .head: "/v1/head"
        case .checkpoint: "/checkpoint"
        case .tile: "/tile/{level}/{index}"
        case .entries: "/tile/entries/{index}"
        case .receipt: "/v1/events/{position}/receipt"
        case .consistency: "/v1/consistency"
        case .listCursors: "/v1/cursors"
        case .readCursor, .moveCursor, .removeCursor: "/v1/cursors/{cursor}"
        case .listProjections: "/v1/projections"
        case .describeProjection: "/v1/projections/{projection}"
        case .readTable: "/v1/projections/{projection}/tables/{table}"
        case .queryProjection: "/v1/projections/{projection}/query"
        case .makeSubject: "/v1/subjects"
        case .findSubject: "/v1/subject-lookup"
        case .subjectStatus: "/v1/subjects/{subject}"
        case .subjectData: "/v1/subjects/{subject}/data"
        case .eraseSubject: "/v1/subjects/{subject}/erasure"
        case .authoriseSubject: "/v1/subjects/{subject}/authorisation"
        case .retention: "/v1/retention"
        case .rotateEpoch: "/v1/epoch"
        case .addCheckpoint: "/witness/add-checkpoint"
        case .witnessedCheckpoint: "/witness/{origin}/checkpoint"
        case .metrics: "/metrics"
        case .livez: "/livez"
        case .readyz: "/readyz"
        case .description: "/openapi.yaml"
        case .documentation: "/"
        case .problems: "/problems"
        }
    }
}

extension Endpoint {
    /// Whether the last part of the path is all that follows: indexes of tiles have slashes.
    var takesRest: Bool { self == .tile || self == .entries }

    /// The method, and HEAD where it asks for the same without the body.
    var methods: [HTTPRequest.Method] {
        // A subscription without its body would be nothing.
        method == .get && self != .followEvents ? [.get, .head] : [method]
    }
}

/// Where a request goes, with what stands in the place of the braces.
struct Route: Sendable {
    let endpoint: Endpoint
    let arguments: [String]

    /// The endpoint of a method and a path.
    ///
    /// - Throws: a problem that says which methods the path knows, or that there is no such path.
    static func find(
        _ method: HTTPRequest.Method, _ path: Substring
    ) throws(Problem) -> Route {
        guard path.utf8.count <= ServerLimits.targetBytesMax else {
            throw Problem(
                .uriTooLong, .tooLarge,
                "a path has at most \(ServerLimits.targetBytesMax) bytes")
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        var allowed: [String] = []
        for (endpoint, pattern) in patterns {
            let parts = endpoint.takesRest ? joined(parts, to: pattern.count) : parts
            guard pattern.count == parts.count, let arguments = try match(pattern, parts)
            else { continue }
            if endpoint.methods.contains(method) {
                return Route(endpoint: endpoint, arguments: arguments)
            }
            allowed += endpoint.methods.map(\.rawValue)
        }
        guard allowed.isEmpty else {
            var problem = Problem(
                .methodNotAllowed, .methodNotAllowed,
                "this path knows \(allowed.joined(separator: ", ")), not \(method.rawValue)")
            problem.fields[.allow] = allowed.joined(separator: ", ")
            throw problem
        }
        throw Problem(.notFound, .notFound, "there is no such path; / tells which there are")
    }

    private static let patterns: [(Endpoint, [Substring])] = Endpoint.allCases.map {
        ($0, $0.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() + [])
    }

    /// As many parts as are wanted, the last of which has the slashes of what it is made of.
    private static func joined(_ parts: ArraySlice<Substring>, to count: Int)
        -> ArraySlice<Substring>
    {
        guard parts.count > count else { return parts }
        let rest = parts.dropFirst(count - 1).joined(separator: "/")
        return parts.prefix(count - 1) + [Substring(rest)]
    }

    private static func match(
        _ pattern: [Substring], _ parts: ArraySlice<Substring>
    ) throws(Problem) -> [String]? {
        var arguments: [String] = []
        for (wanted, part) in zip(pattern, parts) {
            guard wanted.first == "{" else {
                guard wanted == part else { return nil }
                continue
            }
            guard let argument = decodePercent(part), !argument.isEmpty else { return nil }
            arguments.append(argument)
        }
        return arguments
    }
}
