/// What can be said of a group's ratio to the reference, against the four-fifths rule.
package enum FourFifthsVerdict: String, Equatable, Sendable {
    case below
    case meets
    case inconclusive
    case insufficientData = "insufficient_data"
    case notComparable = "not_comparable"
    case reference
}

/// Judges all groups of one scheme together, so that many equal groups raise no false alarm.
package enum FourFifths {
    package static let threshold = 0.8
    /// Fewer units than these, in the group or in the reference, carry no verdict.
    package static let unitsMin = 30

    /// The verdict of each group, in their order.
    ///
    /// Holm's procedure steps down from the group furthest from ``threshold``: each is judged by
    /// the log interval whose level 0.05 is shared by the groups not yet judged, and the first that
    /// holds the threshold ends the judging. A family of one is thus judged by the interval of 95 %
    /// that ``Proportion/ratio(to:)`` prints. A group without a favourable unit has no interval and
    /// is inconclusive, yet it counts in the family.
    package static func verdicts(
        of groups: [Proportion], against reference: Proportion
    ) -> [FourFifthsVerdict] {
        var verdicts = [FourFifthsVerdict](repeating: .insufficientData, count: groups.count)
        guard reference.total >= unitsMin else { return verdicts }
        var family = 0
        var candidates: [(index: Int, ratio: LogRatio)] = []
        for (index, group) in groups.enumerated() where group.total >= unitsMin {
            family += 1
            verdicts[index] = .inconclusive
            guard let ratio = LogRatio(of: group, to: reference) else { continue }
            candidates.append((index, ratio))
        }
        candidates.sort { $0.ratio.distance(from: threshold) > $1.ratio.distance(from: threshold) }
        for (rank, candidate) in candidates.enumerated() {
            let quantile = Normal.z95(sharedBy: family - rank)
            let interval = candidate.ratio.estimate(at: quantile).interval
            if interval.high < threshold {
                verdicts[candidate.index] = .below
            } else if interval.low >= threshold {
                verdicts[candidate.index] = .meets
            } else {
                break
            }
        }
        return verdicts
    }
}
