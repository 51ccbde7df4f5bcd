/// Appends portion after portion, each while its caller makes the next one.
///
/// A portion is handed to the writer when the one before has been answered, so they enter the log
/// in the order in which they were submitted. Each append has its own outcome.
package struct AppendPipeline {
    private let log: EventLog
    private var running: Task<[AppendOutcome], any Error>?

    package init(_ log: EventLog) { self.log = log }

    /// Hands over a portion, and returns the outcomes of the one before; none before the first.
    ///
    /// - Throws: what ``EventLog/append(each:)`` threw of the one before; this one is then not
    ///   handed over.
    package mutating func submit(_ appends: [Append]) async throws -> [AppendOutcome] {
        let outcomes = try await finish()
        let log = log
        running = Task { try await log.append(each: appends) }
        return outcomes
    }

    /// The outcomes of the last portion.
    package mutating func finish() async throws -> [AppendOutcome] {
        guard let last = running else { return [] }
        running = nil
        return try await last.value
    }
}
