internal import EventLog

/// Finds the lines that an earlier file of the same import already told.
///
/// Files that were copied at different times share lines; told twice, these would start calls anew
/// that had ended. In memory it keeps 16 bytes and their overhead for each line.
struct RepeatedLines {
    private let namespace: EventID
    private var known: Set<EventID> = []
    /// How often each line has stood in the file that is being read.
    private var occurrences: [EventID: Int] = [:]

    init(namespace: EventID) { self.namespace = namespace }

    mutating func beginFile() { occurrences = [:] }

    /// Whether an earlier file had this line as often as this one has had it by now.
    mutating func isRepeated(_ line: ArraySlice<UInt8>) -> Bool {
        let id = EventID(namespace: namespace, name: line)
        let occurrence = occurrences[id, default: 0] + 1
        occurrences[id] = occurrence
        guard occurrence > 1 else { return !known.insert(id).inserted }
        return !known.insert(EventID(namespace: id, name: String(occurrence).utf8)).inserted
    }
}
