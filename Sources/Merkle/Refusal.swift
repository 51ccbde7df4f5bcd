/// Why something was not accepted as proven; each case names what is wrong and where.
package enum Refusal: Error, Hashable, Sendable {
    /// A key is not written as keys are.
    case badKey(String)
    /// The bytes are no signed note.
    case badNote(String)
    /// The text that was signed is no checkpoint.
    case badCheckpoint(line: Int, String)
    /// The bytes are no receipt.
    case badReceipt(line: Int, String)
    /// The checkpoint is of another log than the key.
    case otherOrigin(found: String, expected: String)
    /// A signature by a key that is known does not fit the text.
    case badSignature(by: String)
    /// No key that is known has signed.
    case notSigned(byAny: [String])
    /// Fewer witnesses have cosigned than are demanded.
    case tooFewWitnesses(found: Int, required: Int)
    case indexOutsideTree(index: UInt64, size: UInt64)
    /// The remembered checkpoint is one of no events.
    case nothingRemembered
    /// No tree has a node over these leaves.
    case noNode(first: UInt64, end: UInt64)
    /// The way from a leaf does not lead to the root that was signed.
    case notIncluded(index: UInt64, size: UInt64)
    /// A proof between these sizes, or for this index, has another number of hashes.
    case wrongProofLength(found: Int, expected: Int)
    /// What was proven has another root than the checkpoint says; the first `sound` events are
    /// those that another checkpoint covers.
    case otherRoot(size: UInt64, sound: UInt64 = 0, found: Hash, expected: Hash)
    /// The log was longer when the remembered checkpoint was signed.
    case shorterThanRemembered(size: UInt64, remembered: UInt64)
    /// The history before the remembered checkpoint is another one.
    case otherHistory(remembered: UInt64, found: Hash, expected: Hash)
    /// A file of a tile directory is missing, or is not what it must be.
    case badFile(path: String, position: UInt64, String)
    /// An event of an export or a leaf is not what it must be.
    case badEvent(position: UInt64, String)
    /// An export ends before, or goes on behind, what the checkpoint covers.
    case otherLength(lines: UInt64, size: UInt64)
    /// Timestamps are demanded, and no anchor is there.
    case noAnchor
    /// A file that was to be verified cannot be read.
    case unreadable(path: String, String)

    /// The first position that is wrong, where one can be named.
    package var position: UInt64? {
        switch self {
        case .badFile(_, let position, _), .badEvent(let position, _): position
        case .otherLength(let lines, let size): min(lines, size)
        case .indexOutsideTree(let index, _), .notIncluded(let index, _): index
        case .shorterThanRemembered(let size, _): size
        default: nil
        }
    }

    /// The file of a tile directory that is wrong, where one can be named.
    package var path: String? {
        switch self {
        case .badFile(let path, _, _), .unreadable(let path, _): path
        default: nil
        }
    }
}

extension Refusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badKey(let why): "not a key: \(why)"
        case .badNote(let why): "not a signed note: \(why)"
        case .badCheckpoint(let line, let why): "not a checkpoint: line \(line) \(why)"
        case .badReceipt(let line, let why): "not a receipt: line \(line) \(why)"
        case .otherOrigin(let found, let expected):
            "the checkpoint is of the log \(found), and the key is of \(expected)"
        case .badSignature(let name):
            "the signature of \(name) is not one of this text: what was signed has been altered, "
                + "or the signature has"
        case .notSigned(let names):
            "not signed by \(names.joined(separator: " or ")): the key is another one, or the "
                + "signature was altered"
        case .tooFewWitnesses(let found, let required):
            "cosigned by \(found) of the witnesses that count, and \(required) are demanded"
        case .indexOutsideTree(let index, let size):
            "position \(index) is not among the \(size) events that the checkpoint covers"
        case .nothingRemembered:
            "the remembered checkpoint is of a log without events, which proves nothing about what "
                + "came then"
        case .noNode(let first, let end): "no tree has a node over the leaves \(first) to \(end)"
        case .notIncluded(let index, let size):
            "this is not the event at position \(index) of the \(size) that were signed: it was "
                + "altered, or the receipt was"
        case .wrongProofLength(let found, let expected):
            "the proof has \(found) hashes, and must have \(expected)"
        case .otherRoot(let size, let sound, let found, let expected):
            "the root of the first \(size) events is \(found), and the checkpoint says "
                + "\(expected): something among the positions \(sound) to "
                + "\(Int64(clamping: size) - 1) was "
                + "altered, removed, inserted or reordered"
        case .shorterThanRemembered(let size, let remembered):
            "the log has \(size) events, and had \(remembered) when the remembered checkpoint was "
                + "signed: its end was cut off, or an older copy was put in its place"
        case .otherHistory(let remembered, let found, let expected):
            "the first \(remembered) events have the root \(found), and had \(expected) when the "
                + "remembered checkpoint was signed: history was rewritten, or there are two of it"
        case .badFile(let path, let position, let why): "\(path) (position \(position)): \(why)"
        case .badEvent(let position, let why): "position \(position): \(why)"
        case .otherLength(let lines, let size) where lines < size:
            "the export has \(lines) events, and the checkpoint covers \(size): its end was "
                + "cut off"
        case .otherLength(_, let size):
            "the export has more events than the \(size) that the checkpoint covers: nothing "
                + "proves the others; take a newer checkpoint, or an export of no more"
        case .noAnchor:
            "no anchor is among the events, so no authority confirms when they were recorded"
        case .unreadable(let path, let why): "\(path): \(why)"
        }
    }
}
