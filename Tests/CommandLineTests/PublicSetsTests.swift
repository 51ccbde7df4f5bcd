import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("The public data sets", .ownThread, .enabled(if: PublicSet.areThere, PublicSet.needed))
struct PublicSetsTests {
    @Test(
        "become the events that their rows tell, with every anomaly counted, and nothing twice",
        arguments: PublicSet.all)
    func events(set: PublicSet) throws {
        let scratch = try Scratch()
        let imported = try set.imported(to: scratch.log)
        let export = try MakeLog.export(scratch.log)
        let told = try Python.run(
            "public_sets.py", [set.mapping] + set.paths, input: .bytes(export.output))
        try #require(told.end == .exit(0), "\(told.error)")
        let expected = try told.json()
        for key in ["rows", "events", "anomalies"] {
            #expect(imported[key] == expected[key], "\(key)")
        }
        #expect(imported["rows"] == .integer(set.rows))
        #expect(imported["rejected"] == .integer(0))
        #expect(imported["skipped"] == .integer(0))
        let again = try set.imported(to: scratch.log)
        #expect(again["events"] == .integer(0))
        #expect(again["already_appended"] == imported["events"])
    }

    private static let keys = [
        "totals": [], "openers": ["opened_by"], "channels": ["channel"], "services": ["service"],
        "days": ["day"],
        "activities": ["activity"], "line_changes": ["from_line", "to_line"],
    ]

    @Test(
        "have the flow of cases that another program counts in their rows",
        arguments: [PublicSet.incidents, .permits, .boston])
    func caseFlow(set: PublicSet) throws {
        let scratch = try Scratch()
        _ = try set.imported(to: scratch.log)
        let projected = try Ascolto.run(["project", "case-flow"], log: scratch.log)
        try #require(projected.end == .exit(0), "\(projected.error)")
        let counted = try Python.run("case_flow.py", [set.mapping] + set.paths)
        try #require(counted.end == .exit(0), "\(counted.error)")
        for (table, expected) in try #require(try counted.json().members) {
            let keys = try #require(Self.keys[table])
            let answer = try Ascolto.run(["query", "case-flow", table], log: scratch.log)
            let found = try #require(try answer.json().elements)
            let wanted = try #require(expected.members)
            #expect(found.count == wanted.count, "\(table)")
            for row in found {
                let key = keys.map { row[$0]?.text ?? "\(row[$0]?.integer ?? -1)" }
                    .joined(separator: " ")
                let figures = try #require(wanted[key]?.members, "\(table) has \(key)")
                for (column, value) in figures {
                    #expect(row[column] == value, "\(table) \(key) \(column)")
                }
            }
        }
    }

    @Test(
        "have the satisfaction by channel and group that statsmodels finds in their rows",
        .enabled(if: Python.estimates, "\(Python.needed)"))
    func satisfaction() throws {
        let scratch = try Scratch()
        _ = try PublicSet.kansasCity.imported(to: scratch.log)
        let projected = try Ascolto.run(["project", "citizen-satisfaction"], log: scratch.log)
        try #require(projected.end == .exit(0), "\(projected.error)")
        let counted = try Python.run("satisfaction.py", PublicSet.kansasCity.paths)
        try #require(counted.end == .exit(0), "\(counted.error)")
        let answer = try Ascolto.run(
            ["query", "citizen-satisfaction", "scores"], log: scratch.log)
        let found = try #require(try answer.json().elements)
        var compared = 0
        for (question, parts) in try #require(try counted.json().members) {
            for (part, expected) in try #require(parts.members) {
                let row = try #require(
                    found.first {
                        $0["question"]?.text == question
                            && "\($0["dimension"]?.text ?? "") \($0["part"]?.text ?? "")" == part
                    }, "\(question) \(part)")
                for (column, value) in try #require(expected.members) {
                    let difference = (row[column]?.number ?? .nan) - (value.number ?? .nan)
                    #expect(abs(difference) <= 1e-12, "\(question) \(part) \(column)")
                    compared += 1
                }
            }
        }
        #expect(compared > 1_000)
    }

    @Test(
        "have the equity that statsmodels finds in their rows, and hide what must be hidden",
        .enabled(if: Python.estimates, "\(Python.needed)"),
        arguments: [PublicSet.boston, .buenosAires])
    func equity(set: PublicSet) throws {
        let scratch = try Scratch()
        _ = try set.imported(to: scratch.log)
        let definitions = "\(Places.package)/Tools/definitions/\(set.mapping).yaml"
        func run(_ arguments: [String]) throws -> Run {
            let run = try Ascolto.run(
                arguments, log: scratch.log, environment: ["ASCOLTO_DEFINITIONS": definitions])
            try #require(run.end == .exit(0), "\(run.error)")
            return run
        }
        _ = try run(["project", "equity-and-access"])
        let counted = try Python.run("equity.py", [set.mapping] + set.paths)
        try #require(counted.end == .exit(0), "\(counted.error)")
        let expected = try counted.json()
        let groups = try run(["query", "equity-and-access", "groups"])
        let rows = try #require(try groups.json().elements)
            .filter { $0["kind"]?.text != "total" }
        let names = try #require(expected.members)
        #expect(rows.count == names.values.reduce(0) { $0 + ($1.members?.count ?? 0) })
        for row in rows {
            let part = row["kind"]?.text == "unknown" ? "" : row["part"]?.text ?? ""
            let attribute = row["attribute"]?.text ?? ""
            let figures = try #require(
                names[attribute]?[part]?.members, "\(attribute) has \(part)")
            for (column, value) in figures {
                if let number = value.number {
                    let difference = (row[column]?.number ?? .nan) - number
                    #expect(abs(difference) <= 1e-12, "\(attribute) \(part) \(column)")
                } else {
                    #expect(row[column] == value, "\(attribute) \(part) \(column)")
                }
            }
        }
        let release = try run(["query", "equity-and-access", "release"])
        let attacked = try Python.run("attack_release.py", input: .bytes(release.output))
        try #require(attacked.end == .exit(0), "\(attacked.error)")
        let report = try attacked.json()
        #expect(report["told"]?.elements?.isEmpty == true, "\(report)")
        // Boston has sources that are too small to be shown, Buenos Aires has no such group.
        let isHiding = (report["hidden"]?.integer ?? 0) >= 3
        #expect(isHiding == (set.mapping == PublicSet.boston.mapping), "\(report)")
        for row in try #require(try release.json().elements) {
            for column in ["units", "favourable"] {
                #expect(!(1..<10).contains(row[column]?.integer ?? 0), "\(row)")
            }
        }
    }

    @Test("of volume is imported in less than 200 MB of memory of its own")
    func memory() throws {
        let scratch = try Scratch()
        let peak = try PeakMemory(of: PublicSet.fines.start(to: scratch.log))
        #expect(peak.run.end == .exit(0), "\(peak.run.error)")
        #expect(peak.kilobytes > 1_000, "the memory could not be read")
        #expect(peak.kilobytes < 200_000)
        tell("peak RssAnon of importing \(PublicSet.fines.mapping): \(peak.kilobytes) kB")
    }
}

/// A public data set that lies beside the package, and the mapping that reads it.
struct PublicSet: Sendable, CustomTestStringConvertible {
    let mapping: String
    let files: [String]
    let rows: Int64

    static let boston = PublicSet(
        mapping: "boston-311", files: ["boston311_cases_2015-01_09.csv.gz"], rows: 93_963)
    static let buenosAires = PublicSet(
        mapping: "buenos-aires-147",
        files: ["ba147_contacts_2021-01-01_07.csv.gz", "ba147_contacts_2021-06-15_21.csv.gz"],
        rows: 9_557 + 9_302)
    static let incidents = PublicSet(
        mapping: "bpi-2013-incidents", files: ["bpic2013_volvo_incidents.csv.gz"], rows: 65_533)
    static let permits = PublicSet(
        mapping: "wabo-receipt", files: ["wabo_receipt_municipality.csv.gz"], rows: 8_577)
    static let fines = PublicSet(
        mapping: "traffic-fines", files: ["road_traffic_fines_it_police.csv.gz"], rows: 561_470)
    static let kansasCity = PublicSet(
        mapping: "kansas-city-survey", files: ["kcmo_resident_survey_311_2021-09.csv"], rows: 1_033)
    static let all = [boston, buenosAires, incidents, permits, fines, kansasCity]

    static let areThere = all.flatMap(\.paths).allSatisfy(FileManager.default.fileExists)
    static let needed: Comment = "needs the public data sets in $ASCOLTO_SHARED/data"

    var paths: [String] { files.map { "\(Places.shared)/data/\($0)" } }
    var testDescription: String { mapping }

    func start(to log: String) throws -> Program {
        try Ascolto.start(
            ["import", "csv", "--mapping", "\(Places.package)/Tools/mappings/\(mapping).yaml"]
                + paths, log: log)
    }

    /// Imports the set, and gives the report.
    func imported(to log: String) throws -> AnyJSON {
        let run = try start(to: log).finish(within: 600)
        try #require(run.end == .exit(0), "\(run.error)")
        return try run.json()
    }
}

/// A program that has run, and the most memory of its own that it was seen to have.
struct PeakMemory {
    let run: Run
    /// Anonymous memory only: pages of the mapped file are the system's to take back.
    let kilobytes: Int

    init(of running: Program) throws {
        var peak = 0
        try waitUntil("the program ends", within: 600) {
            peak = max(peak, running.residentKilobytes)
            return !running.isRunning
        }
        run = try running.finish(within: 60)
        kilobytes = peak
    }
}
