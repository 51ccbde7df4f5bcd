// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "AscoltoBenchmarks",
    dependencies: [
        // The work that is measured.
        .package(name: "Ascolto", path: "../.."),
        // Runs benchmarks and tells percentiles; without traits it needs nothing but Swift.
        .package(url: "https://github.com/ordo-one/benchmark.git", exact: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "LogBenchmarks",
            dependencies: [
                .product(name: "Workloads", package: "Ascolto"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/LogBenchmarks",
            swiftSettings: [.enableUpcomingFeature("InternalImportsByDefault")],
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ],
    swiftLanguageModes: [.v6]
)
