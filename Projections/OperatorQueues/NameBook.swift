internal import ContactCentre
internal import Storage

/// The name of a queue, an operator or a zone as a number, so that names are compared at once.
struct Name: Hashable, Sendable {
    let number: Int32
}

/// Numbers names in the order in which they are first met; names differ where their bytes do.
struct NameBook: Sendable {
    private var table = ByteTable()
    private var texts: [String] = []

    mutating func name(_ text: String) -> Name {
        let number = table.number(of: Array(text.utf8).span)
        if number == texts.count { texts.append(text) }
        return Name(number: Int32(number))
    }

    func text(_ name: Name) -> String { texts[Int(name.number)] }

    /// The names of another book in its order, as this one numbers them.
    mutating func names(of other: NameBook) -> Translation {
        Translation(names: other.texts.map { name($0) })
    }

    /// From the book's own numbers to themselves.
    var identity: Translation {
        Translation(names: texts.indices.map { Name(number: Int32($0)) })
    }

    /// From the numbers of one book to those of another.
    struct Translation: Sendable {
        fileprivate let names: [Name]

        func callAsFunction(_ name: Name) -> Name { names[Int(name.number)] }
    }
}

/// A value for each name of one book and for none, found without hashing.
struct ByName<Value: Sendable>: Sendable {
    private let empty: Value
    /// The value of no name, then those of the names by their numbers.
    private var values: [Value] = []

    init(empty: Value) { self.empty = empty }

    subscript(name: Name?) -> Value {
        get {
            let index = index(of: name)
            return index < values.count ? values[index] : empty
        }
        set {
            let index = index(of: name)
            while values.count <= index { values.append(empty) }
            values[index] = newValue
        }
    }

    private func index(of name: Name?) -> Int { name.map { Int($0.number) + 1 } ?? 0 }

    /// All values up to that of the last name that was given one.
    var entries: some Sequence<(name: Name?, value: Value)> {
        values.enumerated().lazy.map { index, value in
            (index == 0 ? nil : Name(number: Int32(index - 1)), value)
        }
    }
}
