extension Rule {
    static let boolParameters = Rule(name: "no package function takes a Bool") { file in
        packageFunctions(in: file).flatMap { function in
            function.parameters.filter { ["Bool", "Bool?"].contains($0.type) }.map {
                Violation(
                    file: file, line: $0.line,
                    message: "\(function.name) takes a Bool as `\($0.name)`: make an enum whose "
                        + "cases read aloud at the call")
            }
        }
    }

    static let unlabelledParameters = Rule(name: "equal types have labels") { file in
        packageFunctions(in: file).flatMap { function -> [Violation] in
            let unlabelled = function.parameters.filter { $0.label == "_" }
            return unlabelled.indices.compactMap { index in
                let parameter = unlabelled[index]
                guard unlabelled[..<index].contains(where: { $0.type == parameter.type }) else {
                    return nil
                }
                return Violation(
                    file: file, line: parameter.line,
                    message: "\(function.name) takes two \(parameter.type) without labels, which "
                        + "a caller can swap: label them")
            }
        }
    }

    private static func packageFunctions(in file: SourceFile) -> [FunctionDeclaration] {
        FunctionDeclaration.all(in: file).filter {
            $0.modifiers.contains("package") || $0.modifiers.contains("public")
        }
    }
}
