internal import EventLog
internal import HTTPTypes
internal import ProjectionKit
internal import Storage
internal import Synchronization

/// What the server has done, as operators watch it.
///
/// Labels are endpoints, classes of statuses and names of projections: few, and nobody's.
final class HTTPActivity: Sendable {
    private let counts = Mutex(Counts())

    struct Counts {
        var requests: [Key: UInt64] = [:]
        var seconds: [Endpoint: Histogram] = [:]
        var connections = 0
    }

    struct Key: Hashable {
        /// Nil where there is no such path.
        let endpoint: Endpoint?
        let status: Int
    }

    func count(_ endpoint: Endpoint?, _ status: HTTPResponse.Status, since start: Int64) {
        let seconds = Double(SystemClock.bootMicroseconds() - start) / 1e6
        counts.withLock { counts in
            counts.requests[Key(endpoint: endpoint, status: status.code), default: 0] += 1
            if let endpoint {
                counts.seconds[endpoint, default: Histogram.ofSeconds].add(seconds)
            }
        }
    }

    func connected() { counts.withLock { $0.connections += 1 } }
    func disconnected() { counts.withLock { $0.connections -= 1 } }

    var now: Counts { counts.withLock { $0 } }
}

extension Responder {
    func metrics(_ query: Substring?) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let desk = desk
        let text = try await desk.readers.run {
            var text = MetricsText()
            text.write(desk.log.activity, waiting: desk.log.waitingBytes)
            text.write(try desk.log.statistics())
            text.write(desk.readModels)
            text.write(desk.activity.now, subscribers: desk.pulse.subscriberCount)
            return text.text
        }
        return Answer(.ok, text: text, type: "text/plain; version=0.0.4; charset=utf-8")
    }
}

/// The text format of Prometheus, version 0.0.4.
private struct MetricsText {
    private(set) var text = ""

    private enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    private mutating func begin(_ name: String, _ kind: Kind, _ meaning: String) {
        text += "# HELP ascolto_\(name) \(meaning)\n# TYPE ascolto_\(name) \(kind.rawValue)\n"
    }

    private mutating func add(_ name: String, _ value: some Numeric, _ labels: String = "") {
        text += "ascolto_\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)\n"
    }

    private mutating func add(_ name: String, _ histogram: Histogram, _ labels: String = "") {
        let before = labels.isEmpty ? "" : labels + ","
        var count: UInt64 = 0
        for (bound, part) in zip(histogram.bounds, histogram.counts) {
            count += part
            add(name + "_bucket", count, "\(before)le=\"\(bound)\"")
        }
        count += histogram.counts[histogram.bounds.count]
        add(name + "_bucket", count, "\(before)le=\"+Inf\"")
        add(name + "_sum", histogram.sum, labels)
        add(name + "_count", count, labels)
    }

    mutating func write(_ log: LogActivity, waiting: Int) {
        begin("appends_total", .counter, "Appends by what became of them.")
        add("appends_total", log.appended, "outcome=\"appended\"")
        add("appends_total", log.alreadyAppended, "outcome=\"already_appended\"")
        add("appends_total", log.conflicts, "outcome=\"conflict\"")
        add("appends_total", log.rejected, "outcome=\"rejected\"")
        add("appends_total", log.failed, "outcome=\"failed\"")
        begin(
            "commit_seconds", .histogram, "From the first append of a commit until it is durable.")
        add("commit_seconds", log.commitSeconds)
        begin("commit_appends", .histogram, "Appends of one commit.")
        add("commit_appends", log.commitAppends)
        begin("append_queue_bytes", .gauge, "Bytes of appends that wait for the writer.")
        add("append_queue_bytes", waiting)
    }

    mutating func write(_ log: LogStatistics) {
        begin("log_events", .gauge, "Events in the log.")
        add("log_events", log.events)
        begin("log_file_bytes", .gauge, "Bytes of the log on disk.")
        add("log_file_bytes", log.fileBytes)
        begin("log_tail_events", .gauge, "Events that are in no block yet.")
        add("log_tail_events", log.tailEvents)
        begin("log_readers", .gauge, "Snapshots that are held, over all processes.")
        add("log_readers", log.readers.count)
        begin(
            "log_oldest_reader_commits", .gauge, "Commits by which the oldest snapshot is behind.")
        add("log_oldest_reader_commits", log.readers.map(\.commitsBehind).max() ?? 0)
    }

    mutating func write(_ models: LiveReadModels) {
        let lags = models.projections.map { projection in
            let model = ReadModel(of: projection, in: models.directory)
            return (projection.name, try? model.lag(towards: models.source))
        }
        begin("projection_lag_events", .gauge, "Events that a read model has not taken in.")
        for case (let name, let lag?) in lags {
            add("projection_lag_events", lag.standing.lagEvents, "projection=\"\(name)\"")
        }
        begin("projection_lag_seconds", .gauge, "From the last event taken in to the last event.")
        for case (let name, let lag?) in lags {
            add("projection_lag_seconds", lag.seconds ?? 0, "projection=\"\(name)\"")
        }
        begin("projection_up", .gauge, "Whether a read model is brought up to date.")
        let troubles = models.troubles
        for (name, _) in lags {
            add("projection_up", troubles[name] == nil ? 1 : 0, "projection=\"\(name)\"")
        }
    }

    mutating func write(_ http: HTTPActivity.Counts, subscribers: Int) {
        begin("http_requests_total", .counter, "Requests that were answered.")
        for (key, count) in http.requests.sorted(by: { $0.key.order < $1.key.order }) {
            let endpoint = key.endpoint?.rawValue ?? "none"
            add("http_requests_total", count, "endpoint=\"\(endpoint)\",status=\"\(key.status)\"")
        }
        begin("http_request_seconds", .histogram, "From a request's head to its answer's head.")
        for (endpoint, histogram) in http.seconds.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        {
            add("http_request_seconds", histogram, "endpoint=\"\(endpoint.rawValue)\"")
        }
        begin("http_connections", .gauge, "Connections that are open.")
        add("http_connections", http.connections)
        begin("subscribers", .gauge, "Subscriptions that run, that of the read models included.")
        add("subscribers", subscribers)
    }
}

extension HTTPActivity.Key {
    fileprivate var order: String { "\(endpoint?.rawValue ?? "") \(status)" }
}
