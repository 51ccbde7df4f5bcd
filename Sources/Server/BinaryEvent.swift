internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Merkle

/// One event in the binary mode of CloudEvents: attributes in fields, data in the body.
///
/// Source: HTTP Protocol Binding for CloudEvents 1.0, section 3.1.
enum BinaryEvent {
    private static let prefix = "ce-"

    /// Whether a request carries an event so.
    static func stands(in fields: HTTPFields) -> Bool { fields[.specVersion] != nil }

    /// The same event as one JSON object.
    static func json(_ fields: HTTPFields, _ body: ArraySlice<UInt8>) throws(Problem) -> [UInt8] {
        var members: [(String, JSONNode)] = []
        for field in fields where field.name.canonicalName.hasPrefix(prefix) {
            let name = String(field.name.canonicalName.dropFirst(prefix.count))
            guard let value = decodePercent(field.value) else {
                throw Problem(
                    .badRequest, .badEvent, "\(field.name) is not percent-encoded UTF-8")
            }
            // The one attribute of ours that is a number.
            let number = name == "schema" ? Int64(value) : nil
            members.append((name, number.map { .integer($0) } ?? .text(value)))
        }
        let type = fields[.contentType] ?? "application/json"
        let isJSON = isJSON(type)
        if !isJSON { members.append(("datacontenttype", .text(type))) }
        var event: [UInt8] = []
        JSONNode.object(members).append(to: &event)
        guard !body.isEmpty else { return event }
        if isJSON {
            // By itself: what follows a value would become members of the event.
            do throws(JSONError) { try checkJSON(body) } catch {
                throw Problem(.badRequest, .badEvent, "the data: \(error)")
            }
        }
        event.removeLast()
        if isJSON {
            event += Array(",\"data\":".utf8) + body
        } else {
            event += Array(",\"data_base64\":\"".utf8) + Base64.encode(body)
            event.append(UInt8(ascii: "\""))
        }
        event.append(UInt8(ascii: "}"))
        return event
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let media = contentType.prefix { $0 != ";" }.trimmed.lowercased()
        return media == "application/json" || media.hasSuffix("+json")
    }
}

extension HTTPField.Name {
    fileprivate static let specVersion = known("ce-specversion")
}
