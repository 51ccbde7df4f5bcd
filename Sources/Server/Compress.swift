internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import Storage

/// How an answer is compressed.
enum ContentCoding: String, CaseIterable {
    case zstd
    case gzip

    /// The one that a client likes best; nil where it likes none, or does not say.
    init?(_ acceptEncoding: String?) {
        guard let acceptEncoding else { return nil }
        let accepted = Accept(acceptEncoding)
        guard
            let best = Self.allCases.max(by: { accepted.quality(of: $0) < accepted.quality(of: $1) }
            ),
            accepted.quality(of: best) > 0
        else { return nil }
        // Of equals the first.
        self =
            Self.allCases.first { accepted.quality(of: $0) == accepted.quality(of: best) } ?? best
    }

    private var format: StreamEncoder.Format {
        switch self {
        case .zstd: .zstd
        case .gzip: .gzip
        }
    }

    func encoder() -> StreamEncoder { StreamEncoder(format) }
}

extension Accept {
    fileprivate func quality(of coding: ContentCoding) -> Double {
        explicitQuality(of: coding.rawValue) ?? explicitQuality(of: "*") ?? 0
    }
}

extension Answer {
    /// The same, compressed where the client likes that and it is worth the while.
    func compressed(for fields: HTTPFields) -> Answer {
        var answer = self
        answer.fields[.vary] = Responder.vary
        guard body.count >= ServerLimits.compressedBytesMin,
            let coding = ContentCoding(fields[.acceptEncoding])
        else { return answer }
        answer.body = coding.encoder().encode(body, .end)
        answer.fields[.contentEncoding] = coding.rawValue
        return answer
    }
}

/// A body that is compressed while it is written.
struct CompressedStream: BodyStream {
    let stream: any BodyStream
    let coding: ContentCoding

    var isWorthCompressing: Bool { false }

    @concurrent
    func write(to writer: inout any ResponseBodyWriter) async throws {
        var compressing: any ResponseBodyWriter = CompressingWriter(
            writer: writer, encoder: coding.encoder())
        try await stream.write(to: &compressing)
        guard let end = (compressing as? CompressingWriter)?.rest() else { return }
        try await writer.write(end)
    }
}

private struct CompressingWriter: ResponseBodyWriter {
    var writer: any ResponseBodyWriter
    let encoder: StreamEncoder

    @concurrent
    mutating func write(_ buffer: ByteBuffer) async throws {
        let bytes = encoder.encode(Array(buffer.readableBytesView), .more)
        if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
    }

    func rest() -> ByteBuffer { ByteBuffer(bytes: encoder.encode([], .end)) }

    @concurrent
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        try await writer.finish(trailingHeaders)
    }
}
