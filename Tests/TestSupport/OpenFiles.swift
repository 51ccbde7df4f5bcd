internal import Foundation

/// What a process has open, by its descriptors: paths of files, and such as `socket:[NUMBER]`.
package func openFiles(of process: Int32 = getpid()) -> [Int32: String] {
    let folder = "/proc/\(process)/fd"
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var open: [Int32: String] = [:]
    for descriptor in descriptors.compactMap({ Int32($0) }) {
        // A descriptor may be closed before it is looked at.
        open[descriptor] = try? FileManager.default.destinationOfSymbolicLink(
            atPath: "\(folder)/\(descriptor)")
    }
    return open
}
