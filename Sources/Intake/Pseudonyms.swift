internal import EventLog

/// Names of persons replaced by words that only a holder of the secret can tie to them.
struct Pseudonyms {
    private let namespace: EventID

    /// - Parameters:
    ///   - namespace: The same name gets another pseudonym in another namespace.
    ///   - secret: Without it nobody can find a name by trying names.
    init(namespace: EventID, secret: String) {
        self.namespace = EventID(namespace: namespace, name: "pseudonyms \(secret)".utf8)
    }

    /// `kind` and 12 hexadecimal digits that stand for `name`.
    func pseudonym(of name: String, kind: String) -> String {
        var key: [UInt8] = []
        appendNetstring(kind.utf8, to: &key)
        appendNetstring(name.utf8, to: &key)
        return "\(kind)-\(EventID(namespace: namespace, name: key).digits)"
    }

    /// What stands for a name inside the key of a row.
    func hidden(_ name: some Collection<UInt8>) -> EventID {
        EventID(namespace: namespace, name: name)
    }
}

extension EventID {
    /// The first 12 hexadecimal digits.
    var digits: String {
        let hexadecimal = String(high >> 16, radix: 16)
        return String(repeating: "0", count: 12 - hexadecimal.count) + hexadecimal
    }
}

/// Writes a text as its length, a colon and its bytes, so that joined texts stay distinct.
func appendNetstring(_ text: some Collection<UInt8>, to bytes: inout [UInt8]) {
    bytes += String(text.count).utf8
    bytes.append(UInt8(ascii: ":"))
    bytes += text
}
