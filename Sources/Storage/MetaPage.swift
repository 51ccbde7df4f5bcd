internal import Glibc

/// The part of LMDB's meta page that has to be known before the file is mapped.
///
/// Layout of LMDB 0.9 on 64-bit machines: 16 bytes of page header, then magic (4), version (4),
/// address (8), map size (8), two database records of 48 bytes, last page (8), transaction (8).
struct MetaPage {
    let lastPage: UInt64
    let transaction: UInt64

    private static let magic: UInt32 = 0xBEEF_C0DE
    private static let pages = 2

    /// The meta page of the newest transaction.
    ///
    /// A page whose magic is damaged is passed over, as LMDB does.
    static func newest(of path: String) throws(StorageError) -> MetaPage {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw lastError("open", path: path) }
        defer { Glibc.close(descriptor) }
        var newest: MetaPage?
        for number in 0..<pages {
            var bytes = [UInt8](repeating: 0, count: 152)
            // The buffer lives as long as the call.
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe pread(
                    descriptor, $0.baseAddress, $0.count, off_t(number * Environment.pageBytes))
            }
            guard count == bytes.count, let page = MetaPage(bytes.span) else { continue }
            if page.transaction >= newest?.transaction ?? 0 { newest = page }
        }
        guard let newest else { throw .corrupted("\(path) has no readable meta page") }
        return newest
    }

    private init?(_ bytes: Span<UInt8>) {
        var reader = ByteReader(bytes)
        guard (try? reader.skip(16)) != nil, let magic = try? reader.u32(), magic == Self.magic,
            (try? reader.skip(4 + 8 + 8 + 2 * 48)) != nil,
            let lastPage = try? reader.u64(), let transaction = try? reader.u64(),
            lastPage < 1 << 40
        else { return nil }
        self.lastPage = lastPage
        self.transaction = transaction
    }
}
