internal import Storage
package import Testing

/// Gives every test of a suite a thread of its own.
///
/// Tests share as many threads as there are processors. One that waits for a program holds its
/// thread until the program ends, and where all of them are held so, those that await something
/// stand still, however little they have to do: their time limits pass without their fault. Child
/// tasks share the thread of their test; a `Task` runs where it would without.
package struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let thread = try BlockingTasks()
        defer { thread.end() }
        try await withTaskExecutorPreference(thread) { try await function() }
    }
}

extension Trait where Self == OwnThread {
    /// For tests that block their thread, and for those that shall not wait for other tests.
    package static var ownThread: Self { OwnThread() }
}
