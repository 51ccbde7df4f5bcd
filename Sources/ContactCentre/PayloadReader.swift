internal import JSON

/// Why the payload of a known type cannot be read; it names the type, the member and the mend.
package struct PayloadError: Error, Equatable, Sendable {
    package enum Problem: Error, Equatable, Sendable {
        case missing
        case notAString
        case empty
        /// A name that would not show as what it is.
        case controlCharacters
        case unknownZone(String)
        case notATime
        case notAWholeNumber
        case outOfRange(ClosedRange<Int64>)
        case notANumber
        case notADate
        case notAnID
        /// Personal members can be neither read nor sealed in a correction.
        case personalInPatch
        case notAListOfNames
        /// What must stand behind all others does not.
        case notLast(String)
        case notHours
        case notExceptions
        /// The moment of another member comes after it.
        case before(String)
        /// Hours begin before those before them have ended.
        case overlappingHours
        case unknownHolidays(String, known: [String])
        case notAListOfObjects
        /// An element of a list stands there twice.
        case repeated(String)
        /// The payload is bytes, or no JSON object at all.
        case notAnObject
        /// The data are there, and of a kind in which no type has anything to say.
        case noObject
        /// The word is none of the allowed ones.
        case unknownWord(String, allowed: [String])
        case tooLong
        /// The stream tells of no thing of the type.
        case foreignStream(prefix: String)
        case notAReference
        case notSealed
        /// A member that is personal where it is declared, and here nobody declares it.
        case personalElsewhere
        /// Personal data enter the log only sealed.
        case personalInClear
        /// Personal data of nobody cannot be sealed, nor erased.
        case missingSubject
        /// A text of its own for what the list has a word for.
        case listedWord(String, of: String)
    }

    package let type: String
    package let member: String
    package let problem: Problem

    package init(type: String, member: String, problem: Problem) {
        self.type = type
        self.member = member
        self.problem = problem
    }
}

extension PayloadError: CustomStringConvertible {
    package var description: String {
        "\(type): \"\(member)\" \(problem)"
    }
}

extension PayloadError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing: "is missing"
        case .notAString: "must be a string"
        case .empty: "must not be empty"
        case .controlCharacters: "must not contain control characters"
        case .unknownZone(let name):
            "must be an IANA time zone like Europe/Rome, not " + jsonString(String(name.prefix(60)))
        case .notATime: "must be a time of RFC 3339, like 2026-11-23T09:30:00+01:00"
        case .notAWholeNumber: "must be a whole number"
        case .outOfRange(let range):
            range.upperBound == .max
                ? "must be \(range.lowerBound) or more"
                : "must be \(range.lowerBound) to \(range.upperBound)"
        case .notANumber: "must be a number"
        case .notADate: "must be a date, like 2026-12-24"
        case .notAnID: "must be the id of an event, a UUID"
        case .personalInPatch:
            "is personal, and a correction cannot hold it: void the event, and append it anew"
        case .notAListOfNames: "must be a list of names, texts without control characters"
        case .notLast(let word):
            "must have \(jsonString(word)) last: what stands behind it would never be asked"
        case .notHours:
            "must be a list of hours, like {\"weekday\":\"monday\",\"from\":\"08:00\","
                + "\"to\":\"20:00\"}, which do not begin and end at the same time"
        case .before(let other): "must not come before \(other)"
        case .notExceptions:
            "must be a list of dates with hours, like {\"date\":\"2026-12-24\",\"hours\":"
                + "[{\"from\":\"08:00\",\"to\":\"12:00\"}]}; no hours mean closed"
        case .overlappingHours:
            "must have hours that begin when those before them have ended, also on the next day"
        case .unknownHolidays(let set, let known):
            "must be a set of holidays in a version that is known here ("
                + known.joined(separator: ", ") + "), not " + jsonString(String(set.prefix(60)))
        case .notAListOfObjects: "must be a list of objects"
        case .repeated(let text): "must not be " + jsonString(String(text.prefix(60))) + " twice"
        case .noObject: "must be a JSON object"
        case .notAnObject: "must be in \"data\", which must be a JSON object"
        case .listedWord(let word, let member):
            "must not be " + jsonString(word) + ", which is a word of the list: write it as "
                + jsonString(member)
        case .tooLong: "must have at most \(PersonalFields.textBytesMax) bytes"
        case .foreignStream(let prefix): "must be \(prefix) and the name of the thing"
        case .notAReference:
            "must be a subject's reference, 32 hexadecimal digits as ascolto subject create gives"
        case .notSealed: "must be a sealed value; personal data in clear belong in their members"
        case .personalElsewhere: "is personal data, and this type has no place for them"
        case .personalInClear:
            "is personal and enters the log only sealed: that needs a vault (ascolto subject "
                + "create)"
        case .missingSubject:
            "is missing: personal data need the reference of the person whom they tell of (ascolto "
                + "subject create)"
        case .unknownWord(let word, let allowed):
            "must be one of \(allowed.joined(separator: ", ")), not "
                + jsonString(String(word.prefix(60)))
        }
    }
}

/// Reads the members of one payload and says precisely what is wrong with them.
///
/// In the place of a payload it can have a recorder, which takes down what is asked for: so what a
/// type's data must be is declared once, by the code that reads them.
package struct PayloadReader {
    private let type: String
    /// Where its members stand, as `overflow[0].`; empty for those of the payload itself.
    private let path: String
    private let recorder: MemberRecorder?
    /// Found once for all that is asked of them; nil where the payload is no object.
    private let members: [(name: ArraySlice<UInt8>, value: JSONValue)]?

    init(type: String, describedTo recorder: MemberRecorder) {
        self.type = type
        path = ""
        self.recorder = recorder
        members = nil
    }

    init(type: String, payload: JSONPayload?, path: String = "") {
        self.type = type
        self.path = path
        recorder = nil
        members = payload.map { payload in
            var members: [(ArraySlice<UInt8>, JSONValue)] = []
            members.reserveCapacity(8)
            payload.forEachMember { (name: ArraySlice<UInt8>, value: JSONValue) in
                members.append((name, value))
            }
            return members
        }
    }

    /// The value of a member; nil where it is missing or null.
    private func value(_ member: String) -> JSONValue? {
        guard let members else { return nil }
        let length = member.utf8.count
        // Compared as bytes: String equality would unite canonically equivalent spellings.
        for (name, value) in members
        where name.count == length && name.elementsEqual(member.utf8) {
            return value.kind == .null ? nil : value
        }
        return nil
    }

    /// What a member says in its form; nil where it is missing or null.
    func optional<Value>(
        _ member: String, _ form: MemberForm<Value>
    ) throws(PayloadError) -> Value? {
        if let recorder { return recorder.note(member, form.shape, .optional, answer: nil) }
        guard let value = value(member) else { return nil }
        do throws(PayloadError.Problem) { return try form.read(value) } catch {
            throw self.error(member, error)
        }
    }

    func required<Value>(
        _ member: String, _ form: MemberForm<Value>
    ) throws(PayloadError) -> Value {
        if let recorder { return recorder.note(member, form.shape, .required, answer: form.blank) }
        guard let value = try optional(member, form) else { throw missing(member) }
        return value
    }

    func optionalText(_ member: String) throws(PayloadError) -> String? {
        if let recorder { return recorder.note(member, .text, .optional, answer: nil) }
        guard let value = value(member) else { return nil }
        guard let text = value.string else { throw error(member, .notAString) }
        guard !text.isEmpty else { throw error(member, .empty) }
        return text
    }

    private func missing(_ member: String) -> PayloadError {
        error(member, members == nil ? .notAnObject : .missing)
    }

    func queue() throws(PayloadError) -> QueueID {
        if let recorder, let queue = QueueID("queue") {
            return recorder.note("queueId", .name, .required, answer: queue)
        }
        guard let queue = try optionalQueue() else { throw missing("queueId") }
        return queue
    }

    func optionalQueue() throws(PayloadError) -> QueueID? {
        if let recorder { return recorder.note("queueId", .name, .optional, answer: nil) }
        guard let text = try optionalText("queueId") else { return nil }
        guard let queue = QueueID(text) else { throw error("queueId", .controlCharacters) }
        return queue
    }

    /// A text that shows as what it is.
    func optionalName(_ member: String) throws(PayloadError) -> String? {
        if let recorder { return recorder.note(member, .name, .optional, answer: nil) }
        guard let text = try optionalText(member) else { return nil }
        guard isName(text) else { throw error(member, .controlCharacters) }
        return text
    }

    func name(_ member: String) throws(PayloadError) -> String {
        if let recorder { return recorder.note(member, .name, .required, answer: "name") }
        guard let name = try optionalName(member) else { throw missing(member) }
        return name
    }

    /// The name of a time zone; whether there is one of this name is asked where events come in.
    func optionalZone() throws(PayloadError) -> String? {
        if let recorder { return recorder.note("zone", .zone, .optional, answer: nil) }
        return try optionalText("zone")
    }

    func optionalInstant(_ member: String) throws(PayloadError) -> Instant? {
        try optional(member, .time)
    }

    func integer(_ member: String) throws(PayloadError) -> Int64 {
        try required(member, .integer())
    }

    /// A reader for each object of a list; none where the member is absent.
    func objects(_ member: String) throws(PayloadError) -> [PayloadReader] {
        if let recorder {
            return [PayloadReader(type: type, describedTo: recorder.noteObjects(member))]
        }
        guard let value = value(member) else { return [] }
        guard let elements = value.elements else { throw error(member, .notAListOfObjects) }
        var readers: [PayloadReader] = []
        for (place, element) in elements.enumerated() {
            guard let object = element.object else { throw error(member, .notAListOfObjects) }
            readers.append(
                PayloadReader(type: type, payload: object, path: "\(path)\(member)[\(place)]."))
        }
        return readers
    }

    func optionalOperator() throws(PayloadError) -> OperatorID? {
        if let recorder { return recorder.note("operatorId", .name, .optional, answer: nil) }
        guard let text = try optionalText("operatorId") else { return nil }
        guard let name = OperatorID(text) else { throw error("operatorId", .controlCharacters) }
        return name
    }

    func `operator`() throws(PayloadError) -> OperatorID {
        if let recorder, let name = OperatorID("operator") {
            return recorder.note("operatorId", .name, .required, answer: name)
        }
        guard let name = try optionalOperator() else { throw missing("operatorId") }
        return name
    }

    /// One of a list that has no `other`.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ member: String
    ) throws(PayloadError) -> Choice where Choice.RawValue == String {
        if let recorder, let first = Choice.allCases.first {
            let words = Choice.allCases.map(\.rawValue)
            return recorder.note(member, .choice(words), .required, answer: first)
        }
        guard let found = try optionalText(member) else { throw missing(member) }
        guard let choice = Choice(rawValue: found) else {
            throw error(
                member, .unknownWord(found, allowed: Choice.allCases.map(\.rawValue)))
        }
        return choice
    }

    func optionalWord<Meaning: Vocabulary>(
        _ member: String, otherText: String = "otherText"
    ) throws(PayloadError) -> Meaning? {
        if let recorder {
            return recorder.note(
                member, .word(Meaning.words.map(\.spelling), otherText: otherText), .optional,
                answer: nil)
        }
        guard let found = try optionalText(member) else { return nil }
        if let word = Meaning.words.first(where: { $0.spelling == found }) { return word.meaning }
        guard found == "other" else {
            let allowed = Meaning.words.map(\.spelling) + ["other"]
            throw error(member, .unknownWord(found, allowed: allowed))
        }
        let own = try name(otherText)
        // Two spellings of one meaning would be two channels in every table.
        guard !Meaning.words.contains(where: { $0.spelling == own }) else {
            throw error(otherText, .listedWord(own, of: member))
        }
        return .other(own)
    }

    func word<Meaning: Vocabulary>(
        _ member: String, otherText: String = "otherText"
    ) throws(PayloadError) -> Meaning {
        if let recorder, let first = Meaning.words.first {
            return recorder.note(
                member, .word(Meaning.words.map(\.spelling), otherText: otherText), .required,
                answer: first.meaning)
        }
        guard let word: Meaning = try optionalWord(member, otherText: otherText) else {
            throw missing(member)
        }
        return word
    }

    func error(_ member: String, _ problem: PayloadError.Problem) -> PayloadError {
        PayloadError(type: type, member: path + member, problem: problem)
    }
}

/// Writes the members of one payload, the inverse of ``PayloadReader``.
struct PayloadWriter {
    /// What has been written.
    private(set) var bytes: [UInt8] = []
    private var place = Place.beforeObject

    /// Where the next member stands; an object begins with its first one.
    private enum Place {
        case beforeObject
        case firstInObject
        case behindMember
    }

    init() {}

    /// One for about so many bytes.
    init(bytes count: Int) { bytes.reserveCapacity(count) }

    /// Adds a member, or nothing where there is no text.
    mutating func add(_ member: String, _ text: String?) {
        guard let text else { return }
        addKey(member)
        appendJSONString(text, to: &bytes)
    }

    mutating func add(_ member: String, _ instant: Instant?) {
        add(member, instant.map { String(decoding: $0.rfc3339Bytes, as: UTF8.self) })
    }

    mutating func add(_ member: String, _ number: Int64) {
        addKey(member)
        bytes += String(number).utf8
    }

    mutating func add(_ member: String, _ value: JSONNode) {
        addKey(member)
        value.append(to: &bytes)
    }

    /// Adds a list of objects, each written in its place.
    mutating func add<Element>(
        _ member: String, _ elements: [Element], write: (Element, inout PayloadWriter) -> Void
    ) {
        addKey(member)
        bytes.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            addObject { write(element, &$0) }
        }
        bytes.append(UInt8(ascii: "]"))
        place = .behindMember
    }

    /// Adds a whole object behind what has been written.
    mutating func addObject(_ write: (inout PayloadWriter) -> Void) {
        bytes.append(UInt8(ascii: "{"))
        place = .firstInObject
        write(&self)
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func addKey(_ member: String) {
        switch place {
        case .beforeObject: bytes.append(UInt8(ascii: "{"))
        case .firstInObject: break
        case .behindMember: bytes.append(UInt8(ascii: ","))
        }
        place = .behindMember
        // Members have names of our own, in which nothing has to be escaped.
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: member.utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    mutating func add(
        _ member: String, _ word: (some Vocabulary)?, otherText: String = "otherText"
    ) {
        add(member, word?.spelling)
        add(otherText, word?.otherText)
    }

    consuming func finished() -> [UInt8] {
        if place == .beforeObject { bytes.append(UInt8(ascii: "{")) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}
