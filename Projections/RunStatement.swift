internal import GRDB

extension Statement {
    /// Executes with as many arguments as the statement has placeholders.
    func run(_ arguments: StatementArguments) throws {
        setUncheckedArguments(arguments)
        try execute()
    }
}
