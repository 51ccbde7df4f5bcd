/// Data that are kept for the same time and purpose, and erased together: `contact`, `opinion`.
package struct RetentionClass: Hashable, Sendable, CustomStringConvertible {
    let name: String

    static let bytesMax = 32

    package init(_ name: String) throws(VaultError) {
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard (1...Self.bytesMax).contains(name.utf8.count), isName else {
            throw .badClass(name)
        }
        self.name = name
    }

    package var description: String { name }
}
