/** What an ingest thread runs: one task of the pool, which works off the desk until it is told to stop. */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { allStored, type JobLetter, type Order, type Report } from "../handoff/job.ts";
import { JobDesk } from "../handoff/job-desk.ts";
import { RingWriter } from "../handoff/ring.ts";
import { systemFiles } from "../storage/files.ts";
import { SegmentWriter } from "../storage/segment-writer.ts";
import type { SegmentInfo, SessionTail } from "../storage/types.ts";
import type { DecodeLimits } from "../wire/decode-context.ts";
import type { Refusal } from "../wire/outcome.ts";
import { Ingest, refusalOf } from "./ingest.ts";
import { filesOf } from "./session-files.ts";
import { deathHook } from "./test-hooks.ts";

/** Mirrors server/ingest-pool.ts: what the thread was born with. */
interface IngestWorkerData {
  readonly desk: SharedArrayBuffer;
  readonly slab: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly dataDir: string;
  readonly segmentSizeBytes: number;
  readonly descriptorCountMax: number;
  readonly limits: DecodeLimits;
  readonly testHooks: boolean;
}

const data = workerData as IngestWorkerData;
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

/** Mirrors server/ingest-pool.ts: whom to work for. */
interface Assignment {
  readonly port: MessagePort;
  /** Jobs up to this number are not its own. */
  readonly after: number;
}

/**
 * Works until it is told to stop; returns whether all is durable then. The thread sleeps on the desk's bell, with its event loop
 * at a stand, except while files are synced.
 */
export async function serve({ port, after }: Assignment): Promise<boolean> {
  const service = new Service(port, after);
  for (;;) {
    // In this order: a letter is in the port before its job is posted, and that before the bell.
    const { rings, posted } = desk;
    service.takeOrders();
    if (service.isStopped) {
      await service.syncing;
      return close();
    }
    if (service.runs(posted)) {
      if (service.isTurnDue()) await new Promise((resolve) => setImmediate(resolve));
    } else if (service.syncing === undefined) desk.sleep(rings);
    else await Promise.race([desk.rung(rings), service.syncing]);
  }
}

/** What the main thread wants of this one. */
class Service {
  readonly #port: MessagePort;
  /** Number of the newest job that is done. */
  #done: number;
  #letter: JobLetter<SessionTail, SegmentInfo> | undefined;
  #jobCount = 0;
  /** Settles when the files that are being synced are; rejects when that can't be told. */
  syncing: Promise<void> | undefined;
  isStopped = false;

  constructor(port: MessagePort, after: number) {
    this.#port = port;
    this.#done = after;
  }

  takeOrders(): void {
    for (let order = nextOrder(this.#port); order !== undefined; order = nextOrder(this.#port)) {
      if (order.kind === "letter") this.#letter = order.letter;
      else if (order.kind === "sync") this.syncing = this.#sync(order.slots);
      else this.isStopped = true;
    }
  }

  /** Does the newest job, unless it is done. */
  runs(posted: number): boolean {
    if (posted === this.#done) return false;
    const result = engine.run(desk.take(posted, this.#letter));
    this.#letter = undefined;
    this.#done = posted;
    desk.finish(result);
    this.#report(result.refusals.length === 0 ? allStored : { kind: "done", refusals: result.refusals });
    return true;
  }

  isTurnDue(): boolean {
    if (++this.#jobCount < jobCountMax && engine.inflationCount < inflationCountMax) return false;
    this.#jobCount = 0;
    engine.inflationCount = 0;
    return true;
  }

  async #sync(slots: readonly number[]): Promise<void> {
    const refusals = await sync(slots);
    this.syncing = undefined;
    this.#report({ kind: "synced", refusals });
  }

  #report(report: Report<Refusal>): void {
    this.#port.postMessage(report);
  }
}

function nextOrder(port: MessagePort): Order<SessionTail, SegmentInfo> | undefined {
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
