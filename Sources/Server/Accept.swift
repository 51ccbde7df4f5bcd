internal import HTTPTypes

/// What a client is ready to read, as RFC 9110 section 12.5.1 writes it.
struct Accept {
    private var ranges: [(type: String, quality: Double)] = []

    init(_ field: String?) {
        guard let field else { return }
        for part in field.split(separator: ",") {
            let pieces = part.split(separator: ";")
            guard let type = pieces.first?.trimmed.lowercased(), !type.isEmpty else { continue }
            let quality = pieces.dropFirst().lazy.map(\.trimmed)
                .first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
            ranges.append((type, quality ?? 1))
        }
    }

    /// The format that the client likes best; the first one where it does not say.
    func best<Format: RawRepresentable & CaseIterable>(
        of formats: Format.Type, for what: String
    ) throws(Problem) -> Format where Format.RawValue == String {
        var best: (format: Format, quality: Double)?
        for format in Format.allCases {
            let quality = quality(of: format.rawValue)
            if quality > best?.quality ?? 0 { best = (format, quality) }
        }
        guard let best else {
            let names = Format.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(
                .notAcceptable, .notAcceptable, "\(what) are written as one of \(names)")
        }
        return best.format
    }

    /// The most specific range decides.
    private func quality(of type: String) -> Double {
        guard !ranges.isEmpty else { return 1 }
        let group = type.prefix { $0 != "/" } + "/*"
        return explicitQuality(of: type) ?? explicitQuality(of: String(group))
            ?? explicitQuality(of: "*/*") ?? 0
    }

    /// How much the client likes what it names so; nil where it does not name it.
    func explicitQuality(of name: String) -> Double? {
        ranges.first { $0.type == name }?.quality
    }
}
