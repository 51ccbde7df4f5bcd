/// Every queue, batch and value of the log has its limit here.
package enum LogLimits {
    package static let appendEventsMax = 10_000
    package static let appendBytesMax = 16 << 20
    /// Bytes that may wait for the writer; further appends wait outside, and then are refused.
    package static let waitingBytesMax = 64 << 20
    /// How long an append waits for room in the queue before it is answered "overloaded".
    package static let overloadPatience: Duration = .seconds(5)
    package static let overloadPause: Duration = .milliseconds(2)
    /// How long a commit waits for as many appends as the one before it had.
    package static let gatherMicroseconds = 300
    /// How many of them the writer takes at a time, and sequences while the others come.
    package static let gatherPortion = 16
    /// How long the writer looks for the next append before it sleeps, while they come as fast.
    package static let lingerMicroseconds = 100
    /// Bytes that one commit takes from the queue.
    package static let commitBytesMax = 32 << 20
    package static let blockEventsMax = 4_096
    /// Events of one sub-frame, which is also the width of one Merkle tile.
    package static let subframeEvents = 256
    /// Envelopes and payloads of one block after decoding.
    package static let blockBytesMax = 8 << 20
    /// Lines of one commit that take more are compressed in the tail.
    package static let tailPlainBytesMax = 32 << 10
    /// Longer data become a value of their own.
    package static let inlineDataBytesMax = 16 << 10
    /// What is to be left on the disk besides, where something is done that can wait.
    package static let spareRoomBytes = 4 << 20
    /// How long it then waits before it looks for room again.
    package static let roomMicroseconds: Int64 = 5_000_000
    /// Bytes of a run for each event, roughly, as the pages of merged runs show.
    package static let runBytesPerEvent = 64
    /// How far the wall clock may run ahead of monotonic progress before appends are refused.
    package static let clockJumpMax: Duration = .seconds(600)
    /// A commit that comes later than this after the last sync of the head file syncs it.
    package static let headFileSyncMicroseconds: Int64 = 1_000_000
    /// What the writer remembers of states of streams under rules, enough for about 60,000.
    package static let judgedStreamsBytesMax = 16 << 20
    /// Streams whose last revision the writer remembers.
    package static let rememberedStreamsMax = 65_536
    /// Memory of the writer for the filters of runs, enough for about 22 million events.
    package static let runFilterBytesMax = 64 << 20
    /// Bytes of lines that are handed on at once.
    package static let linesBytes = 256 << 10
    /// How long an event may wait for a checkpoint that covers it, while there is a signing key.
    package static let signingInterval: Duration = .seconds(1)
    /// Leaf hashes that proofs of an open log keep, those of 512 units.
    package static let leafHashesBytesMax = 4 << 20
    /// Events and bytes that a reader takes out of one snapshot before it opens the next.
    package static let readBatchEventsMax = 4_096
    package static let readBatchBytesMax = 4 << 20
    /// Decoded sub-frames, of about 30 kB, that an open log keeps for point and stream reads.
    ///
    /// More of them would be met again by few, and until the room is full each costs fresh memory.
    package static let blockCacheBytesMax = 16 << 20
    /// Units of the segments in which a replay on several cores takes the log in.
    package static let segmentUnits: UInt64 = 256
    /// Pieces of up to 4,096 events, and stored bytes of them, that a check looks at together.
    package static let checkPieces = 64
    package static let checkBytes = 32 << 20
    /// Readers of one environment, over all processes.
    package static let readersMax = 126
    /// How long a compaction or a restore waits for other processes to close the log.
    package static let exclusiveUsePatience: Duration = .seconds(10)
    /// How often one who only reads looks whether another process has appended.
    package static let pollInterval: Duration = .milliseconds(20)
    /// Positions that a subscription examines at most before it tells how far it is.
    package static let examinedPositionsMax: UInt64 = 1 << 18
    package static let cursorNameBytesMax = 64
    /// Parsed events of the tail that readers of one log keep for the next reads.
    package static let recentEventsBytesMax = 16 << 20
    /// What readers of one log keep of where they found streams, enough for about 50,000.
    package static let foundStreamsBytesMax = 8 << 20
    /// Filters of runs that readers of one log keep, enough for about five million streams.
    package static let streamFiltersBytesMax = 8 << 20
    /// Units that no run covers yet and whose streams readers of one log keep.
    package static let unindexedUnitsMax = 256
}
