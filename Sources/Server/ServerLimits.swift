/// Every size, time and number of the server has its limit here.
package enum ServerLimits {
    /// Bytes of a request's fields together.
    package static let headerBytesMax = 16 << 10
    package static let headerFieldsMax = 100
    /// Bytes of path and query.
    package static let targetBytesMax = 8 << 10
    /// Bytes of one event as JSON: 1 MiB of data in base64, and its envelope.
    package static let eventBytesMax = 2 << 20
    /// Bytes of a batch, which is one append.
    package static let batchBytesMax = 32 << 20
    /// Bytes of all bodies that are held at a time; reading them takes up to four times as many.
    package static let heldBytesMax = 64 << 20
    /// Bodies of so few bytes are taken however much is held.
    package static let smallBodyBytes = 16 << 10
    /// Events and bytes of a stream of lines that are handed to the log together.
    package static let chunkEventsMax = 1_024
    package static let chunkBytesMax = 4 << 20
    /// Refused lines that an answer lists; the others are counted.
    package static let refusalsListedMax = 100
    /// Kinds of denials and looks that wait to be recorded; those of further clients are counted
    /// together.
    package static let journalEntriesMax = 1_000
    package static let journalInterval: Duration = .seconds(10)
    /// Shorter answers are not compressed.
    package static let compressedBytesMin = 1 << 10
    package static let sqlBytesMax = 64 << 10
    /// How long a request may take to arrive, or in a stream of lines its next part.
    package static let requestPatience: Duration = .seconds(30)
    /// How long a connection may be silent between two requests.
    package static let idlePatience: Duration = .seconds(75)
    /// How long nothing at all may move on a connection; longer than it may be idle, and than the
    /// heartbeats of subscriptions are apart.
    package static let silencePatience: Duration = .seconds(90)
    /// How long a reader may leave what was sent unread; who takes so many bytes has as long again.
    package static let unreadPatience: Duration = .seconds(60)
    package static let readBytesMin = 16 << 10
    /// Bytes that the system takes for a connection beyond those that are on their way.
    package static let unsentBytesMax = 32 << 10
    /// How often a connection is looked at for these.
    package static let watchInterval: Duration = .seconds(5)
    /// Parts of requests, and their bytes, that wait behind the one that is being answered.
    package static let heldPartsMax = 64
    package static let heldPartsBytesMax = 256 << 10
    /// Connections that the system keeps until they are taken up.
    package static let backlog = 1_024
    package static let connectionsMax = 8_192
    /// After how much time one who has been refused for want of room may come again.
    package static let retryAfter: Duration = .seconds(1)
    /// How long requests may go on once the server is to end.
    package static let drainPatience: Duration = .seconds(30)
    /// How long `/readyz` tells of what hindered an append, such as a full disk.
    package static let passingTroubleMicroseconds: Int64 = 10_000_000
    /// Threads that read the log.
    package static let readThreads = 4
    /// Threads that ask read models, and how many queries may wait for them.
    package static let queryThreads = 2
    package static let queriesWaitingMax = 4
    /// Events that one who seeks some of them looks at before others have their turn.
    package static let turnEvents: UInt64 = 1 << 18
    /// Bytes of lines that are written at once.
    package static let pageBytes = 256 << 10
    /// The same where a whole block is at hand, of which a full one has some two million.
    package static let blockPageBytes = 2 << 20
    /// Rows of a read model that one answer has where no other limit is asked for, and at most.
    package static let rowsDefault = 1_000
    package static let rowsMax = 100_000
    /// Streams of one answer, also where no other limit is asked for.
    package static let streamsMax = 1_000
    /// Bytes of texts in rows, after which no more of them are taken.
    package static let rowBytesMax = 4 << 20
    /// Bytes of one value of a query, also of those that it makes on its way.
    package static let valueBytesMax = 4 << 20
    /// Bytes that SQLite may hold for all queries and for bringing read models up to date.
    package static let sqliteBytesMax = 128 << 20
    /// How long a query of a read model may take.
    package static let queryPatience: Duration = .seconds(10)
    /// How long a silent subscription waits before it says that it is alive.
    package static let heartbeatInterval: Duration = .seconds(15)
    /// Subscriptions at a time.
    package static let subscribersMax = 4_096
    /// How much later than the commit a subscriber is told, for each subscriber there is: many are
    /// told of many events at once.
    package static let pulsePerSubscriber: Duration = .microseconds(50)
    package static let pulseMax: Duration = .milliseconds(100)
    /// Reads of one pulse that subscribers share, each of up to 4 MiB of events.
    package static let sharedReadsMax = 16
    /// Persons whom a run of retention erases before others have their turn.
    package static let retentionTurn = 50
    /// How long who erases waits for what is derived to be made anew.
    package static let forgetPatience: Duration = .seconds(15)
    /// How long a start, or a request, waits for the root of the vault's keys.
    package static let rootPatience: Duration = .seconds(2)
    /// How long the root is left alone when it does not answer.
    package static let rootPauseMax: Duration = .seconds(15)
    /// How often a vault is looked for where there is none yet.
    package static let vaultInterval: Duration = .seconds(1)
    /// Bytes of a body that tells of a subject.
    package static let subjectBodyBytesMax = 16 << 10
    /// Events of a subject in one answer, also where no other limit is asked for.
    package static let subjectEventsMax = 1_000
    /// How often read models are brought up to date while events come.
    package static let projectInterval: Duration = .seconds(1)
}
