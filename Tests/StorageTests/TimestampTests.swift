import Crypto
import Foundation
import OwnThread
import Storage
import TestSupport
import Testing

/// An exchange with an authority that OpenSSL played, among the vectors.
@Suite("Timestamps of an authority", .ownThread)
struct TimestampTests {
    private static let folder = "\(Places.shared)/vectors/generated"
    private static let arePresent = FileManager.default.fileExists(atPath: "\(folder)/resp.tsr")
    private static let absent: Comment = "needs vectors/generated in $ASCOLTO_SHARED"

    private static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
    }

    private static func roots(_ name: String = "ca.pem") throws -> Certificates {
        try Certificates(pem: bytes(name))
    }

    private static func request(nonce: UInt64? = nil) throws -> TimestampRequest {
        TimestampRequest(digest: Array(SHA256.hash(data: try bytes("cp.txt"))), nonce: nonce)
    }

    @Test("are asked for as OpenSSL asks", .enabled(if: arePresent, absent))
    func request() throws {
        let asked = try Self.bytes("req.tsq")
        let nonce = asked[58..<66].reduce(0) { $0 << 8 | UInt64($1) }
        #expect(try Self.request(nonce: nonce).bytes == asked)
    }

    @Test("are believed as of their moment", .enabled(if: arePresent, absent))
    func believed() throws {
        let stamp = try Timestamp(
            response: Self.bytes("resp.tsr"), to: Self.request(), trusting: Self.roots())
        let printed = try Program.run(
            "openssl", ["ts", "-reply", "-in", "\(Self.folder)/resp.tsr", "-text"]
        ).text
        #expect(printed.uppercased().contains("0X\(stamp.serial.uppercased())"), "\(printed)")
        let formatter = DateFormatter()
        formatter.dateFormat = "MMM d HH:mm:ss yyyy 'GMT'"
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        let moment = Date(timeIntervalSince1970: Double(stamp.microseconds / 1_000_000))
        #expect(printed.contains(formatter.string(from: moment)), "\(printed)")
    }

    @Test("are refused for other bytes, and under other roots", .enabled(if: arePresent, absent))
    func refused() throws {
        let (response, roots) = (try Self.bytes("resp.tsr"), try Self.roots())
        let other = TimestampRequest(digest: [UInt8](repeating: 7, count: 32), nonce: nil)
        #expect(throws: TimestampError.self) {
            try Timestamp(response: response, to: other, trusting: roots)
        }
        #expect(throws: TimestampError.self) {
            try Timestamp(response: response, to: Self.request(nonce: 1), trusting: roots)
        }
        #expect(throws: TimestampError.noCertificates) {
            try Certificates(pem: [])
        }
        // Who is trusted directly needs nobody who vouches for them.
        _ = try Timestamp(response: response, to: Self.request(), trusting: Self.roots("tsa.pem"))
        #expect(throws: TimestampError.notAResponse) {
            try Timestamp(response: response + [0], to: Self.request(), trusting: roots)
        }
        for count in 0..<response.count {
            #expect(throws: TimestampError.self, "the first \(count) bytes") {
                try Timestamp(
                    response: Array(response[..<count]), to: Self.request(), trusting: roots)
            }
        }
    }

    @Test("tell no other moment where a bit is another", .enabled(if: arePresent, absent))
    func altered() throws {
        let (response, roots) = (try Self.bytes("resp.tsr"), try Self.roots())
        let request = try Self.request()
        let stamp = try Timestamp(response: response, to: request, trusting: roots)
        var believed = 0
        for index in response.indices {
            var changed = response
            changed[index] ^= 1 << (index % 8)
            guard let other = try? Timestamp(response: changed, to: request, trusting: roots)
            else { continue }
            #expect(other == stamp, "byte \(index)")
            believed += 1
        }
        // The bytes of certificates that are not signed over, such as how a length is written.
        #expect(believed * 10 < response.count)
    }
}
