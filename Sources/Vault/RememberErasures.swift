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

    /// Whose data what is derived from the log may hold although their keys are gone.
    package func staleSubjects() throws(VaultError) -> [SubjectRef] {
        try wrapping { try environment.read { try erased(in: $0).map(\.subject) } }
    }

    /// Has `makeAnew` make anew what is derived and personal, where it is stale for anybody.
    ///
    /// Who is erased meanwhile stays in ``staleSubjects()``. Throws what `makeAnew` throws, and
    /// ``VaultError``.
    package func letForget(_ makeAnew: () throws -> Void) throws {
        let before = try wrapping { try environment.read { try erased(in: $0) } }
        guard !before.isEmpty else { return }
        try makeAnew()
        try wrapping {
            try environment.write { transaction in
                let now = try erased(in: transaction)
                for mark in before where now.contains(mark) {
                    try transaction.delete(Entry.stale + mark.subject.words.bytes, in: Table.store)
                }
            }
        }
    }

    func markStale(_ subject: SubjectRef, in transaction: inout WriteTransaction) throws {
        // A name that none before has had: who makes anew may have begun before this erasure.
        try transaction.put(
            randomBytes(RandomName.byteCount), for: Entry.stale + subject.words.bytes,
            in: Table.store)
    }

    private struct Mark: Hashable {
        let subject: SubjectRef
        let name: [UInt8]
    }

    private func erased(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Set<Mark> {
        try transaction.withCursor(in: Table.store) { cursor in
            var found: Set<Mark> = []
            var isAtOne = try cursor.seek(atOrAfter: Entry.stale)
            while isAtOne {
                let (key, name) = cursor.withEntry { ([UInt8](copying: $0), [UInt8](copying: $1)) }
                guard key.starts(with: Entry.stale) else { break }
                guard let words = RandomName(bytes: key[Entry.stale.count...]) else {
                    throw VaultError.damagedFile(path: "data.mdb", "nobody is to be forgotten")
                }
                found.insert(Mark(subject: SubjectRef(words: words), name: name))
                isAtOne = try cursor.next()
            }
            return found
        }
    }
}
