/** Every limit with its unit and reason; relations are asserted at load. Settings that flags move: server/settings.ts. */
import { assert } from "./base/assert.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Limits that no flag moves. A value without a reason beside it is an estimate; the metric to watch is named. */
export const limits = {
  /** Nesting of JSON in an entry: deeper breaks recursive readers downstream. */
  jsonDepthMax: 32,
  /** Members of one entry's `fields`, nested ones not counted. */
  fieldCountMax: 1000,
  /** One entry as sent. */
  entrySizeBytesMax: 256 * KiB,
  /** A rendered message; longer ones are cut (templates rule 9). */
  messageSizeBytesMax: 64 * KiB,
  /** Nesting while rendering (templates rule 9). */
  renderDepthMax: 8,
  /** Parsed templates kept per worker; estimate, watch tailrace_shard_template_cache_misses_total. */
  templateCacheCountMax: 4096,
  /** Bytes of template text kept in that cache. */
  templateCacheSizeBytesMax: 8 * MiB,
  /** Bytes of template text that one overview of a session's templates tells apart. */
  templateSummarySizeBytesMax: 16 * MiB,
  /** Body after decompression; before it: settings.bodyLimit. */
  bodyInflatedSizeBytesMax: 64 * MiB,
  /** One encoded block; a batch is one block, so this also bounds what rendering may make of a batch. */
  blockSizeBytesMax: 160 * MiB,
  /** A block is closed at the next batch once its columns hold this much, so that readers need not load more. */
  blockTargetSizeBytes: 1 * MiB,
  /** Page of the intake slab: bodies up to a quarter of one share pages, larger ones take a run of them. */
  slabPageSizeBytes: 64 * KiB,
  /** Batches in one job; keeps the answer of a job, and the time the main thread spends on it, short. A desk holds two: 72 KiB. */
  jobBatchCountMax: 256,
  /** Bytes of bodies in one job, beyond the first batch. */
  jobSizeBytesMax: 8 * MiB,
  /** Batches waiting per shard; over it intake answers 429. */
  queueBatchCountMax: 16384,
  /** A job that runs longer is reported as stuck. */
  jobStuckAfterMs: 30_000,
  /** Deaths of a worker within `workerDeathWindowMs` after which its shard stays down. */
  workerDeathCountMax: 5,
  workerDeathWindowMs: 60_000,
  /** Entries of one session that the ring's index keeps (contract 9). */
  residentEntryCountMax: 10_000,
  /** Entries of a page. */
  pageEntryCountMax: 10_000,
  pageEntryCountDefault: 1000,
  /** Bytes of a page's entries; a page ends early over it. */
  pageSizeBytesMax: 32 * MiB,
  /** Memory of pages that is kept for the next ones: a full page of usual entries, and so many at once. */
  pageMemorySizeBytesMax: 4 * MiB,
  pageMemoryCountMax: 4,
  /** Pages made ahead that are kept at once, usually as large as such memory, and `pageSizeBytesMax` at most. */
  pageAheadCountMax: 4,
  /** So many of one reader, which different threads make at the same time. */
  pageAheadDepth: 2,
  /** A page made ahead is forgotten when nobody asked for it for so long: readers that go straight on ask within milliseconds. */
  pageAheadMsMax: 5000,
  /** Ends of pages that are remembered, about 100 bytes each: who asks for a page there goes straight on. */
  pageEndCountMax: 1024,
  /** Long poll. */
  waitMsMax: 30_000,
  /** Metadata of a session (contract 3). */
  metadataSizeBytesMax: 64 * KiB,
  /** Any text member of a session (appname, mode …). */
  sessionTextLengthMax: 256,
  /** Body of a control request (sessions, readers). */
  controlBodySizeBytesMax: 128 * KiB,
  /** Control requests being worked on at once; watch tailrace_control_waiting. */
  controlWaitingCountMax: 4096,
  /** Keys remembered per producer and session (contract 4), and producers per session. */
  idempotencyWindowCount: 4096,
  idempotencyProducerCountMax: 1024,
  /** Unacknowledged appends per WebSocket (contract 6: credits). */
  socketCreditCount: 256,
  /**
   * Bytes queued in a socket before its subscriptions wait for drain. A socket holds at most this and one delta; answers to
   * what the client itself sends may come on top, up to `socketAnswerBudgetBytes`.
   */
  socketSendBudgetBytes: 256 * KiB,
  /** A socket with more queued is closed (1013): its client asks and asks and does not read the answers. */
  socketAnswerBudgetBytes: 4 * MiB,
  /** One delta: entries and bytes; the entry that fills it may go beyond. */
  deltaEntryCountMax: 2000,
  deltaSizeBytesMax: 256 * KiB,
  /** Deltas kept for followers that are at the same cursor. */
  deltaCacheCountMax: 4096,
  deltaCacheSizeBytesMax: 16 * MiB,
  /** Templates of a session that are told apart; the rest is left out. */
  templateSummaryCountMax: 10_000,
  /** Columns of a timeline. */
  timelineBucketCountMax: 2000,
  /** Time one read may scan before it answers with what it has and `more`. */
  readMsMax: 10_000,
  /** Subscriptions per socket, and sockets, event streams and waiting reads in all, of each so many. */
  subscriptionCountMax: 1024,
  socketCountMax: 10_000,
  /** Subscriptions and streams in all: about half a KiB each. */
  followerCountMax: 100_000,
  /** Sessions feeds per socket, one for each status and some to spare, and in all. */
  socketFeedCountMax: 8,
  feedCountMax: 256,
  /** What an append's WebSocket message may hold beside a body: names, key, punctuation. */
  socketEnvelopeSizeBytes: 64 * KiB,
  /** Beats of subscriptions and pings of sockets; proxies cut what is silent for 30 s or more. */
  socketHeartbeatMs: 15_000,
  /** How often subscriptions are told of a cursor that moved past entries which their filter does not choose. */
  cursorIntervalMs: 1000,
  /** A socket or stream that says nothing and takes nothing for so long is cut. A reader that does not read answers no ping. */
  socketIdleSeconds: 120,
  /** An event stream that is not read gets a byte so often, or the library would cut it after 10 s. */
  streamKeepAliveMs: 4000,
  /** Time that one turn of the event loop spends on deltas: so much later intake is looked at. */
  fanOutTurnMsMax: 4,
  /** Bytes of blocks that one filtered delta looks at on the main thread: a millisecond. Larger blocks go to a query thread. */
  fanOutScanSizeBytesMax: 1 * MiB,
  /** Reads for subscriptions that query threads have at once, and time of one: other reads get through between them. */
  followReadCountMax: 2,
  followReadMsMax: 100,
  /** Pause after a read for a subscription was refused. */
  followRetryMs: 250,
  /** Changes of one session on the sessions feed at most every so often (4 a second). */
  sessionFeedIntervalMs: 250,
  /** Snapshot of a feed; sessions beyond follow one by one. The default retention of 10,000 sessions fits. */
  feedSnapshotSizeBytesMax: 8 * MiB,
  /** Time per interval that the main thread spends on feeds. */
  feedTurnMsMax: 20,
  /** Distance of two points of a segment's sparse index: what a read at any cursor scans at most. */
  indexStepSizeBytes: 256 * KiB,
  /** Entries of an archived block before compression: larger ones compress little better and cost more to read a page of. */
  archiveBlockSizeBytes: 512 * KiB,
  /** Segment indexes that a query thread keeps, some KiB each; a read of another segment loads its sidecar again. */
  segmentIndexCountMax: 1024,
  /** Durable readers of one session. */
  readerCountMax: 256,
  readerAttemptCountMax: 5,
  leaseMsDefault: 30_000,
  leaseMsMax: 3_600_000,
  /** One post of our own log to another server (--forward). */
  forwardMsMax: 5000,
  /** Lines of our own log kept until our session can take them. */
  ownLogLineCountMax: 10_000,
  /** Lines of it that go at once, and the pause after they were not taken. */
  ownLogBatchLineCount: 1000,
  ownLogRetryMs: 1000,
  /** Segment files that one worker keeps open at most; fewer where `ulimit -n` is low. */
  descriptorCountMax: 4096,
  /** Threads that read files: one long search does not stop all other reads, and pages made ahead leave one free. */
  queryThreadCount: 3,
  /** Threads for archives, of which one runs at a time, and for removals, which then have the other. */
  backgroundThreadCount: 2,
  /** Query tasks waiting before reads answer 429; watch tailrace_queries_waiting. */
  queryWaitingCountMax: 4096,
  /** Free memory checks and disk checks. */
  diskCheckIntervalMs: 1000,
  /** A body that is still arriving keeps its slab pages for at most this long; uWS cuts slow ones before. */
  drainMsMax: 20_000,
} as const;

assert(limits.blockSizeBytesMax >= 2 * limits.bodyInflatedSizeBytesMax, "a block holds a body's text and fields");
assert(limits.messageSizeBytesMax <= limits.entrySizeBytesMax, "a rendered message is no larger than an entry");
assert(limits.deltaSizeBytesMax <= limits.socketSendBudgetBytes, "one delta fits the send budget");
assert(limits.blockTargetSizeBytes < limits.blockSizeBytesMax, "a block closes before its limit");
assert(limits.jobBatchCountMax <= limits.queueBatchCountMax, "a job fits the queue");
assert(limits.pageAheadDepth <= limits.pageAheadCountMax, "the pages of one reader are kept");
assert(limits.slabPageSizeBytes % 8 === 0, "slab pages are aligned");
