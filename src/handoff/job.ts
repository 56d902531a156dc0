/**
 * What the main thread and an ingest worker say to each other about a job: rows of numbers, so that a job of a thousand
 * batches is two typed arrays, and rare things (new sessions, keys, records, refusals) beside them as objects.
 */

/** What an item of a job asks for. */
export const itemKind = { append: 0, record: 1, readers: 2, release: 3 } as const;

/** Words of an item in `Job.items`. */
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

/** Words of an item's outcome in `JobResult.outcomes`. */
export const outcomeAt = {
  /** See outcomeStatus. */
  status: 0,
  /** First seq of the batch; head + 1 when it was empty. */
  first: 1,
  count: 2,
} as const;
export const outcomeWordCount = 3;
export const outcomeStatus = { stored: 0, duplicate: 1, refused: 2 } as const;

/** Words of a written block in `JobResult.blocks`. */
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

export interface Job<Tail, Segment> {
  readonly number: number;
  /** 1, or 2 when a worker died in it before. */
  readonly attempt: number;
  readonly items: Float64Array;
  readonly itemCount: number;
  readonly ringPosition: number;
  readonly ringLimit: number;
  readonly adoptions: readonly Adoption<Tail, Segment>[];
  /** `producer:sequence` of items that carry an idempotency key. */
  readonly keys: readonly string[];
  /** What small files of a session are to hold: its record, its readers. */
  readonly documents: readonly unknown[];
}

/** What a job cost and what stood out in it, for metrics. */
export interface JobCost {
  readonly busyMs: number;
  /** Templates that broke the grammar, that were parsed, messages that were cut. */
  readonly malformedCount: number;
  readonly cacheMissCount: number;
  readonly truncatedCount: number;
}

export interface JobResult<Refusal> {
  readonly outcomes: Float64Array;
  readonly blocks: Float64Array;
  readonly blockCount: number;
  /** [item index, why] of refused items. */
  readonly refusals: readonly (readonly [number, Refusal])[];
  readonly cost: JobCost;
}
