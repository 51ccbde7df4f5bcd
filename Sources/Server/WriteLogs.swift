internal import JSON
package import Logging
internal import Storage

/// Writes what operators read, one JSON object a line.
package struct JSONLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable (String) -> Void

    package init(
        label: String, level: Logger.Level, write: @escaping @Sendable (_ line: String) -> Void
    ) {
        self.label = label
        self.write = write
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let now = Instant(microseconds: SystemClock.wallMicroseconds())
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        var members: [(String, JSONNode)] = [
            ("time", .text(now.description)), ("level", .text(event.level.rawValue)),
            ("logger", .text(label)), ("message", .text("\(event.message)")),
        ]
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            members.append((key, .text("\(value)")))
        }
        write(JSONNode.object(members).json)
    }
}
