internal import Dispatch
internal import Foundation

/// SIGINT and SIGTERM cancel the work, which then ends as it should.
///
/// One that comes a second later kills, for the case that nobody takes the lines. Not one that
/// comes at once: `timeout` signals the process and then its group, and means the same by both.
func endings(of work: Task<some Sendable, any Error>) -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler {
            work.cancel()
            DispatchQueue.global().asyncAfter(deadline: .now() + 1) {
                signal(number, SIG_DFL)
            }
        }
        source.resume()
        return source
    }
}
