internal import EventLog

/// What an import did.
package struct ImportReport: Equatable, Sendable {
    /// Data rows or lines that were read, without headers and blank lines.
    package fileprivate(set) var rows = 0
    /// Traces that were read, where the format has any.
    package fileprivate(set) var traces: Int?
    /// Events that this run appended; in a dry run, those that it would have handed to the log.
    package fileprivate(set) var events = 0
    /// Events that were in the log before.
    package fileprivate(set) var alreadyAppended = 0
    /// Rows that are left out on purpose, by a rule or since they are another log's own.
    package fileprivate(set) var skipped = 0
    /// Rows of which something was refused, each told to the listener.
    package fileprivate(set) var rejected = 0
    /// How often each anomaly stands in the imported rows, sorted by name.
    ///
    /// `backward_clock.NAME` counts events `NAME` that lie before an earlier event of their row,
    /// `transition.RULE` events that the state machine of their stream does not allow.
    package fileprivate(set) var anomalies: [NamedCount] = []
    /// Skipped rows by the rule that skips them, sorted by name.
    package fileprivate(set) var skippedByRule: [NamedCount] = []
}

package struct NamedCount: Equatable, Sendable {
    package let name: String
    package let count: Int

    package init(name: String, count: Int) {
        self.name = name
        self.count = count
    }
}

/// An import that stopped midway: what it did until then, and why it could not go on.
///
/// Of a call to the log that failed nothing is counted; a rerun finds what it appended.
package struct ImportStopped: Error, CustomStringConvertible {
    package let report: ImportReport
    package let cause: any Error

    package var description: String { "\(cause)" }
}

/// How far an import is.
package enum ImportProgress: Equatable, Sendable {
    /// Bytes of the files on disk; the total is nil where one of them is a pipe.
    case reading(bytes: Int, of: Int?)
    case appending(events: Int, of: Int)
}

/// Counts what becomes of rows and events, and tells each refusal.
final class ImportTally {
    private var report = ImportReport()
    private var anomalies: [String: Int] = [:]
    private var skippedByRule: [String: Int] = [:]
    private var rowsRejectedByLog = Set<RowPlace>()
    private var transitions = TransitionJudge()
    private let paths: [String]
    private let onRefusal: (RefusedRow) -> Void

    init(paths: [String], onRefusal: @escaping (RefusedRow) -> Void) {
        self.paths = paths
        self.onRefusal = onRefusal
    }

    func countRow() { report.rows += 1 }

    func countTrace() { report.traces = (report.traces ?? 0) + 1 }

    /// Counts the events of a dry run.
    func countEvents(of chunk: ImportChunk) {
        report.events += chunk.appends.count
        for append in chunk.appends { judge(append) }
    }

    func countSkipped(rule: String) {
        report.skipped += 1
        skippedByRule[rule, default: 0] += 1
    }

    func countAnomaly(_ name: String) { anomalies[name, default: 0] += 1 }

    func refuse(_ row: RowPlace, _ reason: RowRefusal) {
        report.rejected += 1
        onRefusal(RefusedRow(file: paths[row.file], line: row.line, reason: reason))
    }

    /// Counts what the log made of the events of a chunk.
    func count(_ outcomes: [AppendOutcome], of chunk: ImportChunk) {
        precondition(outcomes.count == chunk.appends.count, "every append has an outcome")
        for (index, outcome) in outcomes.enumerated() {
            let row = chunk.rows[index]
            switch outcome {
            case .appended:
                report.events += 1
                judge(chunk.appends[index])
            case .alreadyAppended:
                report.alreadyAppended += 1
                judge(chunk.appends[index])
            case .rejected(let rejection): refuseOnce(row, .rejected(rejection))
            case .conflict(let conflict): refuseOnce(row, .conflict(conflict))
            }
        }
    }

    /// Counts what may not stand where it stands in its stream; it is in the log all the same.
    private func judge(_ append: Append) {
        for event in append.events {
            if let rule = transitions.brokenRule(of: event) { countAnomaly("transition.\(rule)") }
        }
    }

    /// A row with several refused events is one refused row.
    private func refuseOnce(_ row: RowPlace, _ reason: RowRefusal) {
        if rowsRejectedByLog.insert(row).inserted { refuse(row, reason) }
    }

    /// The error with the report, or the error alone where nothing was counted.
    func stopped(by error: any Error) -> any Error {
        let report = finished()
        return report == ImportReport() ? error : ImportStopped(report: report, cause: error)
    }

    func finished() -> ImportReport {
        func sorted(_ counts: [String: Int]) -> [NamedCount] {
            counts.map { NamedCount(name: $0, count: $1) }.sorted { $0.name < $1.name }
        }
        report.anomalies = sorted(anomalies)
        report.skippedByRule = sorted(skippedByRule)
        return report
    }
}
