internal import Dispatch
internal import Glibc
internal import Synchronization

/// Runs `body` once on each of so many threads, of which the calling one is one, and waits.
///
/// They share the work by taking pieces until none is left, since the system may start some late
/// or run them one after the other: no body may wait for a piece that nobody has taken.
package func onThreads(_ count: Int, _ body: @Sendable (_ thread: Int) -> Void) {
    DispatchQueue.concurrentPerform(iterations: count) { body($0) }
}

/// Where work is done that could be shared out.
package enum CoreUse: Sendable {
    /// By the caller alone, with the priority that its thread has.
    case own
    case all
}

/// What `make` answers for each number from 0 on; the first error is thrown.
package func madeOnThreads<Part: Sendable, Failure: Error>(
    _ count: Int, on cores: CoreUse, _ make: @Sendable (_ number: Int) throws(Failure) -> Part
) throws(Failure) -> [Part] {
    guard count > 1, cores == .all else { return try (0..<count).map(make) }
    let next = Atomic<Int>(0)
    let made = Mutex<[(number: Int, part: Result<Part, Failure>)]>([])
    onThreads(min(coreCount, count)) { _ in
        while true {
            let number = next.add(1, ordering: .relaxed).oldValue
            guard number < count else { return }
            let part = Result { () throws(Failure) in try make(number) }
            made.withLock { $0.append((number, part)) }
        }
    }
    let parts = made.withLock { $0 }.sorted { $0.number < $1.number }
    return try parts.map { made throws(Failure) in try made.part.get() }
}

/// How many threads can run at once on this machine.
package var coreCount: Int {
    max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}

/// Parts that several threads make, merged in their order by whoever has the next one.
///
/// The part that is next is always being made by a running thread, so waiting for it ends.
@safe package final class MergeLine<Part: Sendable, Whole: Sendable>: @unchecked Sendable {
    // The mutex guards everything below it, but for `whole`, which belongs to the thread that has
    // set `isMerging`, and after the end to whoever finishes.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var whole: Whole
    private var waiting: [UInt64: Part] = [:]
    private var next: UInt64 = 0
    private var isMerging = false
    private var failure: (any Error)?
    private let merge: @Sendable (inout Whole, Part) throws -> Void
    /// How far a part may be ahead of the next one to be merged.
    private let lead: UInt64

    package init(
        _ whole: Whole, lead: UInt64,
        _ merge: @escaping @Sendable (inout Whole, Part) throws -> Void
    ) {
        self.whole = whole
        self.lead = lead
        self.merge = merge
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(changed, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Whether something was thrown, so that no further part is wanted.
    package var hasFailed: Bool { locked { failure != nil } }

    /// Makes the part with this number, and merges as many as are ready.
    package func hand(over number: UInt64, _ make: () throws -> Part) {
        do {
            let part = try make()
            locked {
                while number >= next + lead, failure == nil {
                    unsafe pthread_cond_wait(changed, mutex)
                }
                waiting[number] = part
            }
            while let part = takeNext() {
                try merge(&whole, part)
                locked {
                    next += 1
                    isMerging = false
                    unsafe pthread_cond_broadcast(changed)
                }
            }
        } catch {
            locked {
                failure = failure ?? error
                unsafe pthread_cond_broadcast(changed)
            }
        }
    }

    /// The part to merge now; nil where it is not ready or another thread merges.
    private func takeNext() -> Part? {
        locked {
            guard !isMerging, failure == nil, let part = waiting.removeValue(forKey: next) else {
                return nil
            }
            isMerging = true
            return part
        }
    }

    /// What all parts came to; only after every thread has returned.
    package func finish() throws -> Whole {
        if let failure = locked({ failure }) { throw failure }
        return whole
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }
}
