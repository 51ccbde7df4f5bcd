internal import HTTPTypes

/// Who may do what.
package struct Gate: Sendable {
    package enum Policy: Sendable {
        /// Everybody may do everything; for one machine only.
        case open
    }

    let policy: Policy

    func admit(_ fields: HTTPFields, to endpoint: Endpoint) throws(Problem) {}
}
