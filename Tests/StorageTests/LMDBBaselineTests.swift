import Foundation
import Storage
import TestSupport
import Testing

@Suite struct LMDBBaselineTests {
    @Test(arguments: [1, 3, 64]) func everythingPutIsThere(perCommit: Int) throws {
        let scratch = try Scratch()
        let values = (0..<100 * 16).map { UInt8(truncatingIfNeeded: $0) }
        var baseline = try LMDBBaseline(in: scratch.path)
        for _ in 0..<2 {
            let commits = try baseline.append(values, valueBytes: 16, perCommit: perCommit)
            #expect(commits.count == (100 + perCommit - 1) / perCommit)
            #expect(commits.allSatisfy { $0 > 0 })
        }
        #expect(try baseline.scan() == 2 * 100 * 16)
        #expect(try baseline.read([0, 99, 100, 199, 200, .max]) == 4)
    }

    @Test func aMissingDirectoryIsSaid() throws {
        let path = try Scratch().place("nothing")
        #expect(throws: StorageError.missing(path: path)) {
            let baseline = try LMDBBaseline(in: path)
            _ = try baseline.scan()
        }
    }
}
