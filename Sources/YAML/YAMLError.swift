/// What is wrong with a YAML file that somebody wrote for us, and in which line.
package struct YAMLError: Error, Equatable, Sendable {
    /// Counted from 1; nil where the mistake has no place.
    package let line: Int?
    package let reason: Reason

    package init(line: Int?, reason: Reason) {
        self.line = line
        self.reason = reason
    }

    package enum Reason: Equatable, Sendable {
        case notYAML(String)
        /// `known` are the keys that the place has.
        case unknownKey(String, place: String, known: [String])
        case missingKey(String, place: String)
        case notOneOf(String, place: String, choices: [String])
        case wrongShape(place: String, expected: String)
        case other(place: String, String)
    }
}

extension YAMLError: CustomStringConvertible {
    package var description: String {
        line.map { "line \($0): \(reason)" } ?? "\(reason)"
    }
}

extension YAMLError.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notYAML(let problem): "not YAML: \(problem)"
        case .unknownKey(let key, let place, let known):
            "unknown key '\(key)' in \(place); \(suggestion(for: key, among: known))"
        case .missingKey(let key, let place): "\(place) needs the key '\(key)'"
        case .notOneOf(let text, let place, let choices):
            "\(place) cannot be '\(text)'; \(suggestion(for: text, among: choices))"
        case .wrongShape(let place, let expected): "\(place) must be \(expected)"
        case .other(let place, let problem): "\(place): \(problem)"
        }
    }
}

/// A hint at the word that was probably meant, or at all words there are.
package func suggestion(for text: String, among words: [String]) -> String {
    if let nearest = word(meantBy: text, among: words) { return "did you mean '\(nearest)'?" }
    return words.isEmpty ? "there are none" : "there are: \(words.joined(separator: ", "))"
}

/// The word that was probably meant; nil where none is near.
package func word(meantBy text: String, among words: [String]) -> String? {
    words.map { (word: $0, distance: editDistance(text, $0)) }.min { $0.distance < $1.distance }
        .flatMap { $0.distance <= max(1, $0.word.count / 3) ? $0.word : nil }
}

/// Insertions, deletions and replacements that turn one text into the other (Levenshtein).
private func editDistance(_ text: String, _ other: String) -> Int {
    let other = Array(other)
    var row = Array(0...other.count)
    for (index, character) in text.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in other.indices {
            let replaced = diagonal + (character == other[column] ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
        }
    }
    return row[other.count]
}
