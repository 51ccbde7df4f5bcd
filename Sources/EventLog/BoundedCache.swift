/// Values under keys, up to a number of bytes.
///
/// They come up for removal in the order in which they came; one that was asked for since then gets
/// another turn.
struct BoundedCache<Key: Hashable, Value> {
    private let bytesMax: Int
    private var entries: [Key: Entry] = [:]
    /// The keys in the order in which they come up for removal, from `next` on.
    private var order: [Key] = []
    private var next = 0
    /// Bytes of all values.
    private(set) var bytes = 0

    fileprivate struct Entry {
        var value: Value
        var bytes: Int
        var use = Use.notYet
    }

    /// Whether an entry was asked for since it came up for removal.
    fileprivate enum Use {
        case notYet
        case again
    }

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    subscript(key: Key) -> Value? {
        mutating get {
            guard let index = entries.index(forKey: key) else { return nil }
            entries.values[index].use = .again
            return entries.values[index].value
        }
    }

    /// Keeps a value in place of one that may be there, and makes room for it.
    mutating func keep(_ value: Value, bytes: Int, for key: Key) {
        guard bytes <= bytesMax else { return }
        if let index = entries.index(forKey: key) {
            self.bytes += bytes - entries.values[index].bytes
            entries.values[index].value = value
            entries.values[index].bytes = bytes
        } else {
            entries[key] = Entry(value: value, bytes: bytes)
            order.append(key)
            self.bytes += bytes
        }
        while self.bytes > bytesMax { removeNext() }
    }

    private mutating func removeNext() {
        let key = order[next]
        next += 1
        if entries[key]?.use == .again {
            entries[key]?.use = .notYet
            order.append(key)
        } else if let entry = entries.removeValue(forKey: key) {
            bytes -= entry.bytes
        }
        if 2 * next > order.count {
            order.removeFirst(next)
            next = 0
        }
    }
}

extension BoundedCache: Sendable where Key: Sendable, Value: Sendable {}

extension BoundedCache.Entry: Sendable where Key: Sendable, Value: Sendable {}
