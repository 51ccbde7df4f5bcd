/// The lines of a file, one after the other, in bounded memory.
package struct LineReader: ~Copyable {
    package enum Line: Equatable, Sendable {
        /// The bytes of a line without its LF; a byte-order mark before the first is left out.
        case whole(ArraySlice<UInt8>, number: Int)
        /// A line over the limit, which was stepped over.
        case tooLong(bytes: Int, number: Int)
    }

    private var file: InputFile
    private let bytesMax: Int
    private var buffer: [UInt8] = []
    /// Where the next line starts in the buffer.
    private var start = 0
    private var number = 0
    /// Set once the file has ended; a terminal could go on behind its end.
    private var isAtEnd = false

    /// - Parameters:
    ///   - file: Read from where it stands.
    ///   - bytesMax: Longer lines are stepped over and reported.
    package init(_ file: consuming InputFile, bytesMax: Int) {
        self.file = file
        self.bytesMax = bytesMax
    }

    /// Bytes taken from the file on disk so far.
    package var bytesTaken: Int { file.bytesTaken }

    /// Whether ``next()`` would answer at once; false while a live producer is silent.
    package mutating func isNextReady() throws(InputFileError) -> Bool {
        while !buffer[start...].contains(UInt8(ascii: "\n")) {
            if isAtEnd || buffer.count - start > bytesMax { return true }
            guard file.isReadReady() else { return false }
            buffer.removeFirst(start)
            start = 0
            try readMore()
        }
        return true
    }

    /// The next line, counted from 1, or nil after the last.
    package mutating func next() throws(InputFileError) -> Line? {
        var scanned = start
        var dropped = 0
        while true {
            if let end = buffer[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
                return line(upTo: end, next: end + 1, dropped: dropped)
            }
            if buffer.count - start > bytesMax {
                dropped += buffer.count - start
                buffer = []
            } else {
                buffer.removeFirst(start)
            }
            start = 0
            scanned = buffer.count
            if !isAtEnd { try readMore() }
            if isAtEnd {
                if buffer.isEmpty && dropped == 0 { return nil }
                return line(upTo: buffer.count, next: buffer.count, dropped: dropped)
            }
        }
    }

    private mutating func readMore() throws(InputFileError) {
        let more = try file.read(upTo: 1 << 16)
        isAtEnd = more.isEmpty
        buffer += more
    }

    private mutating func line(upTo end: Int, next: Int, dropped: Int) -> Line {
        number += 1
        var bytes = buffer[start..<end]
        start = next
        if number == 1 && bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard dropped == 0, bytes.count <= bytesMax else {
            return .tooLong(bytes: dropped + bytes.count, number: number)
        }
        return .whole(bytes, number: number)
    }
}
