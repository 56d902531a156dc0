/** The ingest thread of a shard: a pool of one thread, whose one task works off the shard's desk for as long as it lives. */
import { assert, must } from "../base/assert.ts";
import {
  type Assignment,
  type IngestWorkerData,
  type ItemRefusals,
  type Job,
  type JobResult,
  noneRefused,
  type Order,
  type Port,
  type Report,
} from "../handoff/job.ts";
import type { JobDesk } from "../handoff/job-desk.ts";
import type { SegmentInfo, SessionTail } from "../storage/types.ts";
import type { DecodeLimits } from "../wire/decode-context.ts";
import type { Refusal } from "../wire/outcome.ts";
import { Threads } from "./pool.ts";
import type { ShardWorker } from "./shard.ts";

const ingestUrl = new URL("../worker/ingest-entry.js", import.meta.url).href;

export interface IngestPoolOptions {
  readonly desk: JobDesk;
  readonly workerData: Omit<IngestWorkerData<DecodeLimits>, "desk">;
  /** The thread died while it had no job; what it had in a job is told by that job. */
  readonly onIdleDeath: (error: unknown) => void;
  readonly onError: (error: Error) => void;
}

/** Who waits for an answer of the thread. */
interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** When the thread dies, what it was asked is rejected; the next job or sync goes to a new one. */
export class IngestPool implements ShardWorker {
  readonly #options: IngestPoolOptions;
  readonly #threads: Threads;
  /** To the thread that serves now. */
  #port: Port | undefined;
  #job: Waiting<JobResult<Refusal>> | undefined;
  #sync: Waiting<ReadonlyMap<number, Refusal>> | undefined;
  #onStopped: ((isDurable: boolean) => void) | undefined;

  constructor(options: IngestPoolOptions) {
    this.#options = options;
    const workerData: IngestWorkerData<DecodeLimits> = { ...options.workerData, desk: options.desk.buffer };
    this.#threads = new Threads({ filename: ingestUrl, workerData, maxThreads: 1 }, options.onError);
  }

  run(job: Job<SessionTail, SegmentInfo>): Promise<JobResult<Refusal>> {
    assert(this.#job === undefined, "one job is on the desk");
    return new Promise((resolve, reject) => {
      const { adoptions, keys, documents } = job;
      const hasLetter = adoptions.length + keys.length + documents.length > 0;
      const port = this.#connected();
      if (hasLetter) send(port, { kind: "letter", letter: { adoptions, keys, documents } });
      this.#job = { resolve, reject };
      this.#options.desk.post(job, hasLetter);
    });
  }

  sync(slots: readonly number[]): Promise<ReadonlyMap<number, Refusal>> {
    assert(this.#sync === undefined, "one round of syncs runs at a time");
    return new Promise((resolve, reject) => {
      this.#order({ kind: "sync", slots });
      this.#sync = { resolve, reject };
    });
  }

  /** Syncs and closes the files of the shard, behind its last job, and ends the thread. Returns whether all of it is durable. */
  async close(): Promise<boolean> {
    const isDurable = await new Promise<boolean>((resolve) => {
      this.#onStopped = resolve;
      this.#order({ kind: "stop" });
    });
    this.#port?.close();
    this.#port = undefined;
    await this.#threads.close();
    return isDurable;
  }

  #order(order: Order<SessionTail, SegmentInfo>): void {
    send(this.#connected(), order);
    this.#options.desk.ring();
  }

  /** Returns the port of the thread that serves, which is given its task now if there is none. */
  #connected(): Port {
    if (this.#port !== undefined) return this.#port;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on("message", (report: Report<Refusal>) => this.#onReport(report));
    const assignment: Assignment = { port: port2, after: this.#options.desk.posted };
    // The task ends by itself only behind its last report, which may still be on its way here.
    this.#threads.run(assignment, "serve", [port2]).catch((error: unknown) => this.#died(port1, error));
    return port1;
  }

  #onReport(report: Report<Refusal>): void {
    if (report === noneRefused) return this.#done([]);
    if (report.kind === "done") return this.#done(report.refusals);
    if (report.kind === "stopped") return must(this.#onStopped, "a thread stops when it is told to")(report.isDurable);
    const { resolve, reject } = must(this.#sync, "files are synced when that was asked for");
    this.#sync = undefined;
    if (report.refusals === undefined) reject(new Error("The thread does not know all of these sessions."));
    else resolve(report.refusals);
  }

  #done(refusals: ItemRefusals<Refusal>): void {
    const { resolve } = must(this.#job, "a job runs until it is done");
    this.#job = undefined;
    const { blockCount, cost } = this.#options.desk.summary();
    resolve({ blockCount, cost, refusals });
  }

  #died(port: Port, error: unknown): void {
    // It had stopped already.
    if (this.#port !== port) return;
    port.close();
    this.#port = undefined;
    const [job, sync] = [this.#job, this.#sync];
    this.#job = undefined;
    this.#sync = undefined;
    if (job === undefined) this.#options.onIdleDeath(error);
    else job.reject(error);
    sync?.reject(error);
    this.#onStopped?.(false);
  }
}

function send(port: Port, order: Order<SessionTail, SegmentInfo>): void {
  port.postMessage(order);
}
