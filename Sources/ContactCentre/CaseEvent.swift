package import JSON

/// Something that happened to one case, as its payload tells it.
///
/// The case itself is named by the stream, `case/` and its id.
package enum CaseEvent: Equatable, Sendable {
    case opened(Opened)
    /// Somebody began to work on it.
    case takenInCharge(Owner)
    /// It was given to somebody, who need not have begun.
    case assigned(Owner)
    /// Work stands still until somebody else does something.
    case waitingStarted(on: WaitingFor, Owner)
    case waitingEnded
    /// A step of the source's own process, without further meaning.
    case activityRecorded(String?, Owner)
    /// The need is met, or it is settled that it will not be.
    case resolved(Resolution?, Owner)
    case reopened
    /// Nothing more will be done for it.
    case closed(Owner)
    /// The term that was set for it passed without an end.
    case termBreached
    /// A type or schema version that this version does not read; it passes through untouched.
    case unknown

    /// A case began.
    package struct Opened: Equatable, Sendable {
        package var channel: Channel?
        package var service: String?
        package var area: String?
        /// Nil where the source does not say.
        package var openedBy: Party?
        /// When it should be done.
        package var target: Instant?
        /// The agreement or law that sets a term for it.
        package var agreement: String?
        /// IANA name of the zone whose dates the case belongs to; nil means the log's.
        package var zone: String?

        package init(
            channel: Channel? = nil, service: String? = nil, area: String? = nil,
            openedBy: Party? = nil, target: Instant? = nil, agreement: String? = nil,
            zone: String? = nil
        ) {
            self.channel = channel
            self.service = service
            self.area = area
            self.openedBy = openedBy
            self.target = target
            self.agreement = agreement
            self.zone = zone
        }
    }

    /// Who has a case, as far as an event states it.
    package struct Owner: Equatable, Sendable {
        package var kind: OwnerKind?
        package var id: String?
        package var line: LineLevel?

        package init(kind: OwnerKind? = nil, id: String? = nil, line: LineLevel? = nil) {
            self.kind = kind
            self.id = id
            self.line = line
        }
    }

    /// The types that are read here.
    package enum Kind: String, CaseIterable, KnownType {
        case opened = "case.opened"
        case takenInCharge = "case.taken_in_charge"
        case assigned = "case.assigned"
        case waitingStarted = "case.waiting_started"
        case waitingEnded = "case.waiting_ended"
        case activityRecorded = "case.activity_recorded"
        case resolved = "case.resolved"
        case reopened = "case.reopened"
        case closed = "case.closed"
        case termBreached = "sla.breached"

        /// What such an event says.
        package var meaning: String {
            switch self {
            case .opened: "a case began"
            case .takenInCharge: "somebody began to work on it"
            case .assigned: "it was given to somebody, who need not have begun"
            case .waitingStarted: "work stands still until somebody else does something"
            case .waitingEnded: "it goes on"
            case .activityRecorded: "a step of the source's own process"
            case .resolved: "the need is met, or will not be"
            case .reopened: "it was not over after all"
            case .closed: "nothing more will be done for it"
            case .termBreached: "the term that was set for it passed without an end"
            }
        }
    }
}

extension CaseEvent: ToldEvent {
    package init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
        switch kind {
        case .opened:
            self = .opened(
                Opened(
                    channel: try reader.optionalWord("channel"),
                    service: try reader.optionalName("serviceCode"),
                    area: try reader.optionalName("areaCode"),
                    openedBy: try reader.optionalWord(
                        "openedBy", otherText: "openedByOtherText"),
                    target: try reader.optionalInstant("targetAt"),
                    agreement: try reader.optionalName("slaId"),
                    zone: try reader.optionalZone()))
        case .takenInCharge: self = .takenInCharge(try reader.owner())
        case .assigned: self = .assigned(try reader.owner())
        case .waitingStarted:
            self = .waitingStarted(on: try reader.word("on"), try reader.owner())
        case .waitingEnded: self = .waitingEnded
        case .activityRecorded:
            self =
                .activityRecorded(try reader.optionalName("activity"), try reader.owner())
        case .resolved:
            self = .resolved(try reader.optionalWord("resolution"), try reader.owner())
        case .reopened: self = .reopened
        case .closed: self = .closed(try reader.owner())
        case .termBreached: self = .termBreached
        }
    }

    /// The kind, or nil for ``unknown``.
    package var kind: Kind? {
        switch self {
        case .opened: .opened
        case .takenInCharge: .takenInCharge
        case .assigned: .assigned
        case .waitingStarted: .waitingStarted
        case .waitingEnded: .waitingEnded
        case .activityRecorded: .activityRecorded
        case .resolved: .resolved
        case .reopened: .reopened
        case .closed: .closed
        case .termBreached: .termBreached
        case .unknown: nil
        }
    }

    /// The payload as JSON text that ``init(_:schema:payload:)`` reads back; `{}` for ``unknown``.
    ///
    /// Members stand in a fixed order; those without a value are left out.
    package var payload: [UInt8] {
        var writer = PayloadWriter()
        switch self {
        case .opened(let opened):
            writer.add("channel", opened.channel)
            writer.add("serviceCode", opened.service)
            writer.add("areaCode", opened.area)
            writer.add("openedBy", opened.openedBy, otherText: "openedByOtherText")
            writer.add("targetAt", opened.target)
            writer.add("slaId", opened.agreement)
            writer.add("zone", opened.zone)
        case .takenInCharge(let owner), .assigned(let owner), .closed(let owner):
            writer.add(owner)
        case .activityRecorded(let activity, let owner):
            writer.add("activity", activity)
            writer.add(owner)
        case .waitingStarted(let party, let owner):
            writer.add("on", party)
            writer.add(owner)
        case .resolved(let resolution, let owner):
            writer.add("resolution", resolution)
            writer.add(owner)
        case .waitingEnded, .reopened, .termBreached, .unknown: break
        }
        return writer.finished()
    }
}

extension PayloadReader {
    fileprivate func owner() throws(PayloadError) -> CaseEvent.Owner {
        CaseEvent.Owner(
            kind: try optionalWord("ownerKind", otherText: "ownerKindOtherText"),
            id: try optionalName("ownerId"),
            line: try optionalWord("lineLevel", otherText: "lineLevelOtherText"))
    }
}

extension PayloadWriter {
    fileprivate mutating func add(_ owner: CaseEvent.Owner) {
        add("ownerKind", owner.kind, otherText: "ownerKindOtherText")
        add("ownerId", owner.id)
        add("lineLevel", owner.line, otherText: "lineLevelOtherText")
    }
}
