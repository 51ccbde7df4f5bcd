internal import EventLog
internal import HTTPTypes
internal import JSON
internal import YAML

extension Responder {
    /// The description for programs, and the pages for people that are made of it.
    func documentation(_ endpoint: Endpoint, _ query: Substring?) throws(Problem) -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        switch endpoint {
        case .description:
            return Answer(.ok, text: Description.text, type: "application/yaml")
        case .problems: return Answer(.ok, text: Description.problems, type: Self.html)
        default: return Answer(.ok, text: Description.page, type: Self.html)
        }
    }

    private static let html = "text/html; charset=utf-8"

    func alive(_ query: Substring?) throws(Problem) -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        return Answer(.ok, .object([("status", .text("alive"))]))
    }

    func ready(_ query: Substring?) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        if let reason = desk.health.reason(desk.log.activity) {
            throw Problem(.serviceUnavailable, .unavailable, reason).retryable()
        }
        let log = desk.log
        let head = try await desk.readers.run { try log.head() }
        return Answer(
            .ok, .object([("status", .text("ready")), ("events", .count(head.size))]))
    }
}

/// What the server says of itself.
package enum Description {
    /// The OpenAPI file.
    package static let text = String(decoding: PackageResources.openapi_yaml, as: UTF8.self)

    static let page = (try? Page(of: text).html) ?? problems

    static let problems = Page.whole(
        title: "Ascolto: problems",
        "<h1>Problems</h1>"
            + Problem.Kind.allCases.map { kind in
                "<h2 id=\"\(kind.rawValue)\"><code>\(kind.rawValue)</code></h2>"
                    + Page.paragraphs(kind.title + ".")
            }.joined())
}

/// The readable page of the OpenAPI file.
private struct Page {
    let html: String

    init(of text: String) throws {
        let document = try YAMLPart(document: text, place: "openapi.yaml").dictionary()
        let info = try document["info"]?.dictionary() ?? [:]
        var html = "<h1>Ascolto</h1>"
        html += Self.paragraphs(try info["description"]?.text() ?? "")
        html += "<p>The same for programs: <a href=\"/openapi.yaml\">openapi.yaml</a>. "
        html += "What can go wrong: <a href=\"/problems\">problems</a>.</p>"
        let paths = try document["paths"]?.members() ?? []
        let shared = try document["components"]?.dictionary() ?? [:]
        html += "<ul>"
        for (path, item) in paths {
            for (method, operation) in try Self.operations(of: item) {
                let (id, summary) = (
                    try operation["operationId"]?.text() ?? "",
                    try operation["summary"]?.text() ?? ""
                )
                html += "<li><a href=\"#\(id)\"><code>\(method) \(Self.escaped(path))</code></a> "
                html += "\(Self.escaped(summary))</li>"
            }
        }
        html += "</ul>"
        for (path, item) in paths {
            for (method, operation) in try Self.operations(of: item) {
                html += try Self.operation(method, path, operation, item, shared)
            }
        }
        self.html = Self.whole(title: "Ascolto: the interface", html)
    }

    private static let methods = ["get", "post", "put", "delete"]

    private static func operations(
        of item: YAMLPart
    ) throws -> [(method: String, operation: [String: YAMLPart])] {
        try item.members().filter { methods.contains($0.key) }
            .map { ($0.key.uppercased(), try $0.value.dictionary()) }
    }

    private static func operation(
        _ method: String, _ path: String, _ operation: [String: YAMLPart], _ item: YAMLPart,
        _ shared: [String: YAMLPart]
    ) throws -> String {
        let id = try operation["operationId"]?.text() ?? ""
        var html = "<h2 id=\"\(id)\"><code>\(method) \(escaped(path))</code></h2>"
        html += paragraphs(try operation["description"]?.text() ?? "")
        var rows: [(String, String)] = []
        let ofPath = try item.dictionary()["parameters"]?.list() ?? []
        for part in try ofPath + (operation["parameters"]?.list() ?? []) {
            let parameter = try resolved(part, shared, in: "parameters").dictionary()
            rows.append(
                (
                    try parameter["name"]?.text() ?? "",
                    try parameter["description"]?.text() ?? ""
                ))
        }
        html += table("Parameter", rows)
        rows = []
        for (status, part) in try operation["responses"]?.members() ?? [] {
            let response = try resolved(part, shared, in: "responses").dictionary()
            // What stands beside a reference goes before what it leads to.
            let words = try part.dictionary()["description"] ?? response["description"]
            rows.append((status, try words?.text() ?? ""))
        }
        return html + table("Status", rows)
    }

    private static func resolved(
        _ part: YAMLPart, _ shared: [String: YAMLPart], in kind: String
    ) throws -> YAMLPart {
        guard let reference = try part.dictionary()["$ref"]?.text(),
            let name = reference.split(separator: "/").last
        else { return part }
        return try shared[kind]?.dictionary()[String(name)] ?? part
    }

    private static func table(_ name: String, _ rows: [(String, String)]) -> String {
        guard !rows.isEmpty else { return "" }
        return "<table><tr><th>\(name)</th><th></th></tr>"
            + rows.map { "<tr><td><code>\(escaped($0))</code></td><td>\(paragraphs($1))</td></tr>" }
            .joined() + "</table>"
    }

    static func whole(title: String, _ body: String) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>\(escaped(title))</title>
        <meta name="viewport" content="width=device-width">
        <style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;\
        padding:0 1rem}code,pre{font:14px ui-monospace,monospace;background:#f3f3f3}\
        pre{padding:.5rem;overflow:auto}td,th{vertical-align:top;text-align:left;\
        padding:0 1rem 0 0}td p{margin:.2rem 0}h2{margin-top:2.5rem}</style></head>
        <body>\(body)</body></html>

        """
    }

    /// Paragraphs of plain text with `code` and **words**; tables are shown as they are written.
    static func paragraphs(_ text: String) -> String {
        text.split(separator: "\n\n").map { part in
            part.first == "|"
                ? "<pre>\(escaped(String(part)))</pre>" : "<p>\(marked(String(part)))</p>"
        }.joined()
    }

    private static func marked(_ text: String) -> String {
        var html = ""
        for (index, piece) in text.split(separator: "`", omittingEmptySubsequences: false)
            .enumerated()
        {
            guard index % 2 == 0 else {
                html += "<code>\(escaped(String(piece)))</code>"
                continue
            }
            let words = piece.split(separator: "**", omittingEmptySubsequences: false)
            for (index, word) in words.enumerated() {
                html += index % 2 == 0 ? escaped(String(word)) : "<b>\(escaped(String(word)))</b>"
            }
        }
        return html
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}

extension YAMLPart {
    fileprivate func dictionary() throws(YAMLError) -> [String: YAMLPart] {
        Dictionary(try members().map { ($0.key, $0.value) }) { $1 }
    }
}
