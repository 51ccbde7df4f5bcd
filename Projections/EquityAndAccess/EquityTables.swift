package import ProjectionKit

extension EquityAndAccess {
    package var tables: [ReadTable] {
        [
            Self.groups("groups", meaning: "how each group fares; for analysts, small counts too"),
            Self.groups("release", meaning: "the same, small counts and what tells them hidden"),
            Self.attributes, Self.outcomes, Self.coverage,
        ]
    }

    private static let place = [
        ReadColumn("outcome", in: .text, meaning: "which outcome of the definitions"),
        ReadColumn("attribute", in: .text, meaning: "what tells the groups apart"),
    ]

    private static let rate = [
        ReadColumn("units", in: .count, meaning: "favourable or not"),
        ReadColumn("favourable", in: .count, meaning: "of them"),
        ReadColumn("rate", in: .ratio, meaning: "E-1@1: favourable / units"),
        ReadColumn("rate_low", in: .ratio, meaning: "95 % Wilson interval"),
        ReadColumn("rate_high", in: .ratio, meaning: "95 % Wilson interval"),
    ]

    private static func groups(_ name: String, meaning: String) -> ReadTable {
        ReadTable(
            name: name, meaning: meaning,
            columns: place + [
                ReadColumn("kind", in: .text, meaning: "reference, group, unknown or total"),
                ReadColumn("part", in: .text, meaning: "the group; unknown and all for the others"),
            ] + rate + [
                ReadColumn(
                    "difference", in: .number, meaning: "E-2@1: rate less that of the reference"),
                ReadColumn("difference_low", in: .number, meaning: "95 % Newcombe interval"),
                ReadColumn("difference_high", in: .number, meaning: "95 % Newcombe interval"),
                ReadColumn(
                    "ratio", in: .number, meaning: "E-3@1: rate over that of the reference"),
                ReadColumn("ratio_low", in: .number, meaning: "95 % log interval"),
                ReadColumn("ratio_high", in: .number, meaning: "95 % log interval"),
                ReadColumn("verdict", in: .text, meaning: "E-4@1: of a group, by four fifths"),
            ], key: ["outcome", "attribute", "kind", "part"])
    }

    private static let attributes = ReadTable(
        name: "attributes", meaning: "how far apart the groups of each attribute are",
        columns: place + [
            ReadColumn("reference", in: .text, meaning: "the declared reference"),
            ReadColumn("comparable", in: .count, meaning: "0 where channels do not ask for it"),
            ReadColumn("units", in: .count, meaning: "favourable or not"),
            ReadColumn("unknown", in: .count, meaning: "of them, those of no known group"),
            ReadColumn("groups", in: .count, meaning: "of at least 30 units"),
            ReadColumn("lowest_rate", in: .ratio, meaning: "of these groups"),
            ReadColumn("highest_rate", in: .ratio, meaning: "of these groups"),
            ReadColumn("difference", in: .ratio, meaning: "E-2@1: highest less lowest rate"),
            ReadColumn("ratio", in: .ratio, meaning: "E-3@1: lowest over highest rate"),
        ], key: ["outcome", "attribute"])

    private static let outcomes = ReadTable(
        name: "outcomes", meaning: "one row for each declared outcome",
        columns: [place[0], ReadColumn("meaning", in: .text, meaning: "as the file words it")]
            + rate + [
                ReadColumn("pending", in: .count, meaning: "not decided yet, in no rate"),
                ReadColumn("untimed", in: .count, meaning: "without a needed time, in no rate"),
                ReadColumn("by_staff", in: .count, meaning: "begun by staff, in no rate"),
                ReadColumn("broken_times", in: .count, meaning: "decided before they began"),
            ], key: ["outcome"])

    private static let coverage = ReadTable(
        name: "coverage", meaning: "where groups are known, one row for each channel",
        columns: place + [
            ReadColumn("channel", in: .text, meaning: "how it came; unknown where none is named"),
            ReadColumn("units", in: .count, meaning: "favourable or not"),
            ReadColumn("unknown", in: .count, meaning: "of them, those of no known group"),
            ReadColumn("unknown_share", in: .ratio, meaning: "unknown / units"),
        ], key: ["outcome", "attribute", "channel"])
}

extension ReadTable {
    /// The statement that creates a table of these columns.
    var creation: String {
        let columns = columns.map { column in
            let type =
                switch column.unit {
                case .count, .microseconds: "INTEGER"
                case .ratio, .number: "REAL"
                case .text, .date, .time: "TEXT"
                }
            return "\(column.name) \(type)" + (key.contains(column.name) ? " NOT NULL" : "")
        }
        return "CREATE TABLE \(name) (\(columns.joined(separator: ", ")), "
            + "PRIMARY KEY (\(key.joined(separator: ", ")))) WITHOUT ROWID"
    }
}
