internal import Synchronization

/// Tells those who wait in the writing process that a commit has come.
final class News: Sendable {
    private let state = Mutex(State())

    private struct State {
        /// Events in the log, as far as this has been told.
        var size: UInt64 = 0
        var isEnded = false
        var tickets: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        /// Cancelled before they began to wait.
        var cancelled: Set<UInt64> = []
    }

    /// Wakes everybody; called by the writer after each commit.
    func announce(size: UInt64) {
        wake { $0.size = max($0.size, size) }
    }

    /// From now on no news will come, and nobody waits for any.
    func end() {
        wake { $0.isEnded = true }
    }

    var isEnded: Bool { state.withLock { $0.isEnded } }

    private func wake(_ change: (inout State) -> Void) {
        let woken = state.withLock { state in
            change(&state)
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return Array(state.waiting.values)
        }
        for waiting in woken { waiting.resume() }
    }

    /// Returns when the log holds more than `size` events, at the end, and when it is cancelled.
    func wait(beyond size: UInt64) async {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiting in
                let isOver = state.withLock { state in
                    let isOver =
                        state.isEnded || state.size > size || state.cancelled.contains(ticket)
                    if !isOver { state.waiting[ticket] = waiting }
                    return isOver
                }
                if isOver { waiting.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                let waiting = state.waiting.removeValue(forKey: ticket)
                if waiting == nil { state.cancelled.insert(ticket) }
                return waiting
            }
            waiting?.resume()
        }
        state.withLock { _ = $0.cancelled.remove(ticket) }
    }
}
