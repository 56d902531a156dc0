/** The ingest thread of a shard: a pool of one thread, whose one task works off the shard's desk for as long as it lives. */
import { must } from "../base/assert.ts";
import { allStored, type ItemRefusals, type Job, type JobResult, type Order, type Report } from "../handoff/job.ts";
import type { JobDesk } from "../handoff/job-desk.ts";
import type { SegmentInfo, SessionTail } from "../storage/types.ts";
import type { DecodeLimits } from "../wire/decode-context.ts";
import type { Refusal } from "../wire/outcome.ts";
import { type Port, Threads } from "./pool.ts";
import type { ShardWorker } from "./shard.ts";

const ingestUrl = new URL("../worker/ingest-entry.js", import.meta.url).href;

/** What an ingest thread is born with. */
export interface IngestWorkerData {
  readonly desk: SharedArrayBuffer;
  readonly slab: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly dataDir: string;
  readonly segmentSizeBytes: number;
  readonly descriptorCountMax: number;
  readonly limits: DecodeLimits;
  readonly testHooks: boolean;
}

/** Who waits for an answer of the thread. */
interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** When the thread dies, what it was asked is rejected; the next job or sync goes to a new one. */
export class IngestPool implements ShardWorker {
  readonly #threads: Threads;
  readonly #desk: JobDesk;
  /** To the thread that serves now. */
  #port: Port | undefined;
  /** Ends with the thread, or its task: whether all it wrote is durable. */
  #served: Promise<boolean> = Promise.resolve(true);
  #job: Waiting<JobResult<Refusal>> | undefined;
  #sync: Waiting<ReadonlyMap<number, Refusal>> | undefined;

  constructor(desk: JobDesk, workerData: Omit<IngestWorkerData, "desk">, onError: (error: Error) => void) {
    this.#desk = desk;
    this.#threads = new Threads(
      { filename: ingestUrl, workerData: { ...workerData, desk: desk.buffer } satisfies IngestWorkerData, maxThreads: 1 },
      onError,
    );
  }

  run(job: Job<SessionTail, SegmentInfo>): Promise<JobResult<Refusal>> {
    return new Promise((resolve, reject) => {
      const port = this.#connected();
      this.#job = { resolve, reject };
      const { adoptions, keys, documents } = job;
      const hasLetter = adoptions.length + keys.length + documents.length > 0;
      if (hasLetter) send(port, { kind: "letter", letter: { adoptions, keys, documents } });
      this.#desk.post(job, hasLetter);
    });
  }

  sync(slots: readonly number[]): Promise<ReadonlyMap<number, Refusal>> {
    return new Promise((resolve, reject) => {
      const port = this.#connected();
      this.#sync = { resolve, reject };
      send(port, { kind: "sync", slots });
      this.#desk.ring();
    });
  }

  /** Syncs and closes the files of the shard and ends the thread. Returns whether all of it is durable. */
  async close(): Promise<boolean> {
    send(this.#connected(), { kind: "stop" });
    this.#desk.ring();
    const isSynced = await this.#served.catch(() => false);
    await this.#threads.close();
    return isSynced;
  }

  /** Returns the port of the thread that serves, which is given its task now if there is none. */
  #connected(): Port {
    if (this.#port !== undefined) return this.#port;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on("message", (report: Report<Refusal>) => this.#onReport(report));
    this.#served = this.#threads.run<boolean>({ port: port2, after: this.#desk.posted }, "serve", [port2]);
    const end = (error: unknown) => this.#end(port1, error);
    this.#served.then(() => end(new Error("The thread was stopped.")), end);
    return port1;
  }

  #onReport(report: Report<Refusal>): void {
    if (report === allStored) return this.#done([]);
    if (report.kind === "done") return this.#done(report.refusals);
    const { resolve } = must(this.#sync, "files are synced when that was asked for");
    this.#sync = undefined;
    resolve(report.refusals);
  }

  #done(refusals: ItemRefusals<Refusal>): void {
    const { resolve } = must(this.#job, "a job runs until it is done");
    this.#job = undefined;
    const { blockCount, cost } = this.#desk.summary();
    resolve({ blockCount, cost, refusals });
  }

  #end(port: Port, error: unknown): void {
    port.close();
    this.#port = undefined;
    const [job, sync] = [this.#job, this.#sync];
    this.#job = undefined;
    this.#sync = undefined;
    job?.reject(error);
    sync?.reject(error);
  }
}

function send(port: Port, order: Order<SessionTail, SegmentInfo>): void {
  port.postMessage(order);
}
