/** The worker threads: a single-thread pool per shard for intake, one pool that reads files, one behind. Knows URLs, not code. */
import { Piscina } from "piscina";
import type { Job, JobResult } from "../handoff/job.ts";
import type { SegmentInfo, SessionTail } from "../storage/types.ts";
import type { DecodeLimits } from "../wire/decode-context.ts";
import type { Refusal } from "../wire/outcome.ts";
import type { ShardWorker } from "./shard.ts";

const ingestUrl = new URL("../worker/ingest-entry.js", import.meta.url).href;
const queryUrl = new URL("../worker/query-entry.js", import.meta.url).href;
const backgroundUrl = new URL("../worker/background-entry.js", import.meta.url).href;

/** What an ingest thread is born with. */
export interface IngestWorkerData {
  readonly slab: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly dataDir: string;
  readonly segmentSizeBytes: number;
  readonly descriptorCountMax: number;
  readonly limits: DecodeLimits;
  readonly testHooks: boolean;
}

/** What a query or background thread is born with. */
export interface TaskWorkerData {
  readonly dataDir: string;
}

/** What the engine needs of threads that do one task after the other; tasks are functions of the thread's file. */
export interface TaskThreads {
  /** Tasks that wait for a thread. */
  readonly waitingCount: number;
  /** Rejects when the thread died in it. @param moved memory of the task that goes to the thread: it is gone here. */
  run<Result>(name: string, task: unknown, moved?: readonly ArrayBuffer[]): Promise<Result>;
}

/** One ingest thread. When it dies, the pool starts another; the shard is told by the rejected job. */
export class IngestPool implements ShardWorker {
  readonly #pool: Piscina;

  constructor(workerData: IngestWorkerData, onError: (error: Error) => void) {
    this.#pool = new Piscina({
      filename: ingestUrl,
      minThreads: 1,
      maxThreads: 1,
      // A round of syncs waits for the disk while jobs go on.
      concurrentTasksPerWorker: 2,
      workerData,
      // A thread shares our limits; the default doubles the young generation for garbage that the hot path does not make.
      recordTiming: false,
    });
    this.#pool.on("error", onError);
  }

  run(job: Job<SessionTail, SegmentInfo>): Promise<JobResult<Refusal>> {
    return this.#pool.run(job, { name: "ingest" }) as Promise<JobResult<Refusal>>;
  }

  sync(slots: readonly number[]): Promise<ReadonlyMap<number, Refusal>> {
    return this.#pool.run(slots, { name: "sync" }) as Promise<ReadonlyMap<number, Refusal>>;
  }

  /** Syncs and closes the files of the shard and ends the thread. Returns whether all of it is durable. */
  async close(): Promise<boolean> {
    const isSynced = await this.#pool.run(undefined, { name: "close" }).catch(() => false);
    await this.#pool.destroy();
    return isSynced === true;
  }
}

/** Time without a task after which a thread beyond the first one ends. */
const threadIdleMs = 60_000;

/** Threads that do tasks, whichever is free the next one. */
export class TaskPool implements TaskThreads {
  readonly #pool: Piscina;

  /** One thread stays, more come when it is busy and go when they had nothing to do for a while: each costs memory and a start. */
  private constructor(filename: string, workerData: TaskWorkerData, threadCount: number, onError: (error: Error) => void) {
    const options = { minThreads: 1, maxThreads: threadCount, idleTimeout: threadIdleMs, recordTiming: false };
    this.#pool = new Piscina({ filename, workerData, ...options });
    this.#pool.on("error", onError);
  }

  /** Starts the threads that read files: pages, searches. */
  static query(workerData: TaskWorkerData, threadCount: number, onError: (error: Error) => void): TaskPool {
    return new TaskPool(queryUrl, workerData, threadCount, onError);
  }

  /** Starts the threads for what may take long: archives, removals. */
  static background(workerData: TaskWorkerData, threadCount: number, onError: (error: Error) => void): TaskPool {
    return new TaskPool(backgroundUrl, workerData, threadCount, onError);
  }

  get waitingCount(): number {
    return this.#pool.queueSize;
  }

  run<Result>(name: string, task: unknown, moved: readonly ArrayBuffer[] = []): Promise<Result> {
    return this.#pool.run(task, { name, transferList: [...moved] }) as Promise<Result>;
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
