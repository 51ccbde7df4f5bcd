internal import JSON
internal import Storage
internal import Synchronization

/// The time of day as the Date field has it, written once a second.
final class HTTPDate: Sendable {
    private let written = Mutex((second: Int64.min, text: ""))

    var now: String {
        let second = SystemClock.wallMicroseconds() / 1_000_000
        return written.withLock { written in
            if written.second != second { written = (second, Self.text(second)) }
            return written.text
        }
    }

    /// A moment in the form of RFC 9110 section 5.6.7, as `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(_ second: Int64) -> String {
        let (days, inDay) = second.flooredDivision(by: 86_400)
        let date = CivilDate(daysSince1970: Int(days))
        let weekday = weekdays[Int((days + 4).flooredDivision(by: 7).remainder)]
        let (hour, minute) = (Int(inDay / 3_600), Int(inDay / 60 % 60))
        return "\(weekday), \(padded(date.day, to: 2)) \(months[date.month - 1]) "
            + "\(padded(date.year, to: 4)) \(padded(hour, to: 2)):\(padded(minute, to: 2)):"
            + "\(padded(Int(inDay % 60), to: 2)) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
