// swift-tools-version: 6.2
import PackageDescription

/// Strictness that every target of ours is built with.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "Ascolto",
    products: [
        .executable(name: "ascolto", targets: ["ascolto"]),
        // What auditors run; its imports show how little they have to trust.
        .executable(name: "ascolto-verify", targets: ["ascolto-verify"]),
        // For services in Swift.
        .library(name: "AscoltoClient", targets: ["AscoltoClient"]),
        // For the nested package Tools/Benchmarks only.
        .library(name: "Workloads", targets: ["Workloads"]),
    ],
    dependencies: [
        // SHA-256 for leaves, nodes and data hashes; Ed25519 for checkpoints.
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        // Read models are SQLite files that every analyst's tool can open.
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        // Mappings are YAML files.
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        // The verbs of the command line.
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        // HTTP/1.1, HTTP/2 and TLS of the server.
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        // The lane of appends is a handler of a connection.
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        // Requests and answers as Hummingbird's connections pass them on.
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        // Certificate and key.
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        // Methods, statuses and fields.
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        // What operators read.
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        // An end that waits for all who have asked.
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        // The client library speaks HTTP through it, and so do those who ask witnesses.
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        // Settings from file, environment and flags in one order.
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0"),
        // Tokens that an identity provider signs.
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
    ],
    targets: [
        .systemLibrary(
            name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // CRC-32 at four times the speed of zlib's; every read of the log waits for it.
        .systemLibrary(
            name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        // SHA-256 without an object for each hash: a check makes two or three for an event.
        .systemLibrary(
            name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        // Timestamps of an authority are verified by whom the whole field trusts with it.
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "JSON", swiftSettings: strict),
        .target(name: "Merkle", dependencies: [crypto], swiftSettings: strict),
        .target(name: "CLMDBBaseline", dependencies: ["CLMDB"]),
        .target(
            name: "Storage",
            dependencies: [
                "CLMDB", "CLMDBBaseline", "CZstd", "CZlib", "CDeflate", "CNettle", "CExpat",
                "CLinux", "COpenSSL",
                grdb,
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
        .target(name: "Statistics", swiftSettings: strict),
        .target(name: "YAML", dependencies: [yams], swiftSettings: strict),
        .target(
            name: "EventLog", dependencies: ["Storage", "Merkle", "JSON", crypto],
            swiftSettings: strict),
        .target(name: "Vault", dependencies: ["Storage", crypto], swiftSettings: strict),
        .target(name: "ContactCentre", dependencies: ["JSON"], swiftSettings: strict),
        .target(
            name: "Admission", dependencies: ["EventLog", "ContactCentre", "JSON"],
            swiftSettings: strict),
        .target(
            name: "Subjects", dependencies: ["EventLog", "Vault", "ContactCentre", "JSON"],
            swiftSettings: strict),
        .target(
            name: "Intake",
            dependencies: ["EventLog", "ContactCentre", "Admission", "JSON", "Storage", "YAML"],
            swiftSettings: strict),
        .target(
            name: "ProjectionKit", dependencies: ["EventLog", "Storage", "JSON", grdb, crypto],
            swiftSettings: strict),
        .target(
            name: "Projections",
            dependencies: [
                "ProjectionKit", "ContactCentre", "EventLog", "Subjects", "Storage", "JSON",
                "Statistics", "YAML", grdb, crypto,
            ],
            path: "Projections",
            exclude: [
                "OperatorQueues/README.md", "CaseFlow/README.md", "CitizenSatisfaction/README.md",
                "EquityAndAccess/README.md", "SurveyComments/README.md",
            ],
            swiftSettings: strict),
        .target(
            name: "Reorganisation", dependencies: ["EventLog", "ContactCentre", "Routing", "JSON"],
            swiftSettings: strict),
        .target(
            name: "Description", dependencies: ["EventLog", "ContactCentre", "JSON", "YAML"],
            swiftSettings: strict),
        .target(
            name: "Routing",
            dependencies: [
                "EventLog", "ContactCentre", "Description", "Merkle", "Storage", "JSON", crypto,
            ],
            swiftSettings: strict),
        .target(
            name: "Reports",
            dependencies: [
                "EventLog", "ContactCentre", "ProjectionKit", "Merkle", "JSON", "Storage",
            ],
            swiftSettings: strict),
        .target(
            name: "Server",
            dependencies: [
                "EventLog", "ContactCentre", "Admission", "Subjects", "Vault", "ProjectionKit",
                "JSON", "Storage", "Merkle", "YAML",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "JWTKit", package: "jwt-kit"),
            ],
            // In the binary, which needs no other file.
            resources: [.embedInCode("openapi.yaml")], swiftSettings: strict),
        .target(
            name: "AscoltoClient",
            dependencies: [
                "JSON",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: strict),
        .target(
            name: "Workloads",
            dependencies: [
                "EventLog", "Admission", "Projections", "ContactCentre", "Routing",
                "Reorganisation", "Storage", "JSON", crypto,
            ],
            path: "Tools/Workloads", swiftSettings: strict),
        .executableTarget(
            name: "ascolto",
            dependencies: [
                "EventLog", "ContactCentre", "Admission", "Intake", "ProjectionKit", "Projections",
                "Reorganisation", "Description", "Routing", "Subjects", "Vault", "Reports",
                "Server", "JSON",
                "Storage",
                "Merkle", "YAML",
                "Workloads",
                arguments,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tools/ascolto", swiftSettings: strict),
        .executableTarget(
            name: "ascolto-verify", dependencies: ["Merkle"], path: "Tools/ascolto-verify",
            swiftSettings: strict),
        // What tests share: programs that run, scratch directories, seeded numbers.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        // Apart from it, since it links the library that runs tests, which the programs below lack.
        .target(
            name: "OwnThread", dependencies: ["Storage"], path: "Tests/OwnThread",
            swiftSettings: strict),
        .testTarget(
            name: "JSONTests", dependencies: ["TestSupport", "OwnThread", "JSON"],
            swiftSettings: strict),
        .testTarget(
            name: "MerkleTests", dependencies: ["TestSupport", "Merkle", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "StatisticsTests", dependencies: ["TestSupport", "OwnThread", "Statistics"],
            swiftSettings: strict),
        .testTarget(
            name: "StorageTests", dependencies: ["TestSupport", "OwnThread", "Storage", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "VaultTests", dependencies: ["TestSupport", "Vault", "Storage", crypto],
            swiftSettings: strict),
        .testTarget(
            name: "EventLogTests",
            dependencies: [
                "TestSupport", "OwnThread", "EventLog", "Storage", "Merkle", "JSON", crypto,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ContactCentreTests",
            dependencies: ["TestSupport", "OwnThread", "ContactCentre", "JSON"],
            swiftSettings: strict),
        .testTarget(
            name: "AdmissionTests",
            dependencies: [
                "TestSupport", "OwnThread", "Admission", "EventLog", "ContactCentre", "JSON",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "IntakeTests",
            dependencies: [
                "TestSupport", "OwnThread", "Intake", "EventLog", "ContactCentre", "JSON",
                "Storage", "YAML",
            ], swiftSettings: strict),
        .testTarget(
            name: "ProjectionTests",
            dependencies: [
                "TestSupport", "OwnThread", "Projections", "ProjectionKit", "EventLog",
                "ContactCentre", "JSON", "YAML", grdb,
            ], swiftSettings: strict),
        .testTarget(
            name: "ReorganisationTests",
            dependencies: [
                "TestSupport", "OwnThread", "Reorganisation", "EventLog", "ContactCentre", "JSON",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RoutingTests",
            dependencies: [
                "TestSupport", "Admission", "Routing", "Description", "EventLog", "ContactCentre",
                "JSON", crypto,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WorkloadsTests", dependencies: ["TestSupport", "Workloads", "EventLog", "JSON"],
            swiftSettings: strict),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "TestSupport", "OwnThread", "AscoltoClient", "ascolto", "ascolto-verify",
            ],
            swiftSettings: strict),
        .testTarget(name: "HouseRules", dependencies: ["TestSupport"], swiftSettings: strict),
        // Appends and tells each acknowledgement, for the tests that kill it; nobody gets it.
        .executableTarget(
            name: "FaultAppender", dependencies: ["TestSupport", "EventLog", "Storage", "JSON"],
            path: "Tests/FaultAppender", swiftSettings: strict),
        // Holds the decoders against mutated bytes; a program, since a trap ends it.
        .executableTarget(
            name: "DecoderFuzzer",
            dependencies: ["TestSupport", "EventLog", "Storage", "JSON", "Merkle"],
            path: "Tests/DecoderFuzzer", swiftSettings: strict),
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "TestSupport", "OwnThread", "FaultAppender", "DecoderFuzzer", "ascolto", "EventLog",
                "Storage", "JSON", "Merkle",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CommandLineTests",
            dependencies: ["TestSupport", "OwnThread", "ascolto", "ascolto-verify"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
