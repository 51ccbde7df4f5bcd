/// A closed list of words of one schema version, with `other` and a text for what it lacks.
///
/// In a payload the word stands as the member's value; the text of `other` stands in a member of
/// its own (`otherText`, or the member's name with `OtherText` where a payload has two lists).
package protocol Vocabulary: Hashable, Sendable {
    /// The words without `other`, each once.
    static var words: [Word<Self>] { get }
    static func other(_ text: String) -> Self
    /// The text of `other`, or nil for a listed word. An empty text is refused when read.
    var otherText: String? { get }
}

/// One entry of a ``Vocabulary``: how a meaning is spelt in payloads.
package struct Word<Meaning: Sendable>: Sendable {
    package let spelling: String
    package let meaning: Meaning

    init(_ spelling: String, _ meaning: Meaning) {
        self.spelling = spelling
        self.meaning = meaning
    }
}

extension Vocabulary {
    /// How this stands in a payload; `other` for what is not listed.
    package var spelling: String {
        Self.words.first { $0.meaning == self }?.spelling ?? "other"
    }

    /// What people call it: the text of `other`, or the word.
    package var name: String { otherText ?? spelling }

    /// Whether both are the same word; texts of `other` must agree in every byte.
    func isExactly(_ other: Self) -> Bool {
        self == other && otherText.map(ExactText.init) == other.otherText.map(ExactText.init)
    }
}

/// The way a contact came.
package enum Channel: Vocabulary {
    case counter, phone, fax, email, webForm, chat, messaging, video, letter, pec, sms, social
    case app, outboundCallback, homeVisit
    case other(String)

    package static let words: [Word<Channel>] = [
        Word("counter", .counter), Word("phone", .phone), Word("fax", .fax),
        Word("email", .email), Word("web_form", .webForm), Word("chat", .chat),
        Word("messaging", .messaging), Word("video", .video), Word("letter", .letter),
        Word("pec", .pec), Word("sms", .sms), Word("social", .social), Word("app", .app),
        Word("outbound_callback", .outboundCallback), Word("home_visit", .homeVisit),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// Who turned to whom: the citizen to the centre, or the centre to the citizen.
package enum Direction: String, CaseIterable, Hashable, Sendable {
    case incoming = "in"
    case outgoing = "out"
}

/// How a contact came out of self-service.
package enum SelfServiceResult: Vocabulary {
    /// The citizen needed nobody any more.
    case contained
    case toOperator
    case hungUp
    case failed
    case other(String)

    package static let words: [Word<SelfServiceResult>] = [
        Word("contained", .contained), Word("to_operator", .toOperator),
        Word("hung_up", .hungUp), Word("failed", .failed),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// Why a citizen was turned away.
package enum BlockReason: Vocabulary {
    case allLinesBusy, closedHours, queueFull, noStaff, outOfArea, spam
    case other(String)

    package static let words: [Word<BlockReason>] = [
        Word("all_lines_busy", .allLinesBusy), Word("closed_hours", .closedHours),
        Word("queue_full", .queueFull), Word("no_staff", .noStaff),
        Word("out_of_area", .outOfArea), Word("spam", .spam),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// Why a citizen waits within a conversation.
package enum HoldReason: Vocabulary {
    case lookup, consult, technical
    case other(String)

    package static let words: [Word<HoldReason>] = [
        Word("lookup", .lookup), Word("consult", .consult), Word("technical", .technical),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// What came of a contact for the citizen.
package enum OutcomeKind: Vocabulary {
    case informationGiven, takenInCharge, directedElsewhere, appointmentBooked, documentIssued
    case complaintRecorded, unresolved, notCompetent
    case other(String)

    package static let words: [Word<OutcomeKind>] = [
        Word("information_given", .informationGiven), Word("taken_in_charge", .takenInCharge),
        Word("directed_elsewhere", .directedElsewhere),
        Word("appointment_booked", .appointmentBooked), Word("document_issued", .documentIssued),
        Word("complaint_recorded", .complaintRecorded), Word("unresolved", .unresolved),
        Word("not_competent", .notCompetent),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// Why a contact entered a queue.
package enum EnqueueReason: Vocabulary, Codable {
    case first, transfer, overflow, callback, requeue
    case other(String)

    package static let words: [Word<EnqueueReason>] = [
        Word("first", .first), Word("transfer", .transfer), Word("overflow", .overflow),
        Word("callback", .callback), Word("requeue", .requeue),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// Why a contact left a queue.
package enum LeaveReason: Vocabulary {
    case answered, abandoned, overflowed, transferred, callbackAccepted, timeout, keyExit
    case queueClosed, systemError
    case other(String)

    package static let words: [Word<LeaveReason>] = [
        Word("answered", .answered), Word("abandoned", .abandoned),
        Word("overflowed", .overflowed), Word("transferred", .transferred),
        Word("callback_accepted", .callbackAccepted), Word("timeout", .timeout),
        Word("key_exit", .keyExit), Word("queue_closed", .queueClosed),
        Word("system_error", .systemError),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// What a contact can do instead of waiting.
package enum WaitAlternative: String, CaseIterable, Hashable, Sendable {
    case callback, web
    case otherDesk = "other_desk"
}

/// What becomes of a citizen's place in line who is to be called back.
package enum PlaceInLine: String, CaseIterable, Codable, Hashable, Sendable {
    case kept
    /// They begin to wait when they are queued again.
    case anew
}

/// Why a citizen was not reached who was called back.
package enum CallbackFailure: Vocabulary {
    case noAnswer, busy, unreachable, answeringMachine
    case other(String)

    package static let words: [Word<CallbackFailure>] = [
        Word("no_answer", .noAnswer), Word("busy", .busy), Word("unreachable", .unreachable),
        Word("answering_machine", .answeringMachine),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// How far a contact had come when the citizen gave up.
package enum AbandonmentStage: Vocabulary {
    case selfService, queue, ringing, hold, chatSilent, ticketWithdrawn
    case other(String)

    package static let words: [Word<AbandonmentStage>] = [
        Word("self_service", .selfService), Word("queue", .queue), Word("ringing", .ringing),
        Word("hold", .hold), Word("chat_silent", .chatSilent),
        Word("ticket_withdrawn", .ticketWithdrawn),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// How an operator hands a contact on.
package enum TransferMode: Vocabulary {
    /// Without speaking to whoever is next.
    case blind
    /// After speaking to whoever is next.
    case attended
    /// With all three on the line.
    case warm
    case other(String)

    package static let words: [Word<TransferMode>] = [
        Word("blind", .blind), Word("attended", .attended), Word("warm", .warm),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// Who ended a conversation.
package enum Party: Vocabulary {
    case citizen, `operator`, system
    case other(String)

    package static let words: [Word<Party>] = [
        Word("citizen", .citizen), Word("operator", .operator), Word("system", .system),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// What an operator is doing.
package enum OperatorStatus: Vocabulary, Codable {
    case available, onContact, afterWork, ringing, rest, meal, training, coaching, meeting
    case backofficeWork, project, technicalProblem, unavailable, offline
    case other(String)

    package static let words: [Word<OperatorStatus>] = [
        Word("available", .available), Word("on_contact", .onContact),
        Word("after_work", .afterWork), Word("ringing", .ringing), Word("break", .rest),
        Word("meal", .meal), Word("training", .training), Word("coaching", .coaching),
        Word("meeting", .meeting), Word("backoffice_work", .backofficeWork),
        Word("project", .project), Word("technical_problem", .technicalProblem),
        Word("unavailable", .unavailable), Word("offline", .offline),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// How near to the citizen somebody works on a case; a higher line is farther away.
package enum LineLevel: Vocabulary {
    case first, second, third, backoffice
    case other(String)

    package static let words: [Word<LineLevel>] = [
        Word("1", .first), Word("2", .second), Word("3", .third), Word("backoffice", .backoffice),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }

    /// From 1 for the first line upward; nil for lines whose order nobody states.
    package var order: Int? {
        switch self {
        case .first: 1
        case .second: 2
        case .third: 3
        case .backoffice: 4
        case .other: nil
        }
    }
}

/// Who has a case.
package enum OwnerKind: Vocabulary {
    case `operator`, team, office, externalBody
    case other(String)

    package static let words: [Word<OwnerKind>] = [
        Word("operator", .operator), Word("team", .team), Word("office", .office),
        Word("external_body", .externalBody),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// Whom or what a case waits for.
package enum WaitingFor: Vocabulary {
    case citizen, backoffice, externalBody, vendor, scheduledDate, legalTerm
    case other(String)

    package static let words: [Word<WaitingFor>] = [
        Word("citizen", .citizen), Word("backoffice", .backoffice),
        Word("external_body", .externalBody), Word("vendor", .vendor),
        Word("scheduled_date", .scheduledDate), Word("legal_term", .legalTerm),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}

/// How a case came out.
package enum Resolution: Vocabulary {
    case granted, denied, information, fixed, noAction, notCompetent, duplicate, withdrawn
    case other(String)

    package static let words: [Word<Resolution>] = [
        Word("granted", .granted), Word("denied", .denied), Word("information", .information),
        Word("fixed", .fixed), Word("no_action", .noAction),
        Word("not_competent", .notCompetent), Word("duplicate", .duplicate),
        Word("withdrawn", .withdrawn),
    ]

    package var otherText: String? { if case .other(let text) = self { text } else { nil } }
}
