internal import JSON
package import Merkle

extension ReportProof {
    package static let format = "ascolto-audit-report/1"

    /// Reads what a report, as ``AuditReport/json`` has written it, has to prove.
    ///
    /// Throws ``Refusal/unreadable(path:_:)`` where it is none. Text in which a key stands twice is
    /// none, since two readers could see two reports in it.
    package init(json bytes: [UInt8], path: String) throws(Refusal) {
        do throws(JSONError) { try checkJSON(bytes[...]) } catch {
            throw .unreadable(path: path, "it is no report: \(error)")
        }
        let report = JSONPayload(checked: bytes[...])
        guard report?.string("format") == Self.format else {
            throw .unreadable(path: path, "it is no report: the format must be \(Self.format)")
        }
        guard let report, let note = report.member("head")?.object?.string("checkpoint"),
            let asOf = report.member("as_of")?.object.flatMap(Beginning.init),
            let stamped = report.member("timestamps")?.objects?.map(Beginning.init),
            let items = report.member("events")?.objects?.map(Item.init),
            !stamped.contains(where: { $0 == nil }), !items.contains(where: { $0 == nil })
        else {
            throw .unreadable(
                path: path,
                "it is no report: as_of, head, timestamps or events are missing, or a hash is none")
        }
        self.init(
            note: Array(note.utf8), beginnings: [asOf] + stamped.compactMap(\.self),
            items: items.compactMap(\.self))
    }
}

extension ReportProof.Beginning {
    fileprivate init?(_ payload: JSONPayload) {
        guard let size = payload.integer("size").flatMap(UInt64.init(exactly:)),
            let root = payload.string("root").flatMap(Hash.init(hex:)),
            let hashes = payload.member("consistency")?.elements(atMost: 64)?.map(\.hash),
            !hashes.contains(nil)
        else { return nil }
        self.init(size: size, root: root, proof: hashes.compactMap(\.self))
    }
}

extension ReportProof.Item {
    fileprivate init?(_ payload: JSONPayload) {
        guard let line = payload.string("line"), let receipt = payload.string("receipt") else {
            return nil
        }
        self.init(line: Array(line.utf8), receipt: Array(receipt.utf8))
    }
}

extension JSONValue {
    fileprivate var hash: Hash? {
        string.flatMap { Base64.decode($0.utf8) }.flatMap(Hash.init(bytes:))
    }

    /// The objects of an array; nil where it is none, or holds anything else.
    fileprivate var objects: [JSONPayload]? {
        guard let objects = elements(atMost: .max)?.map(\.object),
            !objects.contains(where: { $0 == nil })
        else { return nil }
        return objects.compactMap(\.self)
    }
}
