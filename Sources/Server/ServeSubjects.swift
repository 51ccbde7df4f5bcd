internal import ContactCentre
internal import EventLog
internal import HTTPTypes
internal import Hummingbird
internal import JSON
internal import ServiceLifecycle
internal import Subjects
internal import Vault

// Persons and the keys of their data.
extension Responder {
    func subjects(
        _ route: Route, _ query: Substring?, _ request: Request, _ client: Client
    ) async throws -> Answer {
        if route.endpoint != .subjectData {
            try QueryParameters(query: query).requireNothingLeft()
        }
        switch route.endpoint {
        case .makeSubject: return try await makeSubject(request)
        case .findSubject: return try await findSubject(request)
        case .subjectStatus: return try await status(of: subject(route))
        case .subjectData: return try await data(of: subject(route), query, client)
        case .eraseSubject: return try await erase(subject(route), request, client)
        case .authoriseSubject: return try await authorise(subject(route), request, client)
        case .retention: return try await retain(request, client)
        default: return try await rotateEpoch()
        }
    }

    private func subject(_ route: Route) throws(Problem) -> SubjectRef {
        guard let subject = SubjectRef(route.arguments[0]) else {
            throw .badParameter(
                "the reference of a subject has 32 hexadecimal digits in lower case")
        }
        return subject
    }

    /// What `read` takes of the body, which has nothing else.
    private func body<Result>(
        of request: Request, _ read: (inout RequestObject) throws -> Result
    ) async throws -> Result {
        try await withBody(of: request, upTo: ServerLimits.subjectBodyBytesMax) { body in
            var object = try RequestObject(body)
            let result = try read(&object)
            try object.requireNothingLeft()
            return result
        }
    }

    private func makeSubject(_ request: Request) async throws -> Answer {
        let identifier = try await body(of: request) { object -> Identifier? in
            let text = try object.text("identifier")
            let isAnonymous = try object.truth("anonymous") ?? false
            guard (text == nil) == isAnonymous else {
                throw Problem.badBody(
                    "the body must be like {\"identifier\":\"…\"}, or {\"anonymous\":true} for a "
                        + "person to whom no identifier leads")
            }
            return try text.map(Identifier.init)
        }
        let classes = try PersonalFields.retentions.map(RetentionClass.init)
        let subject = try await desk.subjects.makeSubject(of: identifier, keeping: classes)
        return Answer(.ok, .object([("subject", .text("\(subject)"))]))
    }

    private func findSubject(_ request: Request) async throws -> Answer {
        let identifier = try await body(of: request) { object in
            guard let text = try object.text("identifier") else {
                throw Problem.badBody("the body must be like {\"identifier\":\"…\"}")
            }
            return try Identifier(text)
        }
        guard
            let subject = try await desk.subjects.look(
                needing: .keys,
                { vault, _ in
                    try vault.subject(of: identifier)
                })
        else {
            throw Problem(
                .notFound, .notFound,
                "nobody is known by that, or the person's data were erased")
        }
        return Answer(.ok, .object([("subject", .text("\(subject)"))]))
    }

    private func status(of subject: SubjectRef) async throws -> Answer {
        let history = try await history(of: subject)
        guard !history.keys.isEmpty else { throw VaultError.noSubject(subject) }
        return Answer(.ok, .object(history.members))
    }

    /// All that is kept of a person, page by page; whoever looks at it is recorded with whose it
    /// is.
    private func data(
        of subject: SubjectRef, _ query: Substring?, _ client: Client
    ) async throws -> Answer {
        var parameters = try QueryParameters(query: query)
        let first = try parameters.position("from") ?? Position(0)
        let limit = try parameters.whole("limit") ?? UInt64(ServerLimits.subjectEventsMax)
        guard (1...UInt64(ServerLimits.subjectEventsMax)).contains(limit) else {
            throw Problem.badParameter("limit must be from 1 to \(ServerLimits.subjectEventsMax)")
        }
        try parameters.requireNothingLeft()
        guard
            try await desk.subjects.look(
                needing: .keys, { vault, _ in try !vault.status(of: subject).isEmpty })
        else { throw VaultError.noSubject(subject) }
        try await desk.journal.willLook(client, at: subject)
        let (rows, next) = try await desk.subjects.look(needing: .keys) { vault, log in
            var rows: [JSONNode] = []
            var next: Position?
            try log.forEachEvent(of: subject, openedBy: vault, from: first) { found in
                guard rows.count < limit else {
                    next = found.event.position
                    return .stop
                }
                rows.append(.object(found.members))
                return .next
            }
            return (rows, next)
        }
        var answer = Answer(.ok, .array(rows))
        if let next {
            answer.linkNext("/v1/subjects/\(subject)/data?from=\(next)&limit=\(limit)")
        }
        return answer
    }

    private func erase(
        _ subject: SubjectRef, _ request: Request, _ client: Client
    ) async throws -> Answer {
        let (basis, classes) = try await body(of: request) { object in
            let basis = try takeBasis(of: &object)
            return (basis, try object.texts("classes")?.map(RetentionClass.init))
        }
        guard classes?.isEmpty != true else {
            throw Problem.badBody("\"classes\" is empty; without it all classes are erased")
        }
        _ = try await desk.subjects.change(needing: .names) { eraser in
            try await eraser.erase(subject, classes: classes, basis: basis, by: client.name)
        }
        let status = try await statusOfErasure(of: [subject])
        return Answer(status, .object(try await history(of: subject).members))
    }

    private func authorise(
        _ subject: SubjectRef, _ request: Request, _ client: Client
    ) async throws -> Answer {
        let basis = try await body(of: request) { object in try takeBasis(of: &object) }
        try await desk.subjects.change(needing: .keys) { eraser in
            try await eraser.authorise(subject, basis: basis, by: client.name)
        }
        return Answer(.ok, .object(try await history(of: subject).members))
    }

    private func history(of subject: SubjectRef) async throws -> SubjectHistory {
        try await desk.subjects.look(needing: .names) { vault, log in
            try SubjectHistory(of: subject, in: log, vault)
        }
    }

    private func statusOfErasure(
        of subjects: [SubjectRef]
    ) async throws -> HTTPResponse.Status {
        guard !subjects.isEmpty else { return .ok }
        return try await desk.subjects.letForget().contains(where: subjects.contains)
            ? .accepted : .ok
    }

    private func takeBasis(of object: inout RequestObject) throws(Problem) -> String {
        guard let basis = try object.text("basis") else {
            throw .badBody(
                "\"basis\" is missing: on which legal basis; it stands in the log for ever, so "
                    + "nothing personal")
        }
        return basis
    }

    private func retain(_ request: Request, _ client: Client) async throws -> Answer {
        let (terms, run) = try await body(of: request) { object in
            let terms = try (object.numbers("keep") ?? []).map { name, days in
                guard let term = RetentionTerm(name, days: days) else {
                    throw Problem.badBody(
                        "\"keep\" gives days, 0 to 100000, to the classes "
                            + PersonalFields.retentions.joined(separator: ", "))
                }
                return term
            }
            guard !terms.isEmpty else {
                throw Problem.badBody("the body must be like {\"keep\":{\"contact\":730}}")
            }
            let run: RetentionRun = try object.truth("dry_run") == true ? .listing : .erasing
            return (terms, run)
        }
        var expired: [Expired] = []
        for term in terms {
            let found = try await desk.subjects.scan { vault, log in
                try SubjectEraser(vault, of: log).expired(term)
            }
            guard run == .erasing else {
                expired += found
                continue
            }
            // Some at a time: nobody who is to be erased waits for all of them.
            for start in stride(from: 0, to: found.count, by: ServerLimits.retentionTurn) {
                guard !Task.isShuttingDownGracefully else { throw Problem.endingRetention }
                let some = found.dropFirst(start).prefix(ServerLimits.retentionTurn)
                expired += try await desk.subjects.change(needing: .names) { eraser in
                    try await eraser.erase(some, term, by: client.name)
                }
            }
        }
        let erased = run == .erasing ? expired.map(\.subject) : []
        let status = try await statusOfErasure(of: erased)
        return Answer(status, .array(expired.map { .object($0.members(run)) }))
    }

    private func rotateEpoch() async throws -> Answer {
        let (destroyed, current) = try await desk.subjects.rotateEpoch()
        return Answer(
            .ok,
            .object([("destroyed_epoch", .count(destroyed)), ("epoch", .count(current))]))
    }
}

extension Problem {
    fileprivate static let endingRetention = Problem(
        .serviceUnavailable, .unavailable,
        "the server is about to end; what was erased stays erased, and the same sent again goes on"
    ).retryable()
}
