package import JSON

/// How the value of a member is written, and what it then means.
///
/// Reader, writer and schema of a member come from the one form that it has.
struct MemberForm<Value> {
    /// Made only for who asks for it, which readers and writers of members do not.
    private let makeShape: () -> MemberShape
    /// What a reader goes on with that is asked no more than what it asks for.
    let blank: Value
    let read: (JSONValue) throws(PayloadError.Problem) -> Value
    let write: (Value) -> JSONNode

    init(
        shape: @autoclosure @escaping () -> MemberShape, blank: Value,
        read: @escaping (JSONValue) throws(PayloadError.Problem) -> Value,
        write: @escaping (Value) -> JSONNode
    ) {
        makeShape = shape
        self.blank = blank
        self.read = read
        self.write = write
    }

    var shape: MemberShape { makeShape() }
}

extension MemberForm where Value == String {
    /// A text in which lines may end.
    static var text: Self { ofText(.text, blank: "text") }
    static var name: Self { ofText(.name, blank: "name") }
    /// The name of a time zone; whether there is one of this name is asked where events come in.
    static var zone: Self { ofText(.zone, blank: "Europe/Rome") }

    /// The name of a thing of the organisation.
    static func reference(to section: Section) -> Self {
        ofText(.reference(section), blank: "name")
    }

    private static func ofText(_ shape: MemberShape, blank: String) -> Self {
        let isText = shape == .text || shape == .zone
        return MemberForm(
            shape: shape, blank: blank,
            read: { value throws(PayloadError.Problem) in
                let text = try readText(value)
                guard isText || isName(text) else { throw .controlCharacters }
                return text
            }, write: { .text($0) })
    }
}

extension MemberForm where Value == String {
    /// The id of an event, a UUID.
    static var id: Self {
        MemberForm(
            shape: .id, blank: "00000000-0000-0000-0000-000000000000",
            read: { value throws(PayloadError.Problem) in
                let text = try readText(value)
                let groups = text.utf8.split(separator: UInt8(ascii: "-"))
                guard groups.map(\.count) == [8, 4, 4, 4, 12],
                    text.utf8.count == 36,
                    groups.allSatisfy({ $0.allSatisfy { hexDigit($0) != nil } })
                else { throw .notAnID }
                return text
            }, write: { .text($0) })
    }
}

extension MemberForm where Value == JSONPayload? {
    /// An object of any members, which keeps its bytes.
    static var object: Self {
        MemberForm(
            shape: .object, blank: nil,
            read: { value throws(PayloadError.Problem) in
                guard let object = value.object else { throw .noObject }
                return object
            }, write: { $0.map { .written($0.bytes) } ?? .null })
    }
}

extension MemberForm where Value == Int64 {
    static func integer(in range: ClosedRange<Int64> = .min ... .max) -> Self {
        MemberForm(
            shape: .integer(range), blank: range.lowerBound,
            read: { value throws(PayloadError.Problem) in
                guard let integer = value.integer else { throw .notAWholeNumber }
                guard range.contains(integer) else { throw .outOfRange(range) }
                return integer
            }, write: { .integer($0) })
    }

    /// Microseconds, 0 or more.
    static var duration: Self { integer(in: 0 ... .max) }
}

extension MemberForm where Value == Double {
    static var number: Self {
        MemberForm(
            shape: .number, blank: 0,
            read: { value throws(PayloadError.Problem) in
                guard value.kind == .number,
                    let number = Double(String(decoding: value.bytes, as: UTF8.self)),
                    number.isFinite
                else { throw .notANumber }
                return number
            },
            write: { number in
                // 3, not 3.0: who wrote a whole number finds it again.
                Int64(exactly: number).map { .integer($0) } ?? .real(number)
            })
    }
}

extension MemberForm where Value == Instant {
    static var time: Self {
        MemberForm(
            shape: .time, blank: Instant(microseconds: 0),
            read: { value throws(PayloadError.Problem) in
                guard let instant = Instant(rfc3339: try readText(value)) else { throw .notATime }
                return instant
            }, write: { .text($0.description) })
    }
}

extension MemberForm where Value == CivilDate {
    static var date: Self {
        MemberForm(
            shape: .date, blank: CivilDate(daysSince1970: 0),
            read: { value throws(PayloadError.Problem) in
                guard let date = CivilDate(text: try readText(value)) else { throw .notADate }
                return date
            }, write: { .text($0.description) })
    }
}

extension MemberForm
where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a list that has no `other`.
    static func choice(blank: Value) -> Self {
        MemberForm(
            shape: .choice(Value.allCases.map(\.rawValue)), blank: blank,
            read: { value throws(PayloadError.Problem) in
                let text = try readText(value)
                guard let choice = Value(rawValue: text) else {
                    throw .unknownWord(text, allowed: Value.allCases.map(\.rawValue))
                }
                return choice
            }, write: { .text($0.rawValue) })
    }
}

extension MemberForm {
    /// Some of a list that has no `other`, in the order in which they stand.
    static func choices<Word: RawRepresentable & CaseIterable>() -> Self
    where Value == [Word], Word.RawValue == String {
        MemberForm(
            shape: .choices(Word.allCases.map(\.rawValue)), blank: [],
            read: { value throws(PayloadError.Problem) in
                var choices: [Word] = []
                for element in try readElements(value, else: .notAListOfNames) {
                    guard let text = element.string else { throw .notAListOfNames }
                    guard let choice = Word(rawValue: text) else {
                        throw .unknownWord(text, allowed: Word.allCases.map(\.rawValue))
                    }
                    guard !choices.contains(where: { $0.rawValue == text }) else {
                        throw .repeated(text)
                    }
                    choices.append(choice)
                }
                return choices
            }, write: { .array($0.map { .text($0.rawValue) }) })
    }
}

extension MemberForm where Value == [String] {
    static var names: Self { ofNames(.names) }
    static func references(to section: Section) -> Self { ofNames(.references(section)) }

    private static func ofNames(_ shape: MemberShape) -> Self {
        MemberForm(
            shape: shape, blank: [],
            read: { value throws(PayloadError.Problem) in
                var names: [String] = []
                var known: Set<ExactText> = []
                for element in try readElements(value, else: .notAListOfNames) {
                    guard let name = element.string, isName(name) else { throw .notAListOfNames }
                    guard known.insert(ExactText(name)).inserted else { throw .repeated(name) }
                    names.append(name)
                }
                return names
            }, write: { .array($0.map { .text($0) }) })
    }
}

extension MemberForm where Value == Week {
    static var week: Self {
        MemberForm(
            shape: .week, blank: Week(),
            read: { value throws(PayloadError.Problem) in
                var week = Week()
                for element in try readElements(value, else: .notHours) {
                    guard let object = element.object, let text = object.string("weekday"),
                        let weekday = Weekday(rawValue: text), let hours = DailyHours(object)
                    else { throw .notHours }
                    week[weekday].append(hours)
                }
                return week
            },
            write: { week in
                .array(
                    Weekday.allCases.flatMap { weekday in
                        week[weekday].map { hours in
                            .object([("weekday", .text(weekday.rawValue))] + hours.members)
                        }
                    })
            })
    }
}

extension MemberForm where Value == [CivilDate: [DailyHours]] {
    static var exceptions: Self {
        MemberForm(
            shape: .exceptions, blank: [:],
            read: { value throws(PayloadError.Problem) in
                var exceptions: [CivilDate: [DailyHours]] = [:]
                for element in try readElements(value, else: .notExceptions) {
                    guard let object = element.object, let text = object.string("date"),
                        let date = CivilDate(text: text),
                        let list = object.member("hours")?.elements
                    else { throw .notExceptions }
                    let hours = list.compactMap { $0.object.flatMap { DailyHours($0) } }
                    guard hours.count == list.count else { throw .notExceptions }
                    guard exceptions.updateValue(hours, forKey: date) == nil else {
                        throw .repeated(text)
                    }
                }
                return exceptions
            },
            write: { exceptions in
                .array(
                    exceptions.sorted { $0.key < $1.key }.map { date, hours in
                        .object([
                            ("date", .text(date.description)),
                            ("hours", .array(hours.map { .object($0.members) })),
                        ])
                    })
            })
    }
}

extension DailyHours {
    fileprivate init?(_ object: JSONPayload) {
        guard let from = object.string("from"), let to = object.string("to") else { return nil }
        self.init("\(from)-\(to)")
    }

    /// As an object has them.
    package var members: [(String, JSONNode)] {
        [("from", .text(ends.from)), ("to", .text(ends.to))]
    }
}

private func readText(_ value: JSONValue) throws(PayloadError.Problem) -> String {
    guard let text = value.string else { throw .notAString }
    guard !text.isEmpty else { throw .empty }
    return text
}

private func readElements(
    _ value: JSONValue, else problem: PayloadError.Problem
) throws(PayloadError.Problem) -> [JSONValue] {
    guard let elements = value.elements else { throw problem }
    return elements
}
