internal import Dispatch
internal import GRDB
internal import Synchronization

/// Breaks off what a connection does once it has taken too long.
final class QueryDeadline {
    private let connection: Connection
    private let timer: any DispatchSourceTimer

    private final class Connection: Sendable {
        /// Nil once the connection is about to be closed, so that no closed one is broken off.
        let queue: Mutex<DatabaseQueue?>

        init(_ queue: DatabaseQueue) { self.queue = Mutex(queue) }
    }

    init(_ queue: DatabaseQueue, in patience: Duration) {
        let connection = Connection(queue)
        self.connection = connection
        timer = DispatchSource.makeTimerSource(queue: .global())
        let (seconds, attoseconds) = patience.components
        let end =
            DispatchTime.now() + .seconds(Int(seconds))
            + .nanoseconds(Int(attoseconds / 1_000_000_000))
        // Again and again, since it might come between two statements.
        timer.schedule(deadline: end, repeating: .milliseconds(100))
        timer.setEventHandler { connection.queue.withLock { $0?.interrupt() } }
        timer.activate()
    }

    func end() {
        connection.queue.withLock { $0 = nil }
        timer.cancel()
    }
}
