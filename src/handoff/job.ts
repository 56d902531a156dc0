/**
 * What the main thread and an ingest worker say to each other about a job: rows of numbers, which lie in shared memory (see
 * job-desk), and rare things (new sessions, keys, records, refusals) beside them as objects.
 */

/** What an item of a job asks for. */
export const itemKind = { append: 0, record: 1, readers: 2, release: 3 } as const;

/** Words of an item in `JobRows.items`. */
export const itemAt = {
  kind: 0,
  /** The session's number, given by the main thread for as long as the process lives. */
  slot: 1,
  /** Body in the slab. */
  offset: 2,
  sizeBytes: 3,
  /** See wire/decode. */
  bodyKind: 4,
  /** See bodyEncoding. */
  encoding: 5,
  /** When the body was complete: milliseconds since the epoch; the time of entries that carry none. */
  receivedMs: 6,
  /** Index into `Job.keys` or `Job.documents`; -1: none. */
  extra: 7,
} as const;
export const itemWordCount = 8;

export const bodyEncoding = { identity: 0, gzip: 1, lz4: 2 } as const;

/** Words of an item's outcome in `JobRows.outcomes`. */
export const outcomeAt = {
  /** See outcomeStatus. */
  status: 0,
  /** First seq of the batch; head + 1 when it was empty. */
  first: 1,
  count: 2,
} as const;
export const outcomeWordCount = 3;
export const outcomeStatus = { stored: 0, duplicate: 1, refused: 2 } as const;

/** Words of a written block in `JobRows.blocks`. */
export const blockWordAt = {
  slot: 0,
  /** Position in the ring; -1: only in the file. */
  ringPosition: 1,
  sizeBytes: 2,
  firstSeq: 3,
  count: 4,
  /** The segment it went to, and that segment's size behind it. */
  segmentFirstSeq: 5,
  endPosition: 6,
} as const;
export const blockWordCount = 7;

/** A session that the worker has not met yet, or not since its predecessor died. */
export interface Adoption<Tail, Segment> {
  readonly slot: number;
  readonly id: string;
  readonly tail: Tail;
  /** Its segments, oldest first, as published. */
  readonly segments: readonly Segment[];
}

/** Where a job and what it did are written, at most `jobBatchCountMax` rows each. */
export interface JobRows {
  /** See itemAt. */
  readonly items: Float64Array;
  /** See outcomeAt: one for each item. */
  readonly outcomes: Float64Array;
  /** See blockWordAt: in the order in which they were written. */
  readonly blocks: Float64Array;
}

/** What does not fit rows: few jobs have any of it. */
export interface JobLetter<Tail, Segment> {
  readonly adoptions: readonly Adoption<Tail, Segment>[];
  /** `producer:sequence` of items that carry an idempotency key. */
  readonly keys: readonly string[];
  /** What small files of a session are to hold: its record, its readers. */
  readonly documents: readonly unknown[];
}

export interface Job<Tail, Segment> extends JobRows, JobLetter<Tail, Segment> {
  readonly number: number;
  /** 1, or 2 when a worker died in it before. */
  readonly attempt: number;
  readonly itemCount: number;
  readonly ringPosition: number;
  readonly ringLimit: number;
}

/** What a job cost and what stood out in it, for metrics. */
export interface JobCost {
  readonly busyMs: number;
  /** Templates that broke the grammar, that were parsed, messages that were cut. */
  readonly malformedCount: number;
  readonly cacheMissCount: number;
  readonly truncatedCount: number;
}

/** What a job did, beside its rows. */
export interface JobSummary {
  readonly blockCount: number;
  readonly cost: JobCost;
}

/** [item index, why] of refused items. */
export type ItemRefusals<Refusal> = readonly (readonly [number, Refusal])[];

export interface JobResult<Refusal> extends JobSummary {
  readonly refusals: ItemRefusals<Refusal>;
}

/** One end of the channel between the main thread and a worker. */
export type Port = InstanceType<typeof MessagePort>;

/** What an ingest thread is born with. */
export interface IngestWorkerData<DecodeLimits> {
  readonly desk: SharedArrayBuffer;
  readonly slab: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly dataDir: string;
  readonly segmentSizeBytes: number;
  readonly descriptorCountMax: number;
  readonly limits: DecodeLimits;
  readonly testHooks: boolean;
}

/** What a thread is given once, when it is to work at a desk. */
export interface Assignment {
  readonly port: Port;
  /** Jobs up to this number are not its own. */
  readonly after: number;
}

/** What the main thread sends through a worker's port. Behind it the bell of the desk is rung; for a letter its job does that. */
export type Order<Tail, Segment> =
  /** Goes with the next job on the desk. */
  | { readonly kind: "letter"; readonly letter: JobLetter<Tail, Segment> }
  /** Sync the files of these slots; one such order at a time. */
  | { readonly kind: "sync"; readonly slots: readonly number[] }
  /** Sync and close everything. */
  | { readonly kind: "stop" };

/** What a worker answers through its port. A number crosses threads at a fraction of what an object costs. */
export type Report<Refusal> = typeof noneRefused | JobReport<Refusal> | SyncReport<Refusal> | StopReport;
/** The job on the desk is done, and nothing in it was refused: so nearly all are. */
export const noneRefused = 0;
export interface JobReport<Refusal> {
  readonly kind: "done";
  readonly refusals: ItemRefusals<Refusal>;
}
export interface SyncReport<Refusal> {
  readonly kind: "synced";
  /** A refusal for each slot that could not be synced. Undefined: the worker does not know the files of one. */
  readonly refusals: ReadonlyMap<number, Refusal> | undefined;
}
/** The last one. */
export interface StopReport {
  readonly kind: "stopped";
  /** All that the thread wrote is durable. */
  readonly isDurable: boolean;
}
