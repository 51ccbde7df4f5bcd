/// A dictionary of bounded size that forgets the entries that were not asked for longest.
///
/// The entries last used are kept, at least `keptMin` of them and less than twice as many.
struct RecentEntries<Key: Hashable, Value> {
    private var recent: [Key: Value] = [:]
    private var older: [Key: Value] = [:]
    private let keptMin: Int

    init(keptMin: Int) { self.keptMin = keptMin }

    /// The entry, which counts as used.
    mutating func value(of key: Key) -> Value? {
        if let value = recent[key] { return value }
        guard let value = older.removeValue(forKey: key) else { return nil }
        keep(value, for: key)
        return value
    }

    mutating func keep(_ value: Value, for key: Key) {
        recent[key] = value
        guard recent.count >= keptMin else { return }
        older = recent
        recent = [:]
    }
}
