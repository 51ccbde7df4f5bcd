internal import ProjectionKit

/// What is counted or summed up; a row of figures holds one integer for each.
enum Figure: Int, CaseIterable {
    case received
    case offered
    case answered
    case abandoned
    case abandonedInSelfService
    case answeredWithinThreshold
    case abandonedWithinThreshold
    case waitAnswered
    case answeredWithKnownWait
    case waitAbandoned
    case abandonedWithKnownWait
    case handled
    case handle
    case excludedByPrecision
    case waitExcludedByPrecision

    var column: String {
        switch self {
        case .received: "received"
        case .offered: "offered"
        case .answered: "answered"
        case .abandoned: "abandoned"
        case .abandonedInSelfService: "abandoned_in_self_service"
        case .answeredWithinThreshold: "answered_within_threshold"
        case .abandonedWithinThreshold: "abandoned_within_threshold"
        case .waitAnswered: "wait_answered_us"
        case .answeredWithKnownWait: "answered_with_known_wait"
        case .waitAbandoned: "wait_abandoned_us"
        case .abandonedWithKnownWait: "abandoned_with_known_wait"
        case .handled: "handled"
        case .handle: "handle_us"
        case .excludedByPrecision: "excluded_by_precision"
        case .waitExcludedByPrecision: "wait_excluded_by_precision"
        }
    }

    /// Those that are no counts but sums of durations.
    static let sums: [Figure] = [.waitAnswered, .waitAbandoned, .handle]

    var documentation: ReadColumn {
        ReadColumn(
            column, in: Self.sums.contains(self) ? .microseconds : .count, meaning: meaning)
    }

    private var meaning: String {
        switch self {
        case .received: "contacts that reached the centre"
        case .offered: "queue visits: a transferred contact can have several"
        case .answered: "queue visits that an operator's answer ended"
        case .abandoned: "queue visits that the citizen gave up"
        case .abandonedInSelfService:
            "contacts given up in self-service and never offered to a queue"
        case .answeredWithinThreshold: "answered visits with a known wait up to the threshold"
        case .abandonedWithinThreshold: "abandoned visits with a known wait up to the threshold"
        case .waitAnswered: "sum of the known waits of answered visits"
        case .answeredWithKnownWait: "answered visits with a known wait"
        case .waitAbandoned: "sum of the known waits of abandoned visits"
        case .abandonedWithKnownWait: "abandoned visits with a known wait"
        case .handled: "answered visits (and contacts never offered) with a known handle time"
        case .handle: "sum of the known handle times: conversation, hold and after-work"
        case .excludedByPrecision:
            "answered and abandoned visits (and contacts never offered) whose wait or handle time "
                + "is left out, since only the minute or the day of an end is known"
        case .waitExcludedByPrecision:
            "answered and abandoned visits whose wait is left out for that"
        }
    }
}

/// One integer for each ``Figure``.
struct Figures: Equatable {
    private var values = SIMD16<Int64>.zero

    subscript(figure: Figure) -> Int64 {
        get { values[figure.rawValue] }
        set { values[figure.rawValue] = newValue }
    }

    var isZero: Bool { values == .zero }

    /// - Throws: ``FoldFailure/tooLarge`` where a sum leaves 64 bits; it never wraps around.
    static func += (left: inout Figures, right: Figures) throws {
        let sum = left.values &+ right.values
        // A sum has overflowed where its sign differs from that of both its terms.
        let overflow = (left.values ^ sum) & (right.values ^ sum)
        guard !hasNegative(overflow) else { throw FoldFailure.tooLarge }
        left.values = sum
    }

    /// - Throws: ``FoldFailure/tooLarge`` where a difference leaves 64 bits.
    static func -= (left: inout Figures, right: Figures) throws {
        let difference = left.values &- right.values
        let overflow = (left.values ^ right.values) & (left.values ^ difference)
        guard !hasNegative(overflow) else { throw FoldFailure.tooLarge }
        left.values = difference
    }

    /// Whether a value has its sign bit set; halves are laid over each other until one is left.
    private static func hasNegative(_ values: SIMD16<Int64>) -> Bool {
        let eight = values.lowHalf | values.highHalf
        let four = eight.lowHalf | eight.highHalf
        let two = four.lowHalf | four.highHalf
        return two[0] | two[1] < 0
    }
}

/// A figure that follows from the others of its row.
enum DerivedFigure: CaseIterable {
    case serviceLevel
    case abandonmentRate
    case averageSpeedOfAnswer
    case averageHandle

    var column: String {
        switch self {
        case .serviceLevel: "service_level"
        case .abandonmentRate: "abandonment_rate"
        case .averageSpeedOfAnswer: "average_speed_of_answer_us"
        case .averageHandle: "average_handle_us"
        }
    }

    var documentation: ReadColumn {
        switch self {
        case .serviceLevel:
            ReadColumn(
                column, in: .ratio,
                meaning: "S-1a@1 of visits whose wait is known by the second: "
                    + "answered_within_threshold / (answered + abandoned - "
                    + "wait_excluded_by_precision)")
        case .abandonmentRate:
            ReadColumn(
                column, in: .ratio, meaning: "S-4@1: abandoned / (answered + abandoned)")
        case .averageSpeedOfAnswer:
            ReadColumn(
                column, in: .microseconds,
                meaning: "S-2@1: wait_answered_us / answered_with_known_wait, rounded")
        case .averageHandle:
            ReadColumn(
                column, in: .microseconds, meaning: "W-1@1: handle_us / handled, rounded")
        }
    }

    /// The generated column; null where the denominator is zero.
    var definition: String {
        switch self {
        case .serviceLevel:
            Self.ratio(
                of: "answered_within_threshold",
                over: "answered + abandoned - wait_excluded_by_precision", column)
        case .abandonmentRate:
            Self.ratio(of: "abandoned", over: "answered + abandoned", column)
        case .averageSpeedOfAnswer:
            Self.average(of: "wait_answered_us", over: "answered_with_known_wait", column)
        case .averageHandle: Self.average(of: "handle_us", over: "handled", column)
        }
    }

    /// Stored, because SQLite may show a whole number of a virtual column as an integer.
    private static func ratio(
        of numerator: String, over denominator: String, _ column: String
    ) -> String {
        let value = "CAST(\(numerator) AS REAL) / nullif(\(denominator), 0)"
        return "\(column) REAL AS (\(value)) STORED"
    }

    private static func average(
        of sum: String, over count: String, _ column: String
    ) -> String {
        "\(column) INTEGER AS ((\(sum) + \(count) / 2) / nullif(\(count), 0))"
    }
}

/// What one operator did.
struct OperatorFigures: Equatable {
    var answered: Int64 = 0
    var handled: Int64 = 0
    var handleMicroseconds: Int64 = 0

    /// - Throws: ``FoldFailure/tooLarge`` where the sum leaves 64 bits.
    static func += (left: inout OperatorFigures, right: OperatorFigures) throws {
        left.answered += right.answered
        left.handled += right.handled
        try left.handleMicroseconds.add(right.handleMicroseconds)
    }

    /// - Throws: ``FoldFailure/tooLarge`` where the difference leaves 64 bits.
    static func -= (left: inout OperatorFigures, right: OperatorFigures) throws {
        left.answered -= right.answered
        left.handled -= right.handled
        try left.handleMicroseconds.add(-right.handleMicroseconds)
    }
}

extension Int64 {
    /// - Throws: ``FoldFailure/tooLarge`` where the sum leaves 64 bits.
    mutating func add(_ other: Int64) throws {
        let (sum, overflow) = addingReportingOverflow(other)
        guard !overflow else { throw FoldFailure.tooLarge }
        self = sum
    }
}

/// SQL that refuses a sum which comes near what 64 bits hold; SQLite would make it a real number.
///
/// The margin of one bit is for the rounding in averages.
func boundedSum(_ column: String) -> String {
    "CONSTRAINT \(column)_too_large CHECK (\(column) BETWEEN -(1 << 62) AND 1 << 62)"
}
