internal import Foundation

/// Something that did not come to pass in time.
package struct DidNotHappen: Error, CustomStringConvertible {
    package let what: String
    package let seconds: Double

    package var description: String { "\(what): not so within \(seconds) s" }
}

/// Blocks the thread until something holds.
///
/// - Parameters:
///   - what: What is waited for, in the words of who reads the error.
///   - seconds: How long; a wait without an end would hold up all tests behind it for ever.
///   - holds: Asked again and again, every few milliseconds.
/// - Throws: ``DidNotHappen``, or what the condition throws.
package func waitUntil(
    _ what: String, within seconds: Double = 60, _ holds: () throws -> Bool
) throws {
    let end = Date() + seconds
    while try !holds() {
        guard Date() < end else { throw DidNotHappen(what: what, seconds: seconds) }
        pause(0.005)
    }
}

/// Blocks the thread for so many seconds, whatever happens meanwhile.
package func pause(_ seconds: Double) { Thread.sleep(forTimeInterval: seconds) }
