/**
 * A shard on the main thread: the queue of batches for one worker. One job is in flight; while it runs, arriving batches
 * collect and go together as the next job, so that an idle server answers at once and a busy one makes large jobs.
 */
import { assert, must } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { limits } from "../config.ts";
import {
  type Adoption,
  blockWordAt,
  blockWordCount,
  itemAt,
  itemKind,
  itemWordCount,
  type Job,
  type JobResult,
  type JobRows,
  outcomeAt,
  outcomeStatus,
  outcomeWordCount,
} from "../handoff/job.ts";
import { JobDesk, nextJobNumber } from "../handoff/job-desk.ts";
import { RingIndex } from "../handoff/ring.ts";
import { IntakeSlab } from "../handoff/slab.ts";
import type { SegmentInfo, SessionTail } from "../storage/types.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { GroupCommit } from "./group-commit.ts";
import type { ResidentBlock, Session } from "./session.ts";

/** One request's worth of work, from its complete arrival to its answer. */
export interface Batch {
  readonly kind: number;
  readonly session: Session;
  /** Body in the slab; its bytes are the shard's from `enqueue` on. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly bodyKind: number;
  readonly encoding: number;
  readonly receivedMs: number;
  /** `producer:sequence`, or "" for none. */
  readonly key: string;
  /** What a small file of the session is to hold; undefined: no file. */
  readonly document: unknown;
  /** Answer only when the file is synced. */
  readonly synced: boolean;
  /** Called once. `refusal` undefined: done. */
  settle(refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void;
}

/** What a shard needs of the pool: one call per job, rejected when the worker died in it. */
export interface ShardWorker {
  run(job: Job<SessionTail, SegmentInfo>): Promise<JobResult<Refusal>>;
  /** Syncs the files of these slots; the answer has a refusal for each that failed. */
  sync(slots: readonly number[]): Promise<ReadonlyMap<number, Refusal>>;
}

/** Told of what happens in a shard; must not throw. */
export interface ShardEvents {
  onPublished(sessions: ReadonlySet<Session>): void;
  onStorage(refusal: Refusal | undefined): void;
  onWorkerDied(shard: Shard, error: unknown): void;
  sessionOfSlot(slot: number): Session | undefined;
}

export interface ShardOptions {
  readonly index: number;
  readonly slabSizeBytes: number;
  readonly ringSizeBytes: number;
  readonly clock: Clock;
  readonly events: ShardEvents;
}

/** A job dies at most this often with its worker before its batches are refused: one of them may be the cause. */
const attemptCountMax = 2;

export class Shard {
  readonly index: number;
  readonly desk = new JobDesk();
  readonly slab: IntakeSlab;
  readonly ring: RingIndex;
  readonly #clock: Clock;
  readonly #events: ShardEvents;
  #worker: ShardWorker | undefined;
  #queue: Batch[] = [];
  #queueFrom = 0;
  #inFlight: readonly Batch[] = [];
  #inFlightSinceMs = 0;
  #dispatchPlanned = false;
  /** Grows with each worker: a session that an earlier one adopted must be adopted again. */
  generation = 0;
  #deathsMs: number[] = [];
  isDown = false;
  #isStopped = false;
  readonly #commit: GroupCommit;
  restartCount = 0;
  jobCount = 0;
  batchCount = 0;
  busyMs = 0;
  malformedTemplateCount = 0;
  templateCacheMissCount = 0;
  truncatedMessageCount = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: ShardOptions) {
    this.index = options.index;
    this.slab = new IntakeSlab(options.slabSizeBytes);
    this.ring = new RingIndex(options.ringSizeBytes);
    this.#clock = options.clock;
    this.#events = options.events;
    this.#commit = new GroupCommit({
      sync: (slots) => must(this.#worker, "a shard is connected before it works").sync(slots),
      settle: (batch, refusal, first, count, duplicate) => this.#settle(batch, refusal, first, count, duplicate),
      handOver: (session, done) => this.#handOver(session, done),
      onStorage: (refusal) => this.#events.onStorage(refusal),
      onIdle: () => this.#next(),
    });
  }

  connect(worker: ShardWorker): void {
    assert(this.#worker === undefined, "a shard has one worker");
    this.#worker = worker;
  }

  get queuedCount(): number {
    return this.#queue.length - this.#queueFrom;
  }

  get inFlightCount(): number {
    return this.#inFlight.length;
  }

  /** Age in ms of the oldest batch that waits or is worked on; 0 when there is none. */
  get oldestAgeMs(): number {
    const oldest = this.#inFlight[0] ?? this.#queue[this.#queueFrom];
    return oldest === undefined ? 0 : Math.max(0, this.#clock.nowMs() - oldest.receivedMs);
  }

  /** How long the running job takes already; 0 when none runs. */
  get jobAgeMs(): number {
    return this.#inFlight.length === 0 ? 0 : this.#clock.monotonicMs() - this.#inFlightSinceMs;
  }

  /** The running job takes longer than any should. */
  get isStuck(): boolean {
    return this.jobAgeMs >= limits.jobStuckAfterMs;
  }

  get isFull(): boolean {
    return this.queuedCount >= limits.queueBatchCountMax;
  }

  /** Takes a batch; its `settle` is called later, never from here, and in order for batches of one session. */
  enqueue(batch: Batch): void {
    batch.session.waitingCount++;
    this.#queue.push(batch);
    this.batchCount++;
    if (this.#inFlight.length === 0 && !this.#dispatchPlanned) {
      // One turn of the event loop collects what arrives with it: all sockets that are readable now.
      this.#dispatchPlanned = true;
      setImmediate(() => this.#dispatch());
    }
  }

  /** Refuses what is not running yet and all that comes: the worker is about to end. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when nothing is queued, running or waiting for a sync. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #isIdle(): boolean {
    return this.queuedCount === 0 && this.#inFlight.length === 0 && this.#commit.isIdle;
  }

  #dispatch(): void {
    this.#dispatchPlanned = false;
    if (this.#inFlight.length > 0 || this.queuedCount === 0) return;
    if (this.isDown) return this.#refuseAll(this.#takeBatches(), downRefusal);
    if (this.#isStopped) return this.#refuseAll(this.#takeBatches(), stoppedRefusal);
    const batches = this.#takeBatches();
    this.#inFlight = batches;
    this.#inFlightSinceMs = this.#clock.monotonicMs();
    this.#run(batches, 1);
  }

  #takeBatches(): Batch[] {
    let end = this.#queueFrom;
    let sizeBytes = 0;
    while (end < this.#queue.length && end - this.#queueFrom < limits.jobBatchCountMax) {
      sizeBytes += (this.#queue[end] as Batch).sizeBytes;
      if (sizeBytes > limits.jobSizeBytesMax && end > this.#queueFrom) break;
      end++;
    }
    const taken = this.#queue.slice(this.#queueFrom, end);
    this.#queueFrom = end;
    if (this.#queueFrom === this.#queue.length) {
      this.#queue = [];
      this.#queueFrom = 0;
    } else if (this.#queueFrom > limits.jobBatchCountMax) {
      this.#queue = this.#queue.slice(this.#queueFrom);
      this.#queueFrom = 0;
    }
    return taken;
  }

  #run(batches: readonly Batch[], attempt: number): void {
    const job = this.#jobOf(batches, attempt);
    this.jobCount++;
    must(this.#worker, "a shard is connected before it works")
      .run(job)
      .then(
        (result) => this.#finish(job, batches, result),
        (error: unknown) => this.#workerDied(batches, attempt, error),
      );
  }

  #jobOf(batches: readonly Batch[], attempt: number): Job<SessionTail, SegmentInfo> {
    const number = nextJobNumber(this.desk.posted);
    const rows = this.desk.rowsOf(number);
    const adoptions: Adoption<SessionTail, SegmentInfo>[] = [];
    const keys: string[] = [];
    const documents: unknown[] = [];
    let sizeBytes = 0;
    for (let index = 0; index < batches.length; index++) {
      const batch = batches[index] as Batch;
      const { session } = batch;
      if (session.adoptedGeneration !== this.generation) {
        session.adoptedGeneration = this.generation;
        const { slot, id, tail, segments } = session;
        adoptions.push({ slot, id, tail, segments });
      }
      let extra = -1;
      if (batch.key !== "") extra = keys.push(batch.key) - 1;
      else if (batch.document !== undefined) extra = documents.push(batch.document) - 1;
      if (batch.kind === itemKind.release) session.adoptedGeneration = -1;
      writeItem(rows.items, index * itemWordCount, batch, extra);
      sizeBytes += batch.sizeBytes;
    }
    const grant = this.ring.grant(sizeBytes * 2 + batches.length * 512 + 64 * 1024);
    const { items, outcomes, blocks } = rows;
    const { position: ringPosition, limit: ringLimit } = grant;
    // Spread out, literals are built member by member.
    return {
      number,
      attempt,
      itemCount: batches.length,
      ringPosition,
      ringLimit,
      items,
      outcomes,
      blocks,
      adoptions,
      keys,
      documents,
    };
  }

  /** publish, then answer: whoever has an answer finds the entries. The worker goes on while answers are written. */
  #finish({ outcomes, blocks }: JobRows, batches: readonly Batch[], result: JobResult<Refusal>): void {
    const { cost } = result;
    this.busyMs += cost.busyMs;
    this.malformedTemplateCount += cost.malformedCount;
    this.templateCacheMissCount += cost.cacheMissCount;
    this.truncatedMessageCount += cost.truncatedCount;
    this.#publish(blocks, result.blockCount);
    const refusals = result.refusals.length === 0 ? undefined : new Map(result.refusals);
    this.#inFlight = [];
    if (this.queuedCount > 0) this.#dispatch();
    let isStorageTrouble = false;
    for (let index = 0; index < batches.length; index++) {
      const batch = batches[index] as Batch;
      const row = index * outcomeWordCount;
      const status = outcomes[row + outcomeAt.status] as number;
      const first = outcomes[row + outcomeAt.first] as number;
      const count = outcomes[row + outcomeAt.count] as number;
      const refusal = refusals?.get(index);
      if (refusal?.code === "storage_unavailable") {
        isStorageTrouble = true;
        this.#events.onStorage(refusal);
      }
      if (batch.synced && refusal === undefined) this.#commit.add(batch, first, count, status === outcomeStatus.duplicate);
      else this.#settle(batch, refusal, first, count, status === outcomeStatus.duplicate);
    }
    if (!isStorageTrouble && result.blockCount > 0) this.#events.onStorage(undefined);
    this.#next();
  }

  #next(): void {
    if (this.queuedCount > 0) this.#dispatch();
    else if (this.#isIdle()) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #publish(blocks: Float64Array, blockCount: number): void {
    if (blockCount === 0) return;
    const changed = new Set<Session>();
    for (let index = 0; index < blockCount; index++) {
      const row = index * blockWordCount;
      const word = (at: number) => blocks[row + at] as number;
      const session = must(this.#events.sessionOfSlot(word(blockWordAt.slot)), "a job's sessions stay until it ends");
      const position = word(blockWordAt.ringPosition);
      const block = {
        firstSeq: word(blockWordAt.firstSeq),
        count: word(blockWordAt.count),
        segmentFirstSeq: word(blockWordAt.segmentFirstSeq),
        endPosition: word(blockWordAt.endPosition),
      };
      let resident: ResidentBlock | undefined;
      if (position >= 0) {
        const { firstSeq, count } = block;
        resident = { position, sizeBytes: word(blockWordAt.sizeBytes), owner: session, firstSeq, count };
        this.ring.publish(resident);
      }
      session.publish(block, resident);
      changed.add(session);
    }
    this.#events.onPublished(changed);
  }

  #settle(batch: Batch, refusal: Refusal | undefined, first: number, count: number, duplicate: boolean): void {
    const { session } = batch;
    session.waitingCount--;
    // Followers of an ended session wait for its last batch before they are told.
    if (session.waitingCount === 0 && !session.isActive) for (const listener of session.listeners) listener.onPublished(session);
    if (batch.kind === itemKind.append) this.slab.release(batch.offset, batch.sizeBytes);
    batch.settle(refusal, first, count, duplicate);
  }

  #refuseAll(batches: readonly Batch[], refusal: Refusal): void {
    this.#inFlight = [];
    for (const batch of batches) this.#settle(batch, refusal, 0, 0, false);
    this.#next();
  }

  /** The thread is gone and with it what it had open; what it had not reported was never acknowledged. */
  #workerDied(batches: readonly Batch[], attempt: number, error: unknown): void {
    this.lostWorker(error);
    if (this.isDown) this.#refuseAll(batches, downRefusal);
    else if (this.#isStopped) this.#refuseAll(batches, stoppedRefusal);
    else if (attempt < attemptCountMax) this.#run(batches, attempt + 1);
    else this.#refuseAll(batches, diedRefusal);
  }

  /** The thread died: whichever comes next must adopt its sessions. Called from outside when it had no job. */
  lostWorker(error: unknown): void {
    this.generation++;
    this.restartCount++;
    const nowMs = this.#clock.monotonicMs();
    this.#deathsMs = this.#deathsMs.filter((deathMs) => nowMs - deathMs < limits.workerDeathWindowMs);
    this.#deathsMs.push(nowMs);
    if (this.#deathsMs.length > limits.workerDeathCountMax) this.isDown = true;
    this.#events.onWorkerDied(this, error);
  }

  /** Any item makes the worker of now take the session over; writing its record again changes nothing. */
  #handOver(session: Session, done: () => void): void {
    const nothing = { offset: 0, sizeBytes: 0, bodyKind: 0, encoding: 0, key: "", synced: false };
    const receivedMs = this.#clock.nowMs();
    this.enqueue({ ...nothing, kind: itemKind.record, session, receivedMs, document: session.record, settle: done });
  }
}

const downRefusal = refuse(
  "storage_unavailable",
  "The worker of this session's shard keeps dying and was stopped: restart the server.",
  {
    retryAfterSeconds: 30,
  },
);
const stoppedRefusal = refuse("shutting_down", "The server is stopping: nothing was stored.", { retryAfterSeconds: 5 });
const diedRefusal = refuse("storage_unavailable", "The worker died twice while it worked on this batch: it was not stored.", {
  retryAfterSeconds: 1,
});
function writeItem(items: Float64Array, row: number, batch: Batch, extra: number): void {
  items[row + itemAt.kind] = batch.kind;
  items[row + itemAt.slot] = batch.session.slot;
  items[row + itemAt.offset] = batch.offset;
  items[row + itemAt.sizeBytes] = batch.sizeBytes;
  items[row + itemAt.bodyKind] = batch.bodyKind;
  items[row + itemAt.encoding] = batch.encoding;
  items[row + itemAt.receivedMs] = batch.receivedMs;
  items[row + itemAt.extra] = extra;
}
