/// Every chunk, wait and cache of projecting has its limit here.
package enum ProjectionLimits {
    /// Events of one transaction: five blocks of the log, so that no block is decoded twice.
    package static let chunkEvents: UInt64 = 20_480
    /// How long a connection waits for another one's lock.
    static let busyTimeoutSeconds = 10.0
    /// How long a swap waits for the readers of the old file.
    static let swapWait: Duration = .seconds(10)
    /// How long a run that took in events waits for readers before it leaves the file as it is.
    static let settleWait: Duration = .seconds(1)
    /// How long one who keeps read models up waits for another who projects.
    static let projectorWait: Duration = .seconds(10)
    /// How long one who erases waits for readers, and for another who projects.
    package static let forgetWait: Duration = .seconds(10)
    static let forgetRetrySeconds = 0.1
    static let swapRetrySeconds = 0.02
    /// Memory for pages while a read model is built.
    static let buildCacheKiB = 32_768
    /// Bytes that are hashed at once.
    static let digestBufferBytes = 65_536
}
