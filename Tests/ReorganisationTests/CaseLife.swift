import ContactCentre

/// How far a case has come, and what may follow: written from the catalogue, not the generator.
struct CaseLife {
    private var isOpened = false
    private var isWaiting = false
    private var isResolved = false
    private var isClosed = false
    private var isBreached = false
    private var isTakenInCharge = false

    /// Takes in the next event of a case and says whether it may stand there.
    mutating func mayFollow(_ event: CaseEvent) -> Bool {
        if case .opened = event {
            defer { isOpened = true }
            return !isOpened
        }
        guard isOpened, !isClosed else { return false }
        switch event {
        case .assigned(let owner): return !isResolved && !isWaiting && owner.line != nil
        case .takenInCharge(let owner):
            isTakenInCharge = true
            return !isResolved && !isWaiting && owner.kind == .operator && owner.id != nil
        case .waitingStarted:
            defer { isWaiting = true }
            return isTakenInCharge && !isWaiting && !isResolved
        case .waitingEnded:
            defer { isWaiting = false }
            return isWaiting
        case .termBreached:
            defer { isBreached = true }
            return !isBreached && !isResolved
        case .resolved(let resolution, _):
            defer { isResolved = true }
            return isTakenInCharge && !isWaiting && !isResolved && resolution != nil
        case .reopened:
            defer { isResolved = false }
            return isResolved
        case .closed:
            isClosed = true
            return isResolved
        case .opened, .activityRecorded, .unknown: return false
        }
    }
}
