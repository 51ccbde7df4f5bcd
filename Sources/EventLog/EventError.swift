package import JSON

/// Why something is not an event that the log can hold; each case says what to mend.
package enum EventError: Error, Equatable, Sendable {
    case json(JSONError)
    case missing(member: String)
    case notAString(member: String)
    case badID(member: String, text: String)
    case badType(String)
    case badSchema
    case badStream(String)
    case badSource(String)
    case badTag(String)
    case duplicateTag(String)
    case tooManyTags(Int)
    case badTime(member: String, text: String)
    case badSpecVersion(String)
    case badAttributeName(String)
    case badAttributeValue(name: String)
    case tooManyAttributes(Int)
    case attributesTooLong(bytes: Int)
    case setByLog(member: String)
    case bothDataForms
    case badBase64
    case dataTooLong(bytes: Int)
    case removedData
    case badDataHash
    case dataNotOfHash
}

extension EventError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .json(let error): "\(error)"
        case .missing(let member): "\"\(member)\" is missing"
        case .notAString(let member): "\"\(member)\" must be a string"
        case .badID(let member, let text):
            "\"\(member)\" must be a UUID like 01890a5d-ac96-774b-bcce-b302099a8057, not "
                + quoted(text)
        case .badType(let text):
            "the type \(quoted(text)) must have 1 to \(EventLimits.typeBytesMax) bytes without "
                + "control characters"
        case .badSchema: "\"schema\" must be a whole number from 1 to 65535"
        case .badStream(let text):
            "the stream (\"subject\") \(quoted(text)) must have 1 to \(EventLimits.streamBytesMax)"
                + " bytes without control characters"
        case .badSource(let text):
            "the source \(quoted(text)) must be a URI reference of 1 to "
                + "\(EventLimits.sourceBytesMax) bytes"
        case .badTag(let text):
            "the tag \(quoted(text)) must be key:value in 1 to \(EventLimits.tagBytesMax) bytes "
                + "without white space or control characters; percent-encode what is not allowed"
        case .duplicateTag(let tag): "the tag \(quoted(tag)) appears twice"
        case .tooManyTags(let count): "\(count) tags; at most \(EventLimits.tagsMax) are allowed"
        case .badTime(let member, let text):
            "\"\(member)\" must be an RFC 3339 time like 2026-11-23T09:30:00Z, not \(quoted(text))"
        case .badSpecVersion(let text): "\"specversion\" must be \"1.0\", not \(quoted(text))"
        case .badAttributeName(let name):
            "the attribute name \(quoted(name)) must have 1 to "
                + "\(EventLimits.attributeNameBytesMax) lower-case letters and digits"
        case .badAttributeValue(let name):
            "the attribute \"\(name)\" must be a non-empty string without control characters, "
                + "a boolean, or a whole number of 32 bits"
        case .tooManyAttributes(let count):
            "\(count) other attributes; at most \(EventLimits.attributesMax) are allowed"
        case .attributesTooLong(let bytes):
            "the other attributes take \(bytes) bytes; at most "
                + "\(EventLimits.attributesBytesMax) are allowed"
        case .setByLog(let member):
            "\"\(member)\" is set by the log; leave it out, or use import ndjson for an export"
        case .bothDataForms: "\"data\" and \"data_base64\" exclude each other"
        case .badBase64: "\"data_base64\" is not base64"
        case .dataTooLong(let bytes):
            "the data take \(bytes) bytes; at most \(EventLimits.dataBytesMax) are allowed"
        case .badDataHash: "\"datahash\" must be 64 digits of lower-case hexadecimal"
        case .dataNotOfHash:
            "the data are not those of \"datahash\"; they were changed after the export"
        case .removedData: "the data of this event were removed; it cannot be appended again"
        }
    }
}

/// `text` in quotes, cut to a length that an error message can bear.
package func quoted(_ text: String) -> String {
    let shown = text.count > 60 ? text.prefix(60) + "…" : text[...]
    return jsonString(String(shown))
}
