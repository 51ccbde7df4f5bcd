internal import ContactCentre
internal import EventLog
internal import JSON

/// How the rows of a foreign table become events; written in YAML, see <doc:Mapping>.
package struct Mapping: Sendable {
    /// Ids and pseudonyms are derived within it.
    let namespace: EventID
    let source: Source
    let format: CSVFormat
    /// Every column that is read; a ``Slot`` counts in this list.
    let columns: [Column]
    /// The columns that tell of a person; they go into no id and no message.
    let personal: Set<Slot>
    /// The columns that identify a row; empty means all of them and the occurrence number.
    let key: [Slot]
    let values: [ValueDefinition]
    /// Rows that are counted and left out.
    let skips: [NamedCondition]
    let refusals: [RefusalRule]
    /// Rows that are counted and imported all the same.
    let anomalies: [NamedCondition]
    /// In the order of the life cycle.
    let events: [EventDefinition]
}

/// The place of a column in the list of columns that a mapping reads.
typealias Slot = Int
/// The place of a value in the list of values that a mapping defines.
typealias ValueIndex = Int

struct Column: Sendable {
    let name: String
    /// Where the mapping names it first.
    let line: Int?
}

struct ValueDefinition: Sendable {
    let name: String
    let kind: Kind
    /// Otherwise the value is absent.
    let when: Condition?

    enum Kind: Sendable {
        /// A column whose text is none of `absent`.
        case column(Slot, absent: [ExactText], Reading)
        case time([Slot], absent: [ExactText], TimeReading)
        /// The time that lies so long after another as a column says.
        case after(ValueIndex, by: Slot, absent: [ExactText], DurationUnit)
        case template(Template)
        /// The first of these that is present.
        case firstOf([ValueIndex])
        /// Present, with the text `first`, in the first row that has these fields.
        case firstRow([Slot])
        /// A UUID made from the row's key and this word.
        case identity(String)
    }
}

/// What the text of a column becomes.
enum Reading: Sendable {
    case text
    /// The text in small letters.
    case lowercase
    case integer
    case decimal
    /// A number that, times this factor, is a whole one.
    case multiple(of: Int64)
    /// A text that is not among the entries becomes `otherwise`, or makes the row unreadable.
    case entry(of: [ExactText: Value], otherwise: Value?)
    /// A name of a person, which is replaced by `kind` and a hash.
    case pseudonym(kind: String)
    /// What leads to a person, which is replaced by the reference that the vault has for it.
    case subject
}

struct TimeReading: Sendable {
    let format: TimeFormat
    /// Nil where the format reads an offset.
    let zone: Zone?
    /// A clock more than twelve hours before this time belongs to the next day.
    let wrapsAfter: ValueIndex?
}

struct NamedCondition: Sendable {
    let name: String
    let condition: Condition
}

struct RefusalRule: Sendable {
    let condition: Condition
    let reason: Template
}

struct EventDefinition: Sendable {
    let name: String
    /// Its place in the life cycle; of events at one time, the lower comes first.
    let rank: UInt8
    let type: EventType
    let schema: UInt16
    let stream: Template
    let when: Condition?
    let time: ValueIndex?
    let tags: [Template]
    let data: [DataMember]
}

/// One member of an event's data.
struct DataMember: Sendable {
    /// The name as a JSON string with the colon.
    let key: [UInt8]
    let content: Content

    indirect enum Content: Sendable {
        /// JSON that is the same in every row.
        case constant([UInt8])
        /// A value in its own kind: text, number, truth value or time.
        case value(ValueIndex)
        case template(Template)
        /// Members whose value is absent are left out, and the object where none is left.
        case object([DataMember])
        /// Elements whose value is absent are left out, and the list where none is left; an object
        /// counts as absent where one of its members is.
        case list([Content])
    }
}

/// What a row says under one name.
enum Value: Equatable, Sendable {
    case absent
    case text(String)
    case integer(Int64)
    case decimal(ExactDecimal)
    case boolean(Bool)
    case time(Moment)

    /// The value as a text; nil where it is absent.
    var text: String? {
        switch self {
        case .absent: nil
        case .text(let text): text
        case .integer(let number): String(number)
        case .decimal(let number): number.text
        case .boolean(let truth): truth ? "true" : "false"
        case .time(let moment): String(decoding: moment.instant.rfc3339Bytes, as: UTF8.self)
        }
    }
}

/// A time of a row, with the clock that its zone showed.
struct Moment: Equatable, Sendable {
    let instant: Instant
    /// Microseconds from 1970-01-01T00:00 on the clock of the zone.
    let local: Int64
}

indirect enum Condition: Sendable {
    case all([Condition])
    case any([Condition])
    case not(Condition)
    case present(ValueIndex)
    case equal(ValueIndex, [ExactText])
    /// Both times are present and the first is earlier.
    case before(ValueIndex, than: ValueIndex)
}

/// A text with values in braces, such as `contact/{call}`.
struct Template: Equatable, Sendable {
    let pieces: [Piece]

    enum Piece: Equatable, Sendable {
        case literal(String)
        case value(ValueIndex)
    }

    /// The text before the first value.
    var literalStart: String {
        if case .literal(let text)? = pieces.first { text } else { "" }
    }
}
