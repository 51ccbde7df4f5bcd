internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Merkle

// Proofs, under the paths and in the forms of C2SP where it has any.
extension Responder {
    /// The newest checkpoint, at most about a second old while events come.
    func checkpoint(_ query: Substring?, _ fields: HTTPFields) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let log = desk.log
        guard let note = try await desk.readers.run({ try log.signedCheckpoint() }) else {
            throw LogError.noKey
        }
        return proof(note.bytes, .text, fields)
    }

    /// The hashes of a tile.
    func tile(
        _ parts: [String], _ query: Substring?, _ fields: HTTPFields
    ) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        guard case .hashes(let tile) = Tile.named("tile/" + parts.joined(separator: "/")) else {
            throw Self.noTile
        }
        let log = desk.log
        let bytes = try await desk.readers.run { try log.bytes(of: tile) }
        return proof(bytes, .bytes, fields)
    }

    /// The leaves of the events whose hashes are in a tile of level 0.
    func entries(
        _ index: String, _ query: Substring?, _ fields: HTTPFields
    ) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        guard case .entries(let tile) = Tile.named("tile/entries/" + index) else {
            throw Self.noTile
        }
        let log = desk.log
        let bytes = try await desk.readers.run { try log.entries(of: tile) }
        return proof(bytes, .bytes, fields)
    }

    /// The receipt of an event, under a checkpoint that is made where none covers it yet.
    func receipt(
        _ text: String, _ query: Substring?, _ client: Client
    ) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let position = try await event(at: text, for: client, .receipt).position
        let log = desk.log
        let note = try await checkpoint(covering: position)
        let receipt = try await desk.readers.run { try log.receipt(of: position, under: note) }
        var answer = Answer(.ok)
        answer.fields[.contentType] = ProofForm.text.rawValue
        answer.body = receipt.bytes
        return answer
    }

    private func checkpoint(covering position: Position) async throws -> SignedNote {
        let log = desk.log
        if let note = try await desk.readers.run({ try log.checkpoint(covering: position) }) {
            return note
        }
        return try await log.sign()
    }

    /// Proof that the log has grown from one size to another, with nothing changed before.
    func consistency(_ query: Substring?, _ fields: HTTPFields) async throws -> Answer {
        var parameters = try QueryParameters(query: query)
        let from = try parameters.whole("from")
        let to = try parameters.whole("to")
        try parameters.requireNothingLeft()
        guard let from, let to, from <= to else {
            throw Problem.badParameter("from and to are sizes of the log, the smaller one first")
        }
        let log = desk.log
        let proof = try await desk.readers.run { try log.consistencyProof(from: from, to: to) }
        var answer = Answer(
            .ok,
            .object([
                ("from", .count(from)), ("to", .count(to)),
                (
                    "hashes",
                    .array(
                        proof.hashes.map {
                            .text(String(decoding: Base64.encode($0.bytes[...]), as: UTF8.self))
                        })
                ),
            ]))
        let tag = EntityTag(proof.hashes.map(\.hex) + ["\(from)", "\(to)"])
        answer.fields[.eTag] = tag.text
        return tag.isKnown(by: fields) ? notModified(answer.fields) : answer
    }

    private enum ProofForm: String {
        case text = "text/plain; charset=utf-8"
        case bytes = "application/octet-stream"
    }

    private static let noTile = Problem(
        .notFound, .notFound, "no tile has such a path; C2SP tlog-tiles says how it is written")

    private func proof(
        _ bytes: [UInt8], _ form: ProofForm, _ fields: HTTPFields
    ) -> Answer {
        var answer = Answer(.ok)
        answer.fields[.contentType] = form.rawValue
        // By what it is and not by where it is: after a restore another history may be there.
        let tag = EntityTag([Hash(of: bytes).hex])
        answer.fields[.eTag] = tag.text
        if tag.isKnown(by: fields) { return notModified(answer.fields) }
        answer.body = bytes
        return answer
    }
}
