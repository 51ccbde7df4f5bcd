internal import HTTPTypes
internal import Synchronization

/// How much of bodies is held at a time, over all requests.
///
/// Each is bounded by itself; but as many could come at once as there are connections.
final class HeldBodies: Sendable {
    private let bytes = Atomic(0)

    /// The part of one request, which is given back when nobody holds it any more.
    final class Share {
        private let whole: HeldBodies
        private var bytes = 0

        fileprivate init(of whole: HeldBodies) { self.whole = whole }

        deinit { whole.bytes.wrappingSubtract(bytes, ordering: .relaxed) }

        /// Makes it so many bytes, where all shares together leave room for them; without room only
        /// the first few are granted, so that small requests go on.
        func resize(to bytes: Int) throws(Problem) {
            let more = bytes - self.bytes
            let held = whole.bytes.wrappingAdd(more, ordering: .relaxed).newValue
            self.bytes = bytes
            guard more <= 0 || held <= ServerLimits.heldBytesMax || bytes <= Share.free else {
                throw Problem(
                    .serviceUnavailable, .overloaded,
                    "the bodies of other requests fill the memory for them; come again later"
                ).retryable()
            }
        }

        private static let free = ServerLimits.smallBodyBytes
    }

    func share() -> Share { Share(of: self) }
}
