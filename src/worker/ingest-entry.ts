/** What an ingest thread runs: one task of the pool, which works off the desk until it is told to stop. */
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { systemClock } from "../base/clock.ts";
import {
  type Assignment,
  type IngestWorkerData,
  type JobLetter,
  noneRefused,
  type Order,
  type Port,
  type Report,
} from "../handoff/job.ts";
import { JobDesk, nextJobNumber } from "../handoff/job-desk.ts";
import { RingWriter } from "../handoff/ring.ts";
import { systemFiles } from "../storage/files.ts";
import { SegmentWriter } from "../storage/segment-writer.ts";
import type { SegmentInfo, SessionTail } from "../storage/types.ts";
import type { DecodeLimits } from "../wire/decode-context.ts";
import type { Refusal } from "../wire/outcome.ts";
import { Ingest, refusalOf } from "./ingest.ts";
import { filesOf } from "./session-files.ts";
import { deathHook } from "./test-hooks.ts";

const data = workerData as IngestWorkerData<DecodeLimits>;
const desk = new JobDesk(data.desk);
const writer = new SegmentWriter({
  files: systemFiles,
  dataDir: data.dataDir,
  segmentSizeBytes: data.segmentSizeBytes,
  descriptorCountMax: data.descriptorCountMax,
});
const engine = new Ingest({
  slab: new Uint8Array(data.slab),
  ring: new RingWriter(data.ring),
  writer,
  files: filesOf(systemFiles, data.dataDir),
  clock: systemClock,
  limits: data.limits,
  ...(data.testHooks ? { onStage: deathHook } : {}),
});

/** Jobs or inflations after which the event loop gets a turn: some of what they leave behind is freed only there, zlib's too. */
const jobCountMax = 256;
const inflationCountMax = 64;

/**
 * Works until it is told to stop. The thread sleeps on the desk's bell, with its event loop at a stand, except while files are
 * synced. What breaks in here may have left anything behind, so the thread ends with it.
 */
export async function serve(assignment: Assignment): Promise<void> {
  try {
    await new Service(assignment).run();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
    await new Promise(() => {});
  }
}

class Service {
  readonly #port: Port;
  /** Number of the newest job that is done. */
  #done: number;
  #letter: JobLetter<SessionTail, SegmentInfo> | undefined;
  /** Sessions whose files are to be synced. */
  #slots: readonly number[] | undefined;
  /** Settles when the sync that runs is over. */
  #syncing: Promise<void> | undefined;
  #isStopped = false;
  #jobCount = 0;

  constructor({ port, after }: Assignment) {
    this.#port = port;
    this.#done = after;
  }

  async run(): Promise<void> {
    for (;;) {
      // Read in the reverse of the order in which the main thread writes: its port, the job's number, the bell.
      const rings = desk.rings;
      const posted = desk.posted;
      this.#takeOrders();
      // What came after that look is for the next round, unless there is none.
      const hasWorked = this.#work(this.#isStopped ? desk.posted : posted);
      this.#startSync();
      if (this.#isStopped) break;
      if (hasWorked) await this.#turnIfDue();
      else if (this.#syncing === undefined) desk.sleep(rings);
      else await Promise.race([desk.rung(rings), this.#syncing]);
    }
    await this.#syncing;
    this.#report({ kind: "stopped", isDurable: await close() });
  }

  #takeOrders(): void {
    for (let order = nextOrder(this.#port); order !== undefined; order = nextOrder(this.#port)) {
      if (order.kind === "letter") this.#letter = order.letter;
      else if (order.kind === "sync") this.#slots = order.slots;
      else this.#isStopped = true;
    }
  }

  /** Does the newest job; false: it is done already. */
  #work(posted: number): boolean {
    if (posted === this.#done) return false;
    assert(posted === nextJobNumber(this.#done), "no job is passed over");
    const result = engine.run(desk.take(posted, this.#letter));
    this.#letter = undefined;
    this.#done = posted;
    desk.finish(result);
    this.#report(result.refusals.length === 0 ? noneRefused : { kind: "done", refusals: result.refusals });
    return true;
  }

  /** Comes behind the job that was there with it. */
  #startSync(): void {
    if (this.#slots === undefined) return;
    assert(this.#syncing === undefined, "one round of syncs runs at a time");
    this.#syncing = this.#sync(this.#slots);
    this.#slots = undefined;
  }

  async #sync(slots: readonly number[]): Promise<void> {
    // After the death of another thread its sessions may not be known here: that is the sync's trouble and nobody else's.
    const refusals = await (slots.every((slot) => engine.knows(slot)) ? sync(slots) : undefined);
    this.#syncing = undefined;
    this.#report({ kind: "synced", refusals });
  }

  async #turnIfDue(): Promise<void> {
    const isDue = ++this.#jobCount >= jobCountMax || engine.inflationCount >= inflationCountMax;
    if (!isDue && this.#syncing === undefined) return;
    this.#jobCount = 0;
    engine.inflationCount = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }

  #report(report: Report<Refusal>): void {
    this.#port.postMessage(report);
  }
}

function nextOrder(port: Port): Order<SessionTail, SegmentInfo> | undefined {
  return receiveMessageOnPort(port)?.message as Order<SessionTail, SegmentInfo> | undefined;
}

/** Syncs the files of sessions; the answer holds a refusal for each that failed. */
async function sync(slots: readonly number[]): Promise<Map<number, Refusal>> {
  const slotOf = new Map(slots.map((slot) => [engine.idOf(slot), slot]));
  const failures = await writer.syncAll([...slotOf.keys()]);
  const refusals = new Map<number, Refusal>();
  for (const [id, failure] of failures) if (failure !== undefined) refusals.set(slotOf.get(id) as number, refusalOf(failure));
  return refusals;
}

/** Syncs and closes everything. Returns whether all of it is durable. */
async function close(): Promise<boolean> {
  const failures = await writer.syncAll(writer.unsyncedIds());
  writer.close();
  return [...failures.values()].every((failure) => failure === undefined);
}
