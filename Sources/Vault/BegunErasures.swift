internal import Storage

extension KeyStore {
    /// Remembers that a subject is being erased, and what is to be told of it in the end; what was
    /// remembered before stays, and is returned.
    package func beginErasure(
        of subject: SubjectRef, _ note: [UInt8]
    ) throws(VaultError) -> [UInt8] {
        try wrapping {
            try environment.write { transaction in
                let begun = try transaction.withValue(
                    for: subject.words.bytes, in: Table.erasures
                ) { [UInt8](copying: $0) }
                if let begun { return begun }
                try transaction.put(note, for: subject.words.bytes, in: Table.erasures)
                return note
            }
        }
    }

    /// The erasures that were begun and not ended, with their notes.
    package func begunErasures() throws(VaultError) -> [(subject: SubjectRef, note: [UInt8])] {
        try wrapping {
            try environment.read { transaction in
                try transaction.withCursor(in: Table.erasures) { cursor in
                    var found: [(SubjectRef, [UInt8])] = []
                    var isAtOne = try cursor.first()
                    while isAtOne {
                        let (key, note) = cursor.withEntry { key, note in
                            ([UInt8](copying: key), [UInt8](copying: note))
                        }
                        guard let words = RandomName(bytes: key[...]) else {
                            throw VaultError.damagedFile(
                                path: "data.mdb", "an erasure is of nobody")
                        }
                        found.append((SubjectRef(words: words), note))
                        isAtOne = try cursor.next()
                    }
                    return found
                }
            }
        }
    }

    package func endErasure(of subject: SubjectRef) throws(VaultError) {
        try wrapping {
            try environment.write { transaction in
                let isBegun =
                    try transaction.withValue(
                        for: subject.words.bytes, in: Table.erasures
                    ) { _ in true } ?? false
                if isBegun {
                    try transaction.delete(subject.words.bytes, in: Table.erasures)
                }
            }
        }
    }

    /// Whether what is derived from the log may hold what was read with keys that are gone.
    package func isStale() throws(VaultError) -> Bool {
        try wrapping { try environment.read { try newestErasure(in: $0) } != nil }
    }

    /// Has `makeAnew` make anew what is derived and personal, where it ``isStale()``.
    ///
    /// An erasure meanwhile leaves it stale. Throws what `makeAnew` throws, and ``VaultError``.
    package func letForget(_ makeAnew: () throws -> Void) throws {
        let newest = try wrapping { try environment.read { try newestErasure(in: $0) } }
        guard let newest else { return }
        try makeAnew()
        try wrapping {
            try environment.write { transaction in
                guard try newestErasure(in: transaction) == newest else { return }
                try transaction.delete(Entry.stale, in: Table.store)
            }
        }
    }

    func markStale(in transaction: inout WriteTransaction) throws {
        // A name that none before has had: who makes anew may have begun before this erasure.
        try transaction.put(randomBytes(16), for: Entry.stale, in: Table.store)
    }

    private func newestErasure(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8]? {
        try transaction.withValue(for: Entry.stale, in: Table.store) { [UInt8](copying: $0) }
    }
}
