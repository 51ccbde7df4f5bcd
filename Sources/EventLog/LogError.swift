package enum LogError: Error, Sendable {
    case notImplemented
}
