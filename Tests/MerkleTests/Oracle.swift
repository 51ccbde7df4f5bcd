import Crypto
import Merkle

/// The definition of RFC 6962, section 2.1, word by word, sharing nothing with the module.
enum Oracle {
    /// MTH over entries whose leaf hashes are given.
    static func root(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
        switch leaves.count {
        case 0:
            return Array(SHA256.hash(data: [UInt8]()))
        case 1:
            return leaves[leaves.startIndex]
        case let count:
            var split = 1
            while split * 2 < count { split *= 2 }
            let middle = leaves.startIndex + split
            return Array(
                SHA256.hash(data: [0x01] + root(leaves[..<middle]) + root(leaves[middle...])))
        }
    }

    static func leaf(_ entry: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: [0x00] + entry))
    }
}

/// The entry that all vectors use for leaf `index`: its number in ASCII decimal.
func entry(_ index: Int) -> [UInt8] {
    Array(String(index).utf8)
}
