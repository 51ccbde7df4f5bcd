/// What is done to runs beside the writer.
enum RunWork: Sendable {
    /// One run is made of neighbours.
    case merge([RunExtent])
    /// A run that was there when the log was opened is read for its filters.
    case read(RunExtent)

    /// What is to be done next, or nil.
    init?(_ runs: [KnownRun]) {
        if let next = RunMerge.next(of: runs) {
            self = .merge(runs[next].map(\.extent))
        } else if let run = runs.nextWithoutFilters() {
            self = .read(run)
        } else {
            return nil
        }
    }
}

/// Work whose result the disk needs room for.
protocol TakesRoom {
    /// Bytes of the result, rather too many than too few.
    var byteCount: Int { get }
}

extension SealWork: TakesRoom {}

extension RunWork: TakesRoom {
    var byteCount: Int {
        switch self {
        case .merge(let runs):
            runs.reduce(0) { $0 + Int($1.end - $1.first) * LogLimits.runBytesPerEvent }
        case .read: 0
        }
    }
}
