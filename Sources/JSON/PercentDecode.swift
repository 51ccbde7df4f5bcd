/// The text that percent-encoding stands for, as RFC 3986 has it.
///
/// Nil where a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
package func decodePercent(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit)
        else { return nil }
        bytes.append(UInt8(high) << 4 | UInt8(low))
    }
    return String(validating: bytes, as: UTF8.self)
}
