internal import Merkle

/// Whether a head is signed.
enum Signing {
    /// When the last checkpoint is a second old.
    case whenDue
    case now
}

/// What is answered together: appends that came, and what was decided about them.
struct WriterBatch {
    private var requests: [AppendRequest] = []
    private(set) var outcomes: [Result<[AppendOutcome], LogError>] = []
    private var signings: [SigningRequest] = []
    /// Whether something has come after which there can be work beside the writer.
    private(set) var mayGiveWork = false
    /// Whether the log is to be left as compact as it can be.
    private(set) var hasFinish = false
    /// Whether nothing has been taken yet.
    private(set) var isEmpty = true
    /// What the clock said to the first append, or why nothing may be recorded by it.
    var clock: Result<ClockReading, LogError>?

    /// Takes jobs in, and returns the appends among them.
    @discardableResult
    mutating func take(_ jobs: [WriterJob]) -> ArraySlice<AppendRequest> {
        let start = requests.count
        isEmpty = false
        for job in jobs {
            switch job {
            case .append(let request):
                requests.append(request)
                mayGiveWork = true
            case .sign(let request): signings.append(request)
            case .finish:
                hasFinish = true
                mayGiveWork = true
            case .seal, .merge, .filters, .failed: mayGiveWork = true
            case .later: break
            }
        }
        return requests[start...]
    }

    mutating func decide(_ results: [Result<[AppendOutcome], LogError>]) { outcomes += results }

    var count: Int { requests.count }

    var asksForCheckpoint: Bool { !signings.isEmpty }

    /// The head is signed now where somebody asks, and at the end for whoever opens the log next.
    var signing: Signing { hasFinish || asksForCheckpoint ? .now : .whenDue }

    /// The keys that sign from now on, where others were given.
    var keys: [SigningKey]? { signings.compactMap(\.keys).last }

    func answer() {
        for (request, outcome) in zip(requests, outcomes) { request.answer(outcome) }
    }

    func answerSigning(_ result: Result<SignedNote, LogError>) {
        for signing in signings { signing.answer(result) }
    }

    func refuse(_ error: LogError) {
        for request in requests { request.answer(.failure(error)) }
        answerSigning(.failure(error))
    }
}
