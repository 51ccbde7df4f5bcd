internal import ContactCentre
internal import JSON
internal import ProjectionKit

/// A zone that the time zone database does not have.
struct UnknownZone: Error, CustomStringConvertible {
    let name: String

    var description: String {
        "the time zone \(jsonString(name)) is unknown; it must be an IANA name like Europe/Rome"
    }
}

/// The zones that were needed so far.
struct ZoneBook {
    private let logZone: Zone
    private var known: [ExactText: Zone] = [:]

    init(logZone name: String) throws {
        guard let zone = Zone(identifier: name) else { throw UnknownZone(name: name) }
        logZone = zone
    }

    /// The zone with this name, or nil where there is none.
    mutating func zone(_ name: String) -> Zone? {
        if let zone = known[ExactText(name)] { return zone }
        // The time zone database would look up what stands before a U+0000.
        guard !name.utf8.contains(0), let zone = Zone(identifier: name) else { return nil }
        known[ExactText(name)] = zone
        return zone
    }

    /// The zone of a row that was taken in; nil stands for the log's.
    mutating func stored(_ name: String?) throws(FoldFailure) -> Zone {
        guard let name else { return logZone }
        guard let zone = zone(name) else {
            throw .damaged("a zone holds what was never written there")
        }
        return zone
    }
}
