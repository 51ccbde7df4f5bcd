import Foundation
import OwnThread
import Storage
import Synchronization
import Testing

@Suite(.ownThread, .timeLimit(.minutes(10))) struct WorkerThreadTests {
    private final class Record: Sendable {
        let batches = Mutex<[[Int]]>([])
        let threads = Mutex<Set<UInt>>([])
        let batchesBegun = Mutex(0)
        /// Held by a test while jobs are to gather.
        let gate = Mutex(())
    }

    private func thread(
        _ record: Record, waitingMax: Int = 1_000, batchMax: Int = 1_000,
        gathering: WorkerThread<Int>.Gathering = .none
    ) throws -> WorkerThread<Int> {
        try WorkerThread(
            waitingWeightMax: waitingMax, batchWeightMax: batchMax, gathering: gathering
        ) { portions in
            guard let first = portions.next() else { return }
            record.batchesBegun.withLock { $0 += 1 }
            record.gate.withLock { _ in }
            _ = record.threads.withLock { $0.insert(UInt(pthread_self())) }
            let batch = portions.reduce(first, +)
            record.batches.withLock { $0.append(batch) }
        }
    }

    @Test func jobsRunOnceInOrderOnOneThread() throws {
        let record = Record()
        let writer = try thread(record)
        for job in 0..<500 {
            while case .full = writer.submit(job, weight: 10) { usleep(100) }
        }
        writer.stop()
        #expect(record.batches.withLock { $0.flatMap { $0 } } == Array(0..<500))
        #expect(record.threads.withLock { $0.count } == 1)
        #expect(record.threads.withLock { $0.first } != UInt(pthread_self()))
    }

    @Test func whatGathersWhileTheWriterWorksIsOneBatch() throws {
        let record = Record()
        let writer = try thread(record)
        record.gate.withLock { _ in
            _ = writer.submit(0, weight: 1)
            while record.batchesBegun.withLock({ $0 }) == 0 { usleep(100) }
            for job in 1...20 { _ = writer.submit(job, weight: 1) }
        }
        writer.stop()
        #expect(record.batches.withLock { $0 } == [[0], Array(1...20)])
    }

    @Test func aFullQueueAnswersFullAndABatchKeepsItsWeight() throws {
        let record = Record()
        let writer = try thread(record, waitingMax: 100, batchMax: 30)
        var accepted: [Int] = []
        record.gate.withLock { _ in
            _ = writer.submit(-1, weight: 1)
            while record.batchesBegun.withLock({ $0 }) == 0 { usleep(100) }
            for job in 0..<20 {
                if case .accepted = writer.submit(job, weight: 10) { accepted.append(job) }
            }
        }
        writer.stop()
        #expect(accepted == Array(0..<10))
        let batches = record.batches.withLock { $0 }
        #expect(batches.flatMap { $0 } == [-1] + accepted)
        #expect(batches.dropFirst().allSatisfy { $0.count <= 3 })
    }

    /// A batch waits for as many jobs as the one before it had, but not for ever.
    @Test(arguments: [200, 5_000, 1_000_000])
    func aSmallBatchAfterAGreatOneIsDoneAllTheSame(microseconds: Int) throws {
        let record = Record()
        let writer = try thread(record, gathering: .upTo(microseconds: microseconds, portion: 3))
        record.gate.withLock { _ in
            _ = writer.submit(0, weight: 1)
            while record.batchesBegun.withLock({ $0 }) == 0 { usleep(100) }
            for job in 1...20 { _ = writer.submit(job, weight: 1) }
        }
        while record.batches.withLock({ $0.flatMap { $0 }.count }) < 21 { usleep(100) }
        for job in 21...24 {
            _ = writer.submit(job, weight: 1)
            while record.batches.withLock({ $0.flatMap { $0 }.count }) <= job { usleep(100) }
        }
        // What waits when the thread is stopped is done too, and nobody waits for more.
        for job in 25...30 { _ = writer.submit(job, weight: 1) }
        writer.stop()
        #expect(record.batches.withLock { $0.flatMap { $0 } } == Array(0...30))
    }

    /// What a batch waits for comes to it in portions, and it is whole with as many as the last.
    @Test func theFirstPortionsAreRunWhileOthersAreStillToCome() throws {
        let batches = Mutex<[[[Int]]]>([])
        let begun = Mutex(0)
        let gate = Mutex(())
        let writer = try WorkerThread<Int>(
            waitingWeightMax: 1_000, batchWeightMax: 1_000,
            gathering: .upTo(microseconds: 60_000_000, portion: 3)
        ) { portions in
            var batch: [[Int]] = []
            for portion in portions {
                batch.append(portion)
                begun.withLock { $0 += portion.count }
                gate.withLock { _ in }
            }
            batches.withLock { $0.append(batch) }
        }
        gate.withLock { _ in
            _ = writer.submit(0, weight: 1)
            while begun.withLock({ $0 }) < 1 { usleep(100) }
            for job in 1...8 { _ = writer.submit(job, weight: 1) }
        }
        while begun.withLock({ $0 }) < 9 { usleep(100) }
        for job in 9...12 {
            _ = writer.submit(job, weight: 1)
            while job == 9, begun.withLock({ $0 }) < 10 { usleep(100) }
        }
        // The batch before had eight jobs, so this one waits for them, but takes three at once.
        while begun.withLock({ $0 }) < 13 { usleep(100) }
        #expect(batches.withLock { $0.count } == 2)
        for job in 13...16 { _ = writer.submit(job, weight: 1) }
        while batches.withLock({ $0.count }) < 3 { usleep(100) }
        writer.stop()
        let all = batches.withLock { $0 }
        #expect(all.flatMap { $0.flatMap { $0 } } == Array(0...16))
        #expect(all[0] == [[0]])
        #expect(all[2].first == [9])
        #expect(all[2].reduce(0) { $0 + $1.count } == 8)
    }

    /// A batch that gives up, even before it has taken anything, leaves the rest to the next.
    @Test func whatABatchLeavesIsInTheNext() throws {
        let batches = Mutex<[[Int]]>([])
        let begun = Mutex(0)
        let gate = Mutex(())
        let writer = try WorkerThread<Int>(
            waitingWeightMax: 1_000, batchWeightMax: 3,
            gathering: .upTo(microseconds: 60_000_000, portion: 2)
        ) { portions in
            let number = begun.withLock { begun in
                begun += 1
                return begun
            }
            gate.withLock { _ in }
            guard number % 3 != 2 else { return }
            let first = portions.next() ?? []
            batches.withLock { $0.append(first) }
        }
        gate.withLock { _ in
            _ = writer.submit(0, weight: 1)
            while begun.withLock({ $0 }) == 0 { usleep(100) }
            for job in 1..<10 { _ = writer.submit(job, weight: 1) }
        }
        writer.stop()
        let all = batches.withLock { $0 }
        #expect(all.flatMap { $0 } == Array(0..<10))
        #expect(all.allSatisfy { (1...3).contains($0.count) })
        #expect(begun.withLock { $0 } > all.count)
    }

    /// However fast jobs come, a batch that waits for many ends when its time is over.
    @Test func aBatchDoesNotGrowForEverWhileJobsComeOneByOne() throws {
        let counts = Mutex<[Int]>([])
        let begun = Mutex(0)
        let gate = Mutex(())
        let writer = try WorkerThread<Int>(
            waitingWeightMax: 100_000, batchWeightMax: 100_000,
            gathering: .upTo(microseconds: 2_000, portion: 1)
        ) { portions in
            var count = 0
            for portion in portions {
                count += portion.count
                begun.withLock { $0 += portion.count }
                gate.withLock { _ in }
                // Longer than the next job takes to come.
                if count < 2_000 { usleep(300) }
            }
            counts.withLock { $0.append(count) }
        }
        gate.withLock { _ in
            _ = writer.submit(0, weight: 1)
            while begun.withLock({ $0 }) == 0 { usleep(100) }
            // The batch behind the first has so many that the next would wait for as many.
            for job in 1...2_000 { _ = writer.submit(job, weight: 1) }
        }
        for job in 2_001...2_400 {
            _ = writer.submit(job, weight: 1)
            usleep(100)
        }
        writer.stop()
        let all = counts.withLock { $0 }
        #expect(all.reduce(0, +) == 2_401)
        // All 400 took more than 40 ms to come, and a batch waits for 2.
        #expect(all.count > 5, "\(all)")
    }

    @Test func afterStoppingNothingIsTaken() throws {
        let writer = try thread(Record())
        writer.stop()
        writer.stop()
        guard case .stopped = writer.submit(1, weight: 1) else {
            Issue.record("a stopped writer took a job")
            return
        }
    }
}
