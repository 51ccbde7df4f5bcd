internal import ContactCentre
internal import EventLog
internal import Intake
internal import JSON
internal import Subjects
internal import Vault

extension LogOptions {
    /// Seals what an import brings of persons; with the first of them, the log gets its vault.
    ///
    /// What was begun with the vault and broken off is finished first.
    func personalIntake(
        into opened: EventLog, by door: VaultDoor
    ) async throws -> PersonalIntake {
        _ = try await personalSeal(of: opened, by: door)
        let classes = try PersonalFields.retentions.map(RetentionClass.init)
        let wasErased = try SubjectEraser.hasErased(in: opened)
        var references: [String: String] = [:]
        return PersonalIntake(
            subject: { text, stored in
                // Whoever was erased is not made anew by a file that is imported once more.
                if wasErased, let reference = try stored(),
                    let known = SubjectRef(reference), try door.vault()?.hasErased(known) == true
                {
                    return reference
                }
                if let known = references[text] { return known }
                let identifier = try identifier(text)
                let subject = try door.vaultOrNew(madeRoot: Self.tellRoot).makeSubject(
                    of: identifier, keeping: classes, at: opened.clock.now.microseconds)
                references[text] = "\(subject)"
                return "\(subject)"
            },
            seal: { event in
                guard let vault = try door.vault() else { return event }
                return try refusing { () throws(SealError) in
                    try PersonalSeal(vault, of: opened).sealed(event)
                }
            },
            known: { try opened.event(withID: $0) })
    }

    /// The same where nothing is made: persons who are not known have no reference yet.
    func personalIntakeOfDryRun(by door: VaultDoor) -> PersonalIntake {
        PersonalIntake(
            subject: { text, _ in
                let identifier = try identifier(text)
                let known = try door.vault()?.subject(of: identifier)
                return known.map { "\($0)" } ?? String(repeating: "0", count: 32)
            },
            seal: { event in
                try refusing { () throws(SealError) in
                    try PersonalSeal.withoutPersonalMembers(event)
                }
            },
            known: { _ in nil })
    }
}

private func identifier(_ text: String) throws -> Identifier {
    do throws(VaultError) { return try Identifier(text) } catch {
        throw PersonalRefusal("what leads to a person: \(error)")
    }
}

/// What is wrong with one event refuses its row; all else stops the import.
private func refusing<Result>(_ body: () throws(SealError) -> Result) throws -> Result {
    do throws(SealError) { return try body() } catch {
        switch error {
        case .vault(.noSubject), .vault(.erased): throw PersonalRefusal("\(error)")
        case _ where error.isOfValue: throw PersonalRefusal("\(error)")
        default: throw error
        }
    }
}
