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

    /// A group beside the reference of its attribute.
    package struct Comparison: Equatable, Sendable {
        package let group: Proportion
        package let reference: Proportion

        package init(of group: Proportion, with reference: Proportion) {
            self.group = group
            self.reference = reference
        }

        fileprivate var isLarge: Bool {
            group.total >= FourFifths.unitsMin && reference.total >= FourFifths.unitsMin
        }
    }

    /// The verdict of each comparison of one family, in their order.
    ///
    /// Holm's procedure steps down from the ratio furthest from ``threshold``: each is judged by
    /// the log interval whose level 0.05 is shared by those not yet judged, and the first that
    /// holds the threshold ends the judging. A family of one is thus judged by the interval of 95 %
    /// that ``Proportion/ratio(to:)`` prints. A group without a favourable unit has no interval and
    /// is inconclusive, yet it counts in the family.
    package static func verdicts(of family: [Comparison]) -> [FourFifthsVerdict] {
        var verdicts = family.map { comparison -> FourFifthsVerdict in
            comparison.isLarge ? .inconclusive : .insufficientData
        }
        let large = family.indices.filter { family[$0].isLarge }
        let candidates = large.compactMap { index in
            LogRatio(of: family[index].group, to: family[index].reference).map { (index, $0) }
        }.sorted { $0.1.distance(from: threshold) > $1.1.distance(from: threshold) }
        for (rank, (index, ratio)) in candidates.enumerated() {
            let interval = ratio.estimate(at: Normal.z95(sharedBy: large.count - rank)).interval
            if interval.high < threshold {
                verdicts[index] = .below
            } else if interval.low >= threshold {
                verdicts[index] = .meets
            } else {
                break
            }
        }
        return verdicts
    }
}
