/// A table of a read model that users may rely on, with its documentation.
package struct ReadTable: Sendable {
    package let name: String
    package let meaning: String
    /// The columns that a query shows, in their order; the database may hold more.
    package let columns: [ReadColumn]
    /// The columns that tell rows apart; empty for a table of one row.
    package let key: [String]
    /// The columns that rows are sorted by; they tell rows apart.
    package let order: [String]
    /// How the rows depend on a moment of event time; nil where they do not.
    package let moment: Moment?
    /// How the rows follow from other tables; nil where they are stored.
    package let derivation: Derivation?

    /// Rows that follow from other tables of the same file.
    package struct Derivation: Sendable {
        /// A SELECT of all columns.
        package let select: String
        /// A SELECT with a total order of what the rows follow from; nil where other tables of the
        /// read model show it all.
        package let basis: String?

        package init(select: String, basis: String? = nil) {
            self.select = select
            self.basis = basis
        }
    }

    /// Rows that were so at a moment.
    package struct Moment: Sendable {
        /// A SELECT of all columns, in which `:at` stands for the moment in µs since 1970.
        package let select: String
        /// The SQL expression for the moment where a query names none.
        package let latest: String
        /// A SELECT with a total order of what the rows of all moments follow from.
        package let history: String

        package init(select: String, latest: String, history: String) {
            self.select = select
            self.latest = latest
            self.history = history
        }

        /// Replaces `:at` in ``select``, for a view.
        func selecting(at expression: String) -> String {
            var text = ""
            var rest = select[...]
            while let start = rest.firstIndex(of: ":") {
                text += rest[..<start]
                rest = rest[start...]
                let isMoment = rest.hasPrefix(":at")
                text += isMoment ? expression : ":"
                rest = rest.dropFirst(isMoment ? 3 : 1)
            }
            return text + rest
        }
    }

    package init(
        name: String, meaning: String, columns: [ReadColumn], key: [String],
        order: [String]? = nil, moment: Moment? = nil, derivation: Derivation? = nil
    ) {
        self.name = name
        self.meaning = meaning
        self.columns = columns
        self.key = key
        self.order = order ?? key
        self.moment = moment
        self.derivation = derivation
    }

    var columnList: String { columns.map(\.name).joined(separator: ", ") }

    var orderClause: String {
        order.isEmpty ? "" : " ORDER BY " + order.joined(separator: ", ")
    }

    /// All rows whose bytes the digest covers, sorted; nil where other tables show them.
    var digestSelect: String? {
        if let derivation { return derivation.basis }
        return moment?.history ?? "SELECT \(columnList) FROM \(name)\(orderClause)"
    }
}

/// A documented column of a ``ReadTable``.
package struct ReadColumn: Sendable {
    package let name: String
    package let unit: Unit
    /// What the values say, with the id of the metric's definition where there is one.
    package let meaning: String

    package enum Unit: String, Sendable {
        case text
        case count
        /// Whole microseconds.
        case microseconds = "µs"
        /// A number in 0..1, null where the denominator is empty.
        case ratio
        case number
        /// A civil date, `2026-11-23`.
        case date
        /// A moment as RFC 3339.
        case time
    }

    package init(_ name: String, in unit: Unit, meaning: String) {
        self.name = name
        self.unit = unit
        self.meaning = meaning
    }
}
