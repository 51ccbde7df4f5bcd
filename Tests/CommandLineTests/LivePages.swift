import Foundation

/// The pages of an LMDB file that its newest meta page reaches, read by LMDB's own layout.
///
/// Fields as LMDB 0.9 writes them on 64-bit little-endian machines. It shares nothing with the
/// code under test, so it also finds the pages that a reader of ours would not look at.
struct LivePages {
    static let pageBytes = 4_096

    /// First bytes of the pages, ascending.
    private(set) var starts: [Int] = []
    /// Places of the bytes with which LMDB finds its way: headers of pages and of nodes.
    private(set) var structure: [Int] = []
    private let file: Data

    private enum Flag {
        static let branch = 0x01
        static let leaf = 0x02
        static let bigData = 0x01
        static let subData = 0x02
    }

    private static let headerBytes = 16
    private static let nodeHeaderBytes = 8
    /// Where a meta page keeps the roots of free list and main database, and its transaction.
    private static let (freeRoot, mainRoot, transaction, metaEnd) = (80, 128, 144, 152)

    init(of file: Data) {
        self.file = file
        let metas = [0, Self.pageBytes]
        for meta in metas {
            starts.append(meta)
            structure += meta..<meta + Self.metaEnd
        }
        let age = metas.map { number($0 + Self.transaction, 8) }
        let newest = metas[age[0] < age[1] ? 1 : 0]
        visit(tree: newest + Self.freeRoot)
        visit(tree: newest + Self.mainRoot)
        starts.sort()
    }

    private func number(_ place: Int, _ bytes: Int) -> UInt64 {
        file[place..<place + bytes].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func short(_ place: Int) -> Int { Int(number(place, 2)) }

    private mutating func visit(tree rootPlace: Int) {
        let root = number(rootPlace, 8)
        // All ones stand for an empty tree.
        if root != .max { visit(page: Int(root)) }
    }

    private mutating func visit(page: Int) {
        let start = page * Self.pageBytes
        starts.append(start)
        let flags = short(start + 10)
        let lower = short(start + 12)
        structure += start..<start + lower
        for pointer in stride(from: Self.headerBytes, to: lower, by: 2) {
            let node = start + short(start + pointer)
            structure += node..<node + Self.nodeHeaderBytes
            if flags & Flag.branch != 0 {
                visit(page: Int(number(node, 4) | number(node + 4, 2) << 32))
            } else if flags & Flag.leaf != 0 {
                visit(leafNode: node)
            }
        }
    }

    private mutating func visit(leafNode node: Int) {
        let data = node + Self.nodeHeaderBytes + short(node + 6)
        let flags = short(node + 4)
        if flags & Flag.bigData != 0 {
            let first = Int(number(data, 8)) * Self.pageBytes
            structure += first..<first + Self.headerBytes
            let count = Int(number(first + 12, 4))
            for page in 0..<count { starts.append(first + page * Self.pageBytes) }
        } else if flags & Flag.subData != 0 {
            structure += data..<data + 48
            visit(tree: data + 40)
        }
    }
}
