internal import CLMDB
internal import Glibc

/// A process that reads from a snapshot at this moment.
package struct ActiveReader: Equatable, Sendable {
    package let process: Int
    /// Commits that have come since its snapshot; their freed pages are not used again before it
    /// ends.
    package let commitsBehind: Int

    package init(process: Int, commitsBehind: Int) {
        self.process = process
        self.commitsBehind = commitsBehind
    }
}

extension Environment {
    /// Who holds a snapshot, over all processes, the furthest behind first.
    package func activeReaders() throws -> [ActiveReader] {
        try requireOwnProcess()
        return try gate.using {
            let list = ReaderList()
            // The object outlives the call, which hands it to every line's call.
            let code = unsafe mdb_reader_list(
                handle.pointer,
                { line, context in
                    guard let line = unsafe line, let context = unsafe context else { return 0 }
                    let text = unsafe String(cString: line)
                    unsafe Unmanaged<ReaderList>.fromOpaque(context).takeUnretainedValue()
                        .take(text)
                    return 0
                }, Unmanaged.passUnretained(list).toOpaque())
            if code < 0 { try check(code, "mdb_reader_list", "") }
            // Read after the list, so that nobody is ahead of it.
            let newest = try unsafe information(handle).me_last_txnid
            return list.snapshots.map { process, transaction in
                ActiveReader(
                    process: process, commitsBehind: max(0, Int(newest) - transaction))
            }.sorted { $0.commitsBehind > $1.commitsBehind }
        }
    }
}

/// LMDB tells of readers in lines: process, thread in hexadecimal, transaction or a hyphen.
private final class ReaderList {
    var snapshots: [(process: Int, transaction: Int)] = []

    func take(_ text: String) {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 3, let process = Int(fields[0]), let transaction = Int(fields[2])
            else { continue }
            snapshots.append((process, transaction))
        }
    }
}
