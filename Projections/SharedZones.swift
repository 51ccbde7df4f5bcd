internal import ContactCentre
internal import Synchronization

/// The zones that several threads have needed so far; finding a new one takes milliseconds.
final class SharedZones: Sendable {
    private let book: Mutex<ZoneBook>

    init(_ book: ZoneBook) { self.book = Mutex(book) }

    /// Whether there is a zone with this name.
    func has(_ name: String) -> Bool { book.withLock { $0.zone(name) != nil } }

    /// The zone of a contact that was taken in; nil stands for the log's.
    func stored(_ name: String?) throws -> Zone { try book.withLock { try $0.stored(name) } }
}
