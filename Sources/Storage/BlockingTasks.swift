/// Runs tasks that block their thread, on one that nobody else waits for.
///
/// Where a task waits for another one, the thread is free for the next.
package final class BlockingTasks: TaskExecutor {
    private let thread: WorkerThread<Job>

    private struct Job: Sendable {
        let job: UnownedJob
        let tasks: BlockingTasks

        func run() { unsafe job.runSynchronously(on: tasks.asUnownedTaskExecutor()) }
    }

    package init() throws(StorageError) {
        thread = try WorkerThread(waitingWeightMax: 0, batchWeightMax: 0) { portions in
            for portion in portions {
                for job in portion { job.run() }
            }
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = Job(job: UnownedJob(job), tasks: self)
        // Whoever comes behind the end waits for an answer, too.
        if thread.submit(job, weight: 0) != .accepted { job.run() }
    }

    /// Runs what waits, and ends the thread.
    package func end() { thread.stop() }
}
