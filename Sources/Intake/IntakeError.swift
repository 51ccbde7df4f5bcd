internal import JSON
package import Storage
internal import YAML

/// Why an import cannot go on; whatever has been appended by then stays.
package enum IntakeError: Error, Equatable, Sendable {
    case noHeader(path: String)
    case badHeader(path: String, CSVFault)
    /// The file is no table of the mapping's encoding.
    case unreadable(path: String, CSVFault)
    /// A column that the mapping names in `mappingLine` is not in the header.
    case missingColumn(String, mappingLine: Int?, path: String, existing: [String])
    case ambiguousColumn(String, path: String)
    /// The document's outermost element is not `log`.
    case notXES(path: String, root: String, at: XMLPlace)
    /// Something other than an event follows the first event of a trace.
    case misplacedAttribute(path: String, at: XMLPlace)
    case scratch(directory: String, reason: String)
}

extension IntakeError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noHeader(let path): "\(path): the file is empty; its first row must name the columns"
        case .badHeader(let path, let fault): "\(path): the header cannot be read: \(fault)"
        case .unreadable(let path, let fault): "\(path): the file cannot be read: \(fault)"
        case .missingColumn(let column, let line, let path, let existing):
            "\(path): there is no column '\(column)'"
                + (line.map { " (line \($0) of the mapping)" } ?? "") + "; "
                + suggestion(for: column, among: existing)
        case .ambiguousColumn(let column, let path):
            "\(path): the column '\(column)' stands twice in the header; rename one of them"
        case .notXES(let path, let root, let place):
            "\(path):\(place): this is no XES log: the outermost element is \(jsonString(root))"
        case .misplacedAttribute(let path, let place):
            "\(path):\(place): only events may follow the first event of a trace"
        case .scratch(let directory, let reason):
            "events cannot be set aside in \(directory): \(reason)"
        }
    }
}
