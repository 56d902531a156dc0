/**
 * One job of a shard, top to bottom: decode and render every batch of a session into columns, encode them as one block,
 * append the block to the session's file and the ring, report what to publish. Runs in a pool thread, or inline in tests.
 */
import { createHash } from "node:crypto";
import { assert, must } from "../base/assert.ts";
import type { AnyBytes, OwnedBytes, SharedBytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { type SessionId, tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import {
  bodyEncoding,
  itemAt,
  itemKind,
  itemWordCount,
  type Job,
  type JobCost,
  type JobResult,
  outcomeStatus,
} from "../handoff/job.ts";
import type { RingWriter } from "../handoff/ring.ts";
import type { BatchKey } from "../record/block.ts";
import { EntryColumns } from "../record/columns.hot.ts";
import { encodeBlock, encodedSizeBytes } from "../record/encode.hot.ts";
import { Renderer } from "../record/render.hot.ts";
import { TimeReader } from "../record/time.hot.ts";
import { isFailure } from "../storage/failure.ts";
import type { KeyWindow } from "../storage/key-window.ts";
import { encodeKeys } from "../storage/keys.ts";
import type { SegmentWriter } from "../storage/segment-writer.ts";
import type { SegmentInfo, SessionRecord, SessionTail, StorageFailure } from "../storage/types.ts";
import { decode } from "../wire/decode.ts";
import { type DecodeContext, type DecodeLimits, decodeLimitsDefault } from "../wire/decode-context.ts";
import { inflate } from "../wire/inflate.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { ResultWriter } from "./result.ts";

export type IngestJob = Job<SessionTail, SegmentInfo>;
export type IngestResult = JobResult<Refusal>;

/** What a job does to a session beyond appending; storage behind an interface, so that tests can run inline. */
export interface SessionFiles {
  writeRecord(record: SessionRecord): StorageFailure | undefined;
  /** Durable when it returns. */
  writeReaders(id: SessionId, readers: unknown): StorageFailure | undefined;
  /** Keys of the session's stored batches, rebuilt from its segments. */
  loadKeys(id: SessionId, segments: readonly SegmentInfo[]): KeyWindow | StorageFailure;
}

export interface IngestOptions {
  readonly slab: SharedBytes;
  readonly ring: RingWriter;
  readonly writer: SegmentWriter;
  readonly files: SessionFiles;
  readonly clock: Clock;
  /** Absent: the defaults. */
  readonly limits?: DecodeLimits;
  /** Called between the stages of the block being made; tests let the thread die there. */
  readonly onStage?: (stage: "encoded" | "appended", columns: EntryColumns, attempt: number) => void;
}

interface SlotState {
  readonly id: SessionId;
  /** Seq of the newest entry. */
  head: number;
  /** As this worker left them. */
  readonly segments: SegmentInfo[];
  /** Loaded at the first keyed batch. */
  keys: KeyWindow | undefined;
}

/** A batch that was decoded into the columns and waits for its block to be written. */
interface PendingBatch {
  readonly item: number;
  readonly count: number;
  readonly key: { producer: string; sequence: bigint; bodyHash: string } | undefined;
}

const noBytes = new Uint8Array(0);
/** Holds every block of batches that are not very large. */
const scratchSizeBytes = 8 * limits.blockTargetSizeBytes;

export class Ingest {
  readonly #options: IngestOptions;
  readonly #slots = new Map<number, SlotState>();
  readonly #columns = new EntryColumns();
  readonly #renderer = new Renderer();
  readonly #time = new TimeReader();
  readonly #context: DecodeContext;
  /** Where blocks are encoded. */
  #scratch: OwnedBytes = new Uint8Array(0);
  #pending: PendingBatch[] = [];
  /** `producer:sequence` of the pending batches that carry a key. */
  readonly #pendingKeys = new Set<string>();
  /** Entries of the batch that was decoded last. */
  #decodedCount = 0;
  #attempt = 1;
  /** The body at hand is [bodyStart, bodyEnd) of it. */
  #body: AnyBytes = noBytes;
  #bodyStart = 0;
  #bodyEnd = 0;
  /** Bodies inflated since whoever runs the jobs set it to 0. */
  inflationCount = 0;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#context = { receivedLow: 0, receivedHigh: 0, renderer: this.#renderer, limits: options.limits ?? decodeLimitsDefault };
  }

  /** Whether the slot was adopted. */
  knows(slot: number): boolean {
    return this.#slots.has(slot);
  }

  /** Returns the id of a slot that was adopted. */
  idOf(slot: number): SessionId {
    return must(this.#slots.get(slot), "a job names adopted sessions only").id;
  }

  /** Does every item of `job`. Items of one session keep their order; sessions go one after the other. */
  run(job: IngestJob): IngestResult {
    const startedMs = this.#options.clock.monotonicMs();
    const rendered = { ...this.#renderer.counters };
    for (const { slot, id, tail, segments } of job.adoptions) {
      const sessionId = must(tryParseSessionId(id), "the main thread sends valid ids");
      this.#slots.set(slot, { id: sessionId, head: tail.head, segments: [...segments], keys: undefined });
      this.#options.writer.adopt(sessionId, tail);
    }
    this.#attempt = job.attempt;
    this.#options.ring.enter({ position: job.ringPosition, limit: job.ringLimit });
    const result = new ResultWriter(job);
    for (const [slot, items] of groupBySlot(job)) this.#runSession(job, slot, items, result);
    // An inflated body may be large.
    this.#body = noBytes;
    return result.finish(this.#costSince(startedMs, rendered));
  }

  #costSince(startedMs: number, before: Renderer["counters"]): JobCost {
    const { malformed, cacheMisses, truncated } = this.#renderer.counters;
    return {
      busyMs: this.#options.clock.monotonicMs() - startedMs,
      malformedCount: malformed - before.malformed,
      cacheMissCount: cacheMisses - before.cacheMisses,
      truncatedCount: truncated - before.truncated,
    };
  }

  #runSession(job: IngestJob, slot: number, items: readonly number[], result: ResultWriter): void {
    const state = must(this.#slots.get(slot), "a job names adopted sessions only");
    this.#reset();
    for (const item of items) {
      if (job.items[item * itemWordCount + itemAt.kind] === itemKind.append) this.#decodeBatch(job, item, slot, state, result);
      else {
        this.#writeBlock(slot, state, result);
        this.#control(job, item, slot, state, result);
      }
      if (this.#columns.text.length + this.#columns.fields.length >= limits.blockTargetSizeBytes)
        this.#writeBlock(slot, state, result);
    }
    this.#writeBlock(slot, state, result);
  }

  /** decode and render: adds one batch to the columns, or refuses it and leaves no trace of it. */
  #decodeBatch(job: IngestJob, item: number, slot: number, state: SlotState, result: ResultWriter): void {
    const unreadable = this.#openBody(job, item);
    if (unreadable !== undefined) return result.refuse(item, unreadable);
    const keyIndex = job.items[item * itemWordCount + itemAt.extra] as number;
    // Looking for member -1 of an array is slow.
    const keyText = keyIndex < 0 ? undefined : job.keys[keyIndex];
    const key = keyText === undefined ? undefined : keyOf(keyText, this.#body.subarray(this.#bodyStart, this.#bodyEnd));
    if (keyText !== undefined && key !== undefined) {
      // The same key twice in one job: the first must be in the window before the second is looked up.
      if (this.#pendingKeys.has(keyText)) this.#writeBlock(slot, state, result);
      if (this.#answeredBefore(item, state, key, result)) return;
    }
    let refusal = this.#decodeInto(job, item);
    if (refusal?.code === "payload_too_large" && this.#pending.length > 0) {
      // It may only be too large beside the batches before it: once more, in a block of its own.
      this.#writeBlock(slot, state, result);
      refusal = this.#decodeInto(job, item);
    }
    if (refusal !== undefined) return result.refuse(item, refusal);
    this.#pending.push({ item, count: this.#decodedCount, key });
    if (keyText !== undefined) this.#pendingKeys.add(keyText);
  }

  #decodeInto(job: IngestJob, item: number): Refusal | undefined {
    const row = item * itemWordCount;
    const mark = this.#columns.mark();
    const isTime = this.#time.readMilliseconds(job.items[row + itemAt.receivedMs] as number);
    assert(isTime, "the receive time is a time");
    this.#context.receivedLow = this.#time.low;
    this.#context.receivedHigh = this.#time.high;
    const kind = job.items[row + itemAt.bodyKind] as number;
    let refusal = decode(kind, this.#body, this.#bodyStart, this.#bodyEnd, this.#context, this.#columns);
    if (refusal === undefined && encodedSizeBytes(this.#columns, 0) > limits.blockSizeBytesMax) {
      refusal = refuse(
        "payload_too_large",
        `The rendered batch is over ${limits.blockSizeBytesMax} bytes: send smaller batches.`,
        {
          limit: limits.blockSizeBytesMax,
        },
      );
    }
    if (refusal !== undefined) {
      this.#columns.rollback(mark);
      this.#renderer.beginBlock();
    }
    this.#decodedCount = this.#columns.count - mark.count;
    return refusal;
  }

  /** Finds the body of an item, or says why it can't be inflated. */
  #openBody(job: IngestJob, item: number): Refusal | undefined {
    const { slab } = this.#options;
    const row = item * itemWordCount;
    const offset = job.items[row + itemAt.offset] as number;
    const end = offset + (job.items[row + itemAt.sizeBytes] as number);
    assert(end <= slab.length, "a body lies in the slab");
    const encoding = job.items[row + itemAt.encoding] as number;
    if (encoding === bodyEncoding.identity) {
      this.#body = slab;
      this.#bodyStart = offset;
      this.#bodyEnd = end;
      return undefined;
    }
    this.inflationCount++;
    const name = encoding === bodyEncoding.gzip ? "gzip" : "lz4";
    const inflated = inflate(name, slab, offset, end, this.#context.limits.bodyInflatedSizeBytesMax);
    if ("code" in inflated) return inflated;
    this.#body = inflated;
    this.#bodyStart = 0;
    this.#bodyEnd = inflated.length;
    return undefined;
  }

  /** Answers a batch whose key is in the window. */
  #answeredBefore(item: number, state: SlotState, key: NonNullable<PendingBatch["key"]>, result: ResultWriter): boolean {
    if (state.keys === undefined) {
      const loaded = this.#options.files.loadKeys(state.id, state.segments);
      if (isFailure(loaded)) {
        result.refuse(item, refusalOf(loaded));
        return true;
      }
      state.keys = loaded;
    }
    const found = state.keys.lookup(key.producer, key.sequence, key.bodyHash);
    if (found.kind === "new") return false;
    if (found.kind === "duplicate") result.outcome(item, outcomeStatus.duplicate, found.first, found.count);
    else result.refuse(item, refuse("idempotency_mismatch", keyMessages[found.kind]));
    return true;
  }

  /** encode and append: makes one block of what is pending and reports it, or refuses all of it. */
  #writeBlock(slot: number, state: SlotState, result: ResultWriter): void {
    if (this.#pending.length === 0) return;
    if (this.#columns.count === 0) {
      const { head } = state;
      for (const batch of this.#pending) result.outcome(batch.item, outcomeStatus.stored, head + 1, 0);
      return this.#reset();
    }
    const failure = this.#encodeAndAppend(slot, state, result);
    if (failure !== undefined) for (const batch of this.#pending) result.refuse(batch.item, refusalOf(failure));
    this.#reset();
  }

  #encodeAndAppend(slot: number, state: SlotState, result: ResultWriter): StorageFailure | undefined {
    const { writer, ring, onStage } = this.#options;
    const { head } = state;
    const keys = this.#keysOfPending(head + 1);
    const keyBytes = keys.length > 0 ? encodeKeys(keys) : noBytes;
    const sizeBytesMax = encodedSizeBytes(this.#columns, keyBytes.length);
    const begun = writer.begin(state.id, sizeBytesMax);
    if (isFailure(begun)) return begun;
    // Made in private memory, where copies off alignment and the checksum are several times faster than in the ring.
    const target = this.#scratchOf(sizeBytesMax);
    const sizeBytes = encodeBlock(this.#columns, begun, keyBytes, target, 0);
    assert(sizeBytes <= sizeBytesMax, "a block keeps to its announced size");
    const block = target.subarray(0, sizeBytes);
    onStage?.("encoded", this.#columns, this.#attempt);
    const appended = writer.append(state.id, block, this.#columns.count);
    if (isFailure(appended)) return appended;
    onStage?.("appended", this.#columns, this.#attempt);
    state.head = appended.tail.head;
    keepSegment(state.segments, appended.segment);
    const position = ring.put(block);
    result.block(slot, position, sizeBytes, head + 1, this.#columns.count, appended.tail);
    let first = head + 1;
    for (const batch of this.#pending) {
      result.outcome(batch.item, outcomeStatus.stored, first, batch.count);
      first += batch.count;
    }
    for (const key of keys) must(state.keys, "keyed batches loaded the window").add(key);
    return undefined;
  }

  /** An empty batch is not remembered: doing it again changes nothing. */
  #keysOfPending(firstSeq: number): BatchKey[] {
    const keys: BatchKey[] = [];
    let first = firstSeq;
    for (const { key, count } of this.#pending) {
      if (key !== undefined && count > 0) keys.push({ ...key, first, count });
      first += count;
    }
    return keys;
  }

  #control(job: IngestJob, item: number, slot: number, state: SlotState, result: ResultWriter): void {
    const row = item * itemWordCount;
    const { files, writer } = this.#options;
    let failure: StorageFailure | undefined;
    const kind = job.items[row + itemAt.kind] as number;
    const document = job.documents[job.items[row + itemAt.extra] as number];
    if (kind === itemKind.record) failure = files.writeRecord(document as SessionRecord);
    else if (kind === itemKind.readers) failure = files.writeReaders(state.id, document);
    else {
      // The files change hands: the next job that names the session adopts it again.
      assert(kind === itemKind.release, "there is no other kind of item");
      writer.forget(state.id);
      this.#slots.delete(slot);
    }
    if (failure === undefined) result.outcome(item, outcomeStatus.stored, 0, 0);
    else result.refuse(item, refusalOf(failure));
  }

  #reset(): void {
    this.#pending = [];
    if (this.#pendingKeys.size > 0) this.#pendingKeys.clear();
    this.#columns.clear();
    this.#renderer.beginBlock();
  }

  #scratchOf(sizeBytes: number): OwnedBytes {
    const isTooSmall = this.#scratch.length < sizeBytes;
    // Blocks are mostly small: room for a large one is let go at the next block that does not need it.
    if (isTooSmall || (this.#scratch.length > scratchSizeBytes && sizeBytes <= scratchSizeBytes))
      this.#scratch = new Uint8Array(Math.max(sizeBytes, scratchSizeBytes));
    return this.#scratch;
  }
}

const keyMessages = {
  mismatch: "This Idempotency-Key was used for another body: use the next sequence number for a new batch.",
  old: "This Idempotency-Key is older than the window that is remembered: it can't be told whether it was stored.",
} as const;

/** @param text `producer:sequence`, as intake found it good. */
function keyOf(text: string, body: AnyBytes): NonNullable<PendingBatch["key"]> {
  const [producer, sequence] = text.split(":");
  return {
    producer: must(producer, "a key has a producer"),
    sequence: BigInt(must(sequence, "a key has a sequence")),
    bodyHash: createHash("sha256").update(body).digest("hex").slice(0, 32),
  };
}

/** Keeps what an append made of a segment, the last one of the list or a new one. */
function keepSegment(segments: SegmentInfo[], grown: SegmentInfo): void {
  const last = segments.length - 1;
  if (last >= 0 && segments[last]?.firstSeq === grown.firstSeq) segments[last] = grown;
  else segments.push(grown);
}

function groupBySlot(job: IngestJob): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  let slot = -1;
  let group: number[] = [];
  for (let item = 0; item < job.itemCount; item++) {
    const next = job.items[item * itemWordCount + itemAt.slot] as number;
    if (next !== slot) {
      slot = next;
      group = groups.get(slot) ?? [];
      if (group.length === 0) groups.set(slot, group);
    }
    group.push(item);
  }
  return groups;
}

/** Puts a failure of the machine in the words of the contract. */
export function refusalOf(failure: StorageFailure): Refusal {
  return refuse(
    "storage_unavailable",
    `The session's file could not be written (${failure.code}): nothing was stored, try again.`,
    {
      retryAfterSeconds: 1,
    },
  );
}
