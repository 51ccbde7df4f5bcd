package import HTTPTypes
package import JSON

/// A whole answer to a request.
package struct Answer: Sendable {
    package var status: HTTPResponse.Status
    package var fields = HTTPFields()
    package var body: [UInt8] = []

    package init(_ status: HTTPResponse.Status) { self.status = status }

    /// JSON, on one line that ends.
    package init(
        _ status: HTTPResponse.Status, _ content: JSONNode, type: String = "application/json"
    ) {
        self.status = status
        content.append(to: &body)
        body.append(0x0A)
        fields[.contentType] = type
    }

    package init(_ status: HTTPResponse.Status, text: String, type: String) {
        self.status = status
        body = Array(text.utf8)
        fields[.contentType] = type
    }
}
