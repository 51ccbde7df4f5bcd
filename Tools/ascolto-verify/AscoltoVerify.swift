internal import Foundation
internal import Merkle

/// What an auditor runs, and can read in an hour: these files, Merkle, and SHA-256 and Ed25519 of
/// swift-crypto are all that has to be trusted.
@main
enum AscoltoVerify {
    static func main() async {
        do {
            let request = try Request(CommandLine.arguments.dropFirst())
            guard case .verify(let options) = request else {
                print(Request.usage)
                return
            }
            let verdict = try await options.verdict()
            for line in verdict.lines { print(line) }
        } catch let error as Usage {
            complain("\(error.what)\n\n\(Request.usage)")
            exit(2)
        } catch Refusal.badKey(let why) {
            complain("not a key: \(why)")
            exit(2)
        } catch let refusal as Refusal {
            print("not verified")
            if let position = refusal.position { print("position: \(position)") }
            if let path = refusal.path { print("file: \(printable(path))") }
            complain("not verified: \(printable("\(refusal)"))")
            exit(1)
        } catch {
            complain("\(error)")
            exit(70)
        }
    }

    private static func complain(_ text: String) {
        FileHandle.standardError.write(Data("ascolto-verify: \(text)\n".utf8))
    }
}

/// The text with its control characters escaped: what is verified could forge lines of ours.
private func printable(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .format:
            shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        default: shown.unicodeScalars.append(scalar)
        }
    }
    return shown
}

extension Options {
    fileprivate func verdict() async throws -> Audit.Verdict {
        let now = UInt64(max(0, Date.now.timeIntervalSince1970))
        let policy = try TrustPolicy(
            logKeys: try keys.map(VerifierKey.init(text:)),
            witnessKeys: try witnessKeys.map(VerifierKey.init(text:)),
            witnessesRequired: quorum, cosignedSince: maxAge.map { now - min($0, now) } ?? 0)
        let audit = Audit(
            policy: policy, checkpoint: try checkpoint.map(contents(of:)),
            remembered: try old.map(contents(of:)))
        switch subject {
        case .tiles(let folder): return try audit.verifyTiles(TileFolder(path: folder))
        case .export(let path, let folder):
            var bytes = try ExportFile(path)
            return try await audit.verifyExport(
                &bytes, against: folder.map(TileFolder.init(path:)))
        case .receipt(let path, let event):
            return try audit.verifyReceipt(
                try contents(of: path), line: try event.map(contents(of:)))
        }
    }
}

extension Audit.Verdict {
    fileprivate var lines: [String] {
        let checkpoint = head.checkpoint
        var lines = [
            "verified", "origin: \(checkpoint.origin)", "size: \(checkpoint.size)",
            "root: \(checkpoint.root.hex)",
        ]
        lines += head.signers.map { "signed by: \($0.key.text)" }
        lines += head.witnesses.map {
            "witnessed by: \($0.key.text), \($0.moment ?? 0) s after 1970 began"
        }
        lines += extends.map { "extends: the checkpoint of \($0) events" }
        if removed > 0 { lines.append("removed data: \(removed) events, verified by leaf only") }
        if let leaf {
            lines.append("position: \(leaf.position)")
            lines.append("leaf: " + printable(String(decoding: leaf.bytes, as: UTF8.self)))
        }
        return lines
    }
}
