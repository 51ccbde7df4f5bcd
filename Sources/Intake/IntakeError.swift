/// Why an import cannot go on; whatever has been appended by then stays.
package enum IntakeError: Error, Equatable, Sendable {
    case noHeader(path: String)
    case badHeader(path: String, CSVFault)
    /// A column that the mapping names in `mappingLine` is not in the header.
    case missingColumn(String, mappingLine: Int?, path: String, existing: [String])
    case ambiguousColumn(String, path: String)
    case scratch(directory: String, reason: String)
}

extension IntakeError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noHeader(let path): "\(path): the file is empty; its first row must name the columns"
        case .badHeader(let path, let fault): "\(path): the header cannot be read: \(fault)"
        case .missingColumn(let column, let line, let path, let existing):
            "\(path): there is no column '\(column)'"
                + (line.map { " (line \($0) of the mapping)" } ?? "") + "; "
                + suggestion(for: column, among: existing)
        case .ambiguousColumn(let column, let path):
            "\(path): the column '\(column)' stands twice in the header; rename one of them"
        case .scratch(let directory, let reason):
            "events cannot be set aside in \(directory): \(reason)"
        }
    }
}
