internal import Foundation

/// By how much to multiply rounds, for those who look for trouble and have the time.
package let patience =
    ProcessInfo.processInfo.environment["ASCOLTO_FAULT_PATIENCE"].flatMap { Int($0) } ?? 1
