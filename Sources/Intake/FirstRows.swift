internal import EventLog

/// Which fields have stood in a row before, over all files of one import.
///
/// Some 32 bytes for each of them.
final class FirstRows {
    private var seen: Set<EventID> = []
    /// First in the row that is being read.
    private var pending: Set<EventID> = []

    /// Whether no row that was kept has had them.
    func isFirst(_ fields: EventID) -> Bool {
        guard !seen.contains(fields) else { return false }
        pending.insert(fields)
        return true
    }

    /// Remembers what was asked for since the last row.
    func keepRow() {
        seen.formUnion(pending)
        pending.removeAll(keepingCapacity: true)
    }

    /// Forgets it: the row was left out or refused.
    func forgetRow() { pending.removeAll(keepingCapacity: true) }
}
