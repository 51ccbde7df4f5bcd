internal import Crypto
internal import GRDB

/// SHA-256 over the rows of the declared tables: equal for equal rows, however they came about.
///
/// Each table in its declared order: its name and its column names as texts; for each row in key
/// order the byte 1 and its values; then the byte 0. A value is the byte 0 for null; 1 and
/// eight bytes for an integer (two's complement) or 2 and eight for a real (IEEE 754), most
/// significant first; 3 or 4, the length in four bytes, and the bytes of a text (UTF-8) or blob.
/// The position is no part of it.
package struct ReadModelDigest: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package let hex: String

    package var description: String { hex }
}

extension ReadModelDigest {
    /// Linear in the rows.
    init(of tables: [ReadTable], in database: Database) throws {
        var writer = DigestWriter()
        for table in tables {
            writer.add(.text(table.name))
            guard let select = table.digestSelect else { continue }
            let rows = try Row.fetchCursor(database, sql: select)
            for name in try database.makeStatement(sql: select).columnNames {
                writer.add(.text(name))
            }
            while let row = try rows.next() {
                writer.add(byte: 1)
                for value in QueryValue.all(of: row) { writer.add(value) }
            }
            writer.add(byte: 0)
        }
        hex = writer.finished()
    }
}

private struct DigestWriter {
    private var hasher = SHA256()
    private var buffer: [UInt8] = []

    mutating func add(byte: UInt8) {
        buffer.append(byte)
        if buffer.count >= ProjectionLimits.digestBufferBytes { drain() }
    }

    mutating func add(_ value: QueryValue) {
        switch value {
        case .null: add(byte: 0)
        case .integer(let number):
            add(byte: 1)
            add(UInt64(bitPattern: number))
        case .real(let number):
            add(byte: 2)
            add(number.bitPattern)
        case .text(let text): add(Array(text.utf8), kind: 3)
        case .blob(let bytes): add(bytes, kind: 4)
        }
    }

    private mutating func add(_ bytes: [UInt8], kind: UInt8) {
        add(byte: kind)
        for shift in [24, 16, 8, 0] {
            buffer.append(UInt8(truncatingIfNeeded: bytes.count >> shift))
        }
        buffer.append(contentsOf: bytes)
    }

    private mutating func add(_ word: UInt64) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            buffer.append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }

    private mutating func drain() {
        hasher.update(data: buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    consuming func finished() -> String {
        drain()
        return hasher.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }
}
