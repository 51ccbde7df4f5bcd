internal import JSON
internal import Merkle
internal import Storage

/// The data of a unit's events, each looked at and hashed.
///
/// Data repeat, since they hold no identifiers: what was looked at before is recognised by all of
/// its bytes, and neither read nor hashed again.
struct CheckedData: ~Copyable {
    /// The hash of each event's data as ``hexBytes`` digits.
    private(set) var hex: [UInt8] = []
    /// Data that are values of their own where the unit is in a block.
    private(set) var payloads = 0
    private var known = ByteTable(slots: 1_024)
    /// The hashes of the known data, by their numbers.
    private var knownHex: [UInt8] = []

    static let hexBytes = 2 * Hash.byteCount
    /// Longer data, or more of them, are not remembered.
    private static let knownBytesMax = 512
    private static let knownMax = 4_096

    /// Takes up the next unit.
    ///
    /// False where the data of an event may not read as they were written; then events have to be
    /// looked at one by one.
    mutating func take(_ columns: EventColumns) -> Bool {
        hex.removeAll(keepingCapacity: true)
        payloads = 0
        guard let data = columns.data else { return false }
        for place in 0..<columns.count {
            let flags = columns.flags[place]
            let isTaken =
                if flags.isSubset(of: .hasTime) {
                    take(json: columns.bytes[data.range(place)])
                } else if flags.contains(.external) {
                    take(columns.external[place], flags)
                } else {
                    take(columns.bytes[data.range(place)], flags)
                }
            guard isTaken else { return false }
        }
        return true
    }

    private mutating func take(json data: ArraySlice<UInt8>) -> Bool {
        guard data.count <= Self.knownBytesMax else { return take(data, []) }
        if let number = known.find(data.span) {
            let digits = Self.hexBytes * number
            hex += knownHex[digits..<digits + Self.hexBytes]
            return true
        }
        guard Self.isReadAsWritten(data) else { return false }
        if known.count == Self.knownMax {
            known.removeAll()
            knownHex.removeAll(keepingCapacity: true)
        }
        let hash = Hash(hashing: data.span)
        _ = known.number(of: data.span)
        hash.appendHex(to: &knownHex)
        hash.appendHex(to: &hex)
        return true
    }

    private mutating func take(_ data: ArraySlice<UInt8>, _ flags: DataFlags) -> Bool {
        guard !flags.contains(.removed), data.count <= EventLimits.dataBytesMax else {
            return false
        }
        if flags.contains(.absent) {
            guard data.isEmpty else { return false }
            Tree.emptyRoot.appendHex(to: &hex)
            return true
        }
        if flags.contains(.bytes) {
            // Empty ones read as absent data.
            guard !data.isEmpty else { return false }
        } else {
            guard Self.isReadAsWritten(data) else { return false }
        }
        if data.count > LogLimits.inlineDataBytesMax { payloads += 1 }
        Hash(hashing: data.span).appendHex(to: &hex)
        return true
    }

    private mutating func take(_ data: [UInt8]?, _ flags: DataFlags) -> Bool {
        guard let data else { return false }
        return take(data[...], flags)
    }

    /// Whether these are JSON, without white space around it and without line breaks.
    private static func isReadAsWritten(_ json: ArraySlice<UInt8>) -> Bool {
        guard let first = json.first, let last = json.last, first > 0x20, last > 0x20,
            !json.contains(where: { $0 == 0x0A || $0 == 0x0D })
        else { return false }
        return (try? checkJSON(json)) != nil
    }
}
