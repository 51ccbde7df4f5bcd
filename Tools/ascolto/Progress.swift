internal import Foundation

/// A bar on standard error for work over a second; nothing where that is no terminal.
final class ProgressBar {
    private let title: String
    private let start = ContinuousClock.now
    private var shown = ContinuousClock.now
    private var isVisible = false
    private let isTerminal = isatty(2) == 1
    private static let width = 30

    init(_ title: String) { self.title = title }

    func update(done: Int, of total: Int?) {
        let now = ContinuousClock.now
        guard isTerminal, now - start > .seconds(1), now - shown > .milliseconds(100) else {
            return
        }
        shown = now
        isVisible = true
        guard let total, total > 0 else {
            return draw("\(title): \(done)")
        }
        let share = min(1, Double(done) / Double(total))
        let filled = Int(share * Double(Self.width))
        let bar =
            String(repeating: "█", count: filled)
            + String(repeating: "░", count: Self.width - filled)
        draw("\(title) \(bar) \(Int(share * 100)) %")
    }

    /// Takes the bar away.
    func finish() {
        if isVisible { draw("") }
    }

    private func draw(_ text: String) {
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }
}
