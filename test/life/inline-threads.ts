/** The threads of the server without threads: the same code as in a worker, run by the test's own event loop. */
import { systemClock } from "#src/base/clock.ts";
import type { JobResult } from "#src/handoff/job.ts";
import { RingWriter } from "#src/handoff/ring.ts";
import type { TaskThreads } from "#src/server/pool.ts";
import type { Shard, ShardWorker } from "#src/server/shard.ts";
import { isFailure } from "#src/storage/failure.ts";
import type { FileLayer } from "#src/storage/files.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import type { Refusal } from "#src/wire/outcome.ts";
import { Ingest, type IngestJob, refusalOf } from "#src/worker/ingest.ts";
import { filesOf } from "#src/worker/session-files.ts";

/** Where workers write. */
export interface InlineStorage {
  readonly files: FileLayer;
  readonly dataDir: string;
  readonly segmentSizeBytes: number;
}

/** The worker of one shard. */
export class InlineWorker implements ShardWorker {
  readonly #shard: Shard;
  readonly #storage: InlineStorage;
  #ingest: Ingest;
  #writer: SegmentWriter;
  runningCount = 0;
  /** Jobs that it dies in, from the next one on. */
  deathCount = 0;
  /** The same of syncs. */
  syncDeathCount = 0;
  /** While set, jobs take until it resolves. */
  stuck: Promise<void> | undefined;

  constructor(shard: Shard, storage: InlineStorage) {
    this.#shard = shard;
    this.#storage = storage;
    [this.#writer, this.#ingest] = this.#newThread();
    shard.connect(this);
  }

  async run(job: IngestJob): Promise<JobResult<Refusal>> {
    this.runningCount++;
    this.#shard.desk.post(job, false);
    try {
      await nextTurn();
      await this.stuck;
      if (this.deathCount > 0) {
        this.deathCount--;
        this.#die();
      }
      return this.#ingest.run(job);
    } finally {
      this.runningCount--;
    }
  }

  async sync(slots: readonly number[]): Promise<ReadonlyMap<number, Refusal>> {
    if (this.syncDeathCount > 0) {
      this.syncDeathCount--;
      this.#die();
    }
    const slotOf = new Map(slots.map((slot) => [this.#ingest.idOf(slot), slot]));
    const refusals = new Map<number, Refusal>();
    for (const [id, failure] of await this.#writer.syncAll([...slotOf.keys()]))
      if (isFailure(failure)) refusals.set(slotOf.get(id) as number, refusalOf(failure));
    return refusals;
  }

  /** Dies without a job. */
  dieIdle(): void {
    [this.#writer, this.#ingest] = this.#newThread();
    this.#shard.lostWorker(new Error("the worker died"));
  }

  #die(): never {
    [this.#writer, this.#ingest] = this.#newThread();
    throw new Error("the worker died");
  }

  #newThread(): [SegmentWriter, Ingest] {
    const { files, dataDir, segmentSizeBytes } = this.#storage;
    const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes, descriptorCountMax: 64 });
    const slab = new Uint8Array(this.#shard.slab.buffer);
    const ring = new RingWriter(this.#shard.ring.buffer);
    return [writer, new Ingest({ slab, ring, writer, files: filesOf(files, dataDir), clock: systemClock })];
  }
}

/** Threads that run one task after the other, each in a later turn. */
export class InlineTasks implements TaskThreads {
  readonly #tasks: Readonly<Record<string, (task: never) => unknown>>;
  #last: Promise<unknown> = Promise.resolve();
  waitingCount = 0;
  freeCount = 2;
  /** Names of the tasks that were run, in order. */
  readonly log: string[] = [];
  /** Tasks of these names find their thread dead. */
  readonly deadly = new Set<string>();

  constructor(tasks: object) {
    this.#tasks = tasks as Readonly<Record<string, (task: never) => unknown>>;
  }

  run<Result>(name: string, task: unknown): Promise<Result> {
    this.waitingCount++;
    const running = this.#last.then(nextTurn).then(() => {
      this.waitingCount--;
      this.log.push(name);
      if (this.deadly.has(name)) throw new Error("the thread died");
      // As between threads: what is told is a copy.
      return structuredClone(this.#tasks[name]?.(structuredClone(task) as never)) as Result;
    });
    this.#last = running.catch(() => undefined);
    return running;
  }
}

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
