internal import Crypto
package import GRDB
package import ProjectionKit

/// How groups of citizens fare: rates of declared outcomes, compared with a declared reference.
///
/// `README.md` beside this file defines the definitions' language and every table and column.
package struct EquityAndAccess: Projection {
    package let definitions: EquityDefinitions

    package init(_ definitions: EquityDefinitions = .none) { self.definitions = definitions }

    package let name = "equity-and-access"
    package let version = 3

    package var configuration: String {
        let digest = SHA256.hash(data: Array("\(definitions)".utf8)).prefix(8)
        let digits = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "definitions=\(definitions.scheme)@\(definitions.version) digest=\(digits)"
    }

    package func fold(
        into database: Database, of log: LogReference
    ) throws -> any EventFold {
        try FoldOutcomes(into: database, definitions: definitions)
    }
}
