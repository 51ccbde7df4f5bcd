extension Rule {
    /// What each module may import, by the layers of the architecture: downward only.
    ///
    /// SwiftPM finds a missing dependency only where nothing else reaches the module, so it lets an
    /// upward or a skipping import pass; this table does not. A new module needs its row here.
    static let importTable: [String: Set<String>] = [
        "JSON": [],
        "Merkle": ["Crypto"],
        "Statistics": ["Glibc"],
        "Storage": [
            "CLMDB", "CLMDBBaseline", "CZstd", "CZlib", "CDeflate", "CNettle", "CExpat",
            "CLinux", "COpenSSL",
            "GRDB", "GRDBSQLite", "Dispatch", "Glibc", "Synchronization",
        ],
        "EventLog": ["Storage", "Merkle", "JSON", "Crypto", "Glibc", "Synchronization"],
        "ContactCentre": ["JSON", "Foundation"],
        "Intake": [
            "EventLog", "ContactCentre", "Admission", "JSON", "Storage", "YAML", "Foundation",
            "Glibc", "Synchronization",
        ],
        "ProjectionKit": [
            "EventLog", "Storage", "JSON", "Crypto", "GRDB", "GRDBSQLite", "Dispatch", "Foundation",
            "Synchronization",
        ],
        "YAML": ["Yams"],
        "Projections": [
            "ProjectionKit", "ContactCentre", "EventLog", "Subjects", "Storage", "JSON",
            "Statistics", "YAML", "GRDB", "Crypto", "Synchronization",
        ],
        "Reorganisation": [
            "Projections", "ProjectionKit", "ContactCentre", "Routing", "EventLog", "JSON",
            "Foundation",
        ],
        "Server": [
            "EventLog", "ContactCentre", "Admission", "Subjects", "Vault", "ProjectionKit", "JSON",
            "Storage", "Merkle",
            "YAML", "Hummingbird",
            "HummingbirdCore", "HummingbirdHTTP2", "NIOCore", "NIOPosix", "NIOHTTP1",
            "NIOHTTPTypes", "NIOHTTPTypesHTTP1", "NIOSSL", "HTTPTypes", "Logging",
            "ServiceLifecycle", "UnixSignals",
            "JWTKit", "Foundation", "Glibc", "Synchronization",
        ],
        "Reports": [
            "EventLog", "ContactCentre", "ProjectionKit", "Merkle", "JSON", "Storage",
        ],
        "Vault": ["Storage", "Crypto", "Synchronization"],
        "Admission": ["EventLog", "ContactCentre"],
        "Description": ["EventLog", "ContactCentre", "JSON", "YAML"],
        "Routing": [
            "EventLog", "ContactCentre", "Description", "Merkle", "Storage", "JSON", "Crypto",
            "Foundation",
        ],
        "Subjects": ["EventLog", "Vault", "ContactCentre", "JSON"],
        "AscoltoClient": ["JSON", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Foundation"],
        "Workloads": [
            "EventLog", "Admission", "Projections", "ContactCentre", "Routing", "Reorganisation",
            "Storage", "JSON", "Crypto",
        ],
        "Benchmarks": ["Workloads", "Benchmark", "Foundation"],
        "ascolto-verify": ["Merkle", "Foundation"],
        "ascolto": [
            "Reorganisation", "Projections", "ProjectionKit", "ContactCentre", "Intake",
            "Description", "Routing", "Admission", "Server", "Reports", "Subjects", "Vault",
            "EventLog",
            "Storage", "JSON",
            "Merkle",
            "YAML", "Workloads",
            "ArgumentParser", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Configuration",
            "Logging",
            "Foundation", "Dispatch", "Glibc", "Synchronization",
        ],
    ]

    static let imports = Rule(name: "imports go downward and state their access level") { file in
        guard let module = file.module else { return [] }
        guard let allowed = importTable[module] else {
            return [
                Violation(
                    file: file, line: 1,
                    message: "module \(module) is unknown: give it a row in Rule.importTable")
            ]
        }
        return imports(in: file).flatMap { found -> [Violation] in
            var messages: [String] = []
            if !allowed.contains(found.module) {
                let list = allowed.isEmpty ? "nothing" : allowed.sorted().joined(separator: ", ")
                messages.append(
                    "\(module) may not import \(found.module), only \(list): move the code to the "
                        + "module where it belongs, or pass what it needs as an argument")
            }
            if !found.hasAccessLevel {
                messages.append(
                    "write `internal import \(found.module)`, or `package import` where package "
                        + "declarations show its types")
            }
            return messages.map { Violation(file: file, line: found.line, message: $0) }
        }
    }

    static let moduleNames = Rule(name: "no module is a drawer for everything") { file in
        let drawers: Set<Substring> = ["Common", "Utils", "Models", "Core"]
        guard let drawer = file.components.dropLast().first(where: drawers.contains) else {
            return []
        }
        return [
            Violation(
                file: file, line: 1,
                message: "\(drawer) says nothing: name the folder after the one thing it hides")
        ]
    }

    private struct Import {
        let module: String
        let line: Int
        let hasAccessLevel: Bool
    }

    private static func imports(in file: SourceFile) -> [Import] {
        let levels: Set = ["public", "package", "internal", "fileprivate", "private"]
        let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        let code = file.code
        return code.indices.compactMap { index in
            let before = index > 0 ? code[index - 1].text : ""
            // After these marks `import` is a member or a label.
            guard code[index].text == "import", ![".", "(", ","].contains(before) else {
                return nil
            }
            let name = code[(index + 1)...].first { !kinds.contains($0.text) }
            guard let name else { return nil }
            return Import(
                module: name.text, line: code[index].line, hasAccessLevel: levels.contains(before))
        }
    }
}
