/// What a report for an audit says of a log, with what proves it.
package struct ReportProof: Sendable {
    /// So many events from the beginning, and the proof that what was signed begins with them.
    package struct Beginning: Sendable {
        package let size: UInt64
        package let root: Hash
        package let proof: [Hash]

        package init(size: UInt64, root: Hash, proof: [Hash]) {
            self.size = size
            self.root = root
            self.proof = proof
        }
    }

    /// An event's line, with its data, and its receipt.
    package struct Item: Sendable {
        package let line: [UInt8]
        package let receipt: [UInt8]

        package init(line: [UInt8], receipt: [UInt8]) {
            self.line = line
            self.receipt = receipt
        }
    }

    package let note: [UInt8]
    package let beginnings: [Beginning]
    package let items: [Item]

    package init(note: [UInt8], beginnings: [Beginning], items: [Item]) {
        self.note = note
        self.beginnings = beginnings
        self.items = items
    }
}

extension Audit {
    /// Verifies a report without the log: its checkpoint, that what was signed begins with what was
    /// known, and each event by its receipt.
    ///
    /// What the events tell, and what was folded from them, is for who has the log.
    package func verifyReport(_ report: ReportProof) throws(Refusal) -> Verdict {
        let head = try open(report.note)
        for beginning in report.beginnings {
            guard beginning.size <= head.checkpoint.size else {
                throw .shorterThanRemembered(
                    size: head.checkpoint.size, remembered: beginning.size)
            }
            try ConsistencyProof(
                oldSize: beginning.size, newSize: head.checkpoint.size, hashes: beginning.proof
            ).verify(oldRoot: beginning.root, newRoot: head.checkpoint.root)
        }
        var removed: UInt64 = 0
        for item in report.items {
            let receipt = try Receipt(bytes: item.receipt)
            guard receipt.note.bytes == report.note else {
                throw .badEvent(
                    position: receipt.index, "its receipt is under another checkpoint")
            }
            removed += try verifyReceipt(item.receipt, line: item.line).removed
        }
        return Verdict(
            head: head, extends: report.beginnings.map(\.size).sorted(), removed: removed)
    }
}
