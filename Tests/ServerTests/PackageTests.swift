import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("The Debian package", .ownThread)
struct PackageTests {
    private static let isDebian = FileManager.default.isExecutableFile(atPath: "/usr/bin/dpkg-deb")

    @Test(
        "holds the server, its unit and its settings, and says what it needs",
        .enabled(if: isDebian, "skipped: needs dpkg-deb"), .timeLimit(.minutes(6)))
    func package() throws {
        let scratch = try Scratch()
        let out = scratch.place("out")
        let made = try Program.run(
            "\(Places.package)/Tools/deploy/make-deb", ["--binary", Ascolto.path, out],
            within: 300)
        try #require(made.end == .exit(0), "\(made.error)")
        let package = String(try #require(made.lines.last))
        let tree = scratch.place("tree")
        #expect(try Program.run("dpkg-deb", ["--raw-extract", package, tree]).end == .exit(0))
        for file in [
            "usr/bin/ascolto", "usr/lib/systemd/system/ascolto.service", "etc/ascolto/serve.yaml",
            "DEBIAN/postinst", "DEBIAN/prerm", "DEBIAN/postrm", "DEBIAN/conffiles",
        ] {
            #expect(FileManager.default.fileExists(atPath: "\(tree)/\(file)"), "\(file)")
        }
        let needs = try Program.run("dpkg-deb", ["--field", package, "Depends"]).text
        let libraries = try Program.run("ldd", ["\(tree)/usr/bin/ascolto"]).text
        for (library, named) in [
            ("liblmdb.so", "liblmdb0"), ("libzstd.so", "libzstd1"), ("libz.so", "zlib1g"),
            ("libdeflate.so", "libdeflate0"), ("libnettle.so", "libnettle8"),
            ("libexpat.so", "libexpat1"), ("libcrypto.so", "libssl3"),
            ("libsqlite3.so", "libsqlite3-0"),
        ] where libraries.contains(library) {
            #expect(needs.contains(named), "\(library)")
        }
        let help = try Program.run("\(tree)/usr/bin/ascolto", ["serve", "--help"])
        #expect(help.text.contains("--listen"), "\(help.error)")
    }

    @Test("the unit's settings are those that the server reads", .timeLimit(.minutes(2)))
    func settings() throws {
        let scratch = try Scratch()
        // Up to where it would listen: the file is read, and its paths are not there.
        let run = try Ascolto.run(
            [
                "serve", "--config", "\(Places.package)/Tools/deploy/serve.yaml", "--listen",
                "nowhere",
            ], log: scratch.log)
        #expect(run.end == .exit(2))
        #expect(run.error.contains("HOST:PORT"), "\(run.error)")
    }
}
