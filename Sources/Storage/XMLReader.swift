internal import CExpat

/// Why an XML file cannot be read on, and where.
package enum XMLError: Error, Equatable, Sendable {
    case input(InputFileError)
    /// It is not well-formed; also where the file ends too early.
    case malformed(path: String, reason: String, at: XMLPlace)
    /// A document type could name entities that grow without bound or lie in other files.
    case documentType(path: String, at: XMLPlace)
    case tooDeep(path: String, depthMax: Int, at: XMLPlace)
    case tokenTooLong(path: String, bytesMax: Int, at: XMLPlace)
}

/// A place in a text: both are counted from 1.
package struct XMLPlace: Hashable, Sendable, CustomStringConvertible {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package var description: String { "\(line):\(column)" }
}

extension XMLError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .input(let error): "\(error)"
        case .malformed(let path, let reason, let place): "\(path):\(place): \(reason)"
        case .documentType(let path, let place):
            "\(path):\(place): a document type declaration is not read; take it out"
        case .tooDeep(let path, let most, let place):
            "\(path):\(place): elements are nested more than \(most) deep"
        case .tokenTooLong(let path, let most, let place):
            "\(path):\(place): a tag or comment that begins here has more than \(most) bytes"
        }
    }
}

/// The start of an element.
package struct XMLElement: Equatable, Sendable {
    /// As written, with its prefix.
    package let name: String
    package let attributes: [String: String]
    package let place: XMLPlace
}

package enum XMLToken: Equatable, Sendable {
    case start(XMLElement)
    /// The end of the innermost element.
    case end
}

/// The elements of an XML file one after the other, in bounded memory.
///
/// Text between tags is passed over. Encodings are those that Expat knows: UTF-8, UTF-16,
/// ISO-8859-1 and US-ASCII. A document type declaration is an error, so no entity is ever
/// expanded or fetched.
package struct XMLReader: ~Copyable {
    private var file: InputFile
    private let depthMax: Int
    private let parser = ExpatParser()
    private var tokens: ArraySlice<XMLToken> = []
    private var depth = 0
    private var isAtEnd = false

    /// A longer tag is an error; Expat keeps a tag whole until its end has come.
    private static let tokenBytesMax = 4 << 20
    private static let chunkBytes = 1 << 16

    /// - Parameters:
    ///   - file: Read from where it stands.
    ///   - depthMax: Elements nested deeper are an error.
    package init(_ file: consuming InputFile, depthMax: Int) {
        self.file = file
        self.depthMax = depthMax
    }

    /// Bytes taken from the file on disk so far.
    package var bytesTaken: Int { file.bytesTaken }

    /// The next token, or nil after the end of the document.
    package mutating func next() throws(XMLError) -> XMLToken? {
        while tokens.isEmpty {
            if isAtEnd { return nil }
            try readMore()
        }
        guard let token = tokens.popFirst() else { return nil }
        switch token {
        case .end: depth -= 1
        case .start(let element):
            depth += 1
            guard depth <= depthMax else {
                throw .tooDeep(path: file.path, depthMax: depthMax, at: element.place)
            }
        }
        return token
    }

    private mutating func readMore() throws(XMLError) {
        let bytes: [UInt8]
        do throws(InputFileError) { bytes = try file.read(upTo: Self.chunkBytes) } catch {
            throw .input(error)
        }
        isAtEnd = bytes.isEmpty
        do throws(ExpatFault) {
            tokens = try parser.parse(bytes)[...]
        } catch {
            switch error {
            case .malformed(let reason, let place):
                throw .malformed(path: file.path, reason: reason, at: place)
            case .documentType(let place): throw .documentType(path: file.path, at: place)
            }
        }
        if parser.waitingBytes > Self.tokenBytesMax {
            throw .tokenTooLong(
                path: file.path, bytesMax: Self.tokenBytesMax, at: parser.place)
        }
    }
}

private enum ExpatFault: Error {
    case malformed(reason: String, XMLPlace)
    case documentType(XMLPlace)
}

/// Expat calls back with the address of this object, which therefore lives on the heap.
@safe private final class ExpatParser {
    private let parser: XML_Parser
    private var tokens: [XMLToken] = []
    private var documentType: XMLPlace?
    private var bytesFed = 0

    init() {
        // Owned by this object alone, freed in deinit.
        guard let parser = unsafe XML_ParserCreate(nil) else {
            preconditionFailure("Expat needs memory for its tables")
        }
        unsafe self.parser = parser
        // The object outlives the parser, which is freed in deinit.
        unsafe XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
        // Expat hands the address of this object to both, and names that live during the call.
        unsafe XML_SetElementHandler(
            parser,
            { unsafe ExpatParser.of($0).start($1, $2) },
            { object, _ in unsafe ExpatParser.of(object).tokens.append(.end) })
        // As above.
        unsafe XML_SetStartDoctypeDeclHandler(parser) { object, _, _, _, _ in
            unsafe ExpatParser.of(object).refuseDocumentType()
        }
    }

    deinit {
        // Created in init, used nowhere else.
        unsafe XML_ParserFree(parser)
    }

    private static func of(_ object: UnsafeMutableRawPointer?) -> ExpatParser {
        // Set in init to an object that is alive as long as the parser.
        guard let object = unsafe object else { preconditionFailure("Expat lost its object") }
        return unsafe Unmanaged<ExpatParser>.fromOpaque(object).takeUnretainedValue()
    }

    /// The tokens in these bytes; no bytes are the end of the document.
    func parse(_ bytes: [UInt8]) throws(ExpatFault) -> [XMLToken] {
        tokens.removeAll(keepingCapacity: true)
        bytesFed += bytes.count
        // The bytes stay put during the call, and Expat is told their count.
        let status = unsafe bytes.withUnsafeBytes { buffer in
            unsafe XML_Parse(
                parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(buffer.count), bytes.isEmpty ? 1 : 0)
        }
        if let documentType { throw .documentType(documentType) }
        guard status == XML_STATUS_OK else {
            // The parser is alive; its messages are constants.
            let code = unsafe XML_GetErrorCode(parser)
            let message = unsafe XML_ErrorString(code).map { unsafe String(cString: $0) }
            throw .malformed(reason: message ?? "XML error \(code.rawValue)", place)
        }
        return tokens
    }

    /// Where the tag stands that is being read.
    var place: XMLPlace {
        // The parser is alive.
        let line = unsafe Int(clamping: XML_GetCurrentLineNumber(parser))
        // As above.
        let column = unsafe Int(clamping: XML_GetCurrentColumnNumber(parser))
        return XMLPlace(line: line, column: column + 1)
    }

    /// Bytes of a tag whose end has not come.
    var waitingBytes: Int {
        // The parser is alive.
        let read = unsafe Int(XML_GetCurrentByteIndex(parser))
        return bytesFed - read
    }

    private func start(
        _ name: UnsafePointer<XML_Char>?, _ pairs: UnsafeMutablePointer<UnsafePointer<XML_Char>?>?
    ) {
        guard let name = unsafe name else { return }
        var attributes: [String: String] = [:]
        var index = 0
        // Names and values take turns until a null pointer; all live during this call.
        while let key = unsafe pairs?[index], let value = unsafe pairs?[index + 1] {
            unsafe attributes[String(cString: key)] = unsafe String(cString: value)
            index += 2
        }
        let element = unsafe XMLElement(
            name: String(cString: name), attributes: attributes, place: place)
        tokens.append(.start(element))
    }

    private func refuseDocumentType() {
        documentType = place
        // The parser is alive; it makes no further call after this one.
        unsafe XML_StopParser(parser, 0)
    }
}
