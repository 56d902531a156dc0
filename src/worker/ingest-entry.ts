/** What an ingest thread runs: the pool calls these functions by name. */
import { workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { RingWriter } from "../handoff/ring.ts";
import { systemFiles } from "../storage/files.ts";
import { SegmentWriter } from "../storage/segment-writer.ts";
import type { DecodeLimits } from "../wire/decode-context.ts";
import type { Refusal } from "../wire/outcome.ts";
import { Ingest, type IngestJob, type IngestResult, refusalOf } from "./ingest.ts";
import { filesOf } from "./session-files.ts";
import { deathHook } from "./test-hooks.ts";

/** Mirrors server/pool.ts: what the thread was born with. */
interface IngestWorkerData {
  readonly slab: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly dataDir: string;
  readonly segmentSizeBytes: number;
  readonly descriptorCountMax: number;
  readonly limits: DecodeLimits;
  readonly testHooks: boolean;
}

const data = workerData as IngestWorkerData;
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

/** Inflations after which the event loop gets a turn: zlib frees what a broken body leaves behind only there. */
const inflationCountMax = 64;

/** Does one job. The pool blocks the event loop between jobs, so now and then the answer waits for a turn of it. */
export function ingest(job: IngestJob): IngestResult | Promise<IngestResult> {
  const result = engine.run(job);
  if (engine.inflationCount < inflationCountMax) return result;
  engine.inflationCount = 0;
  return new Promise((resolve) => setImmediate(() => resolve(result)));
}

/** Syncs the files of sessions; the answer holds a refusal for each that failed. */
export async function sync(slots: readonly number[]): Promise<Map<number, Refusal>> {
  const slotOf = new Map(slots.map((slot) => [engine.idOf(slot), slot]));
  const failures = await writer.syncAll([...slotOf.keys()]);
  const refusals = new Map<number, Refusal>();
  for (const [id, failure] of failures) if (failure !== undefined) refusals.set(slotOf.get(id) as number, refusalOf(failure));
  return refusals;
}

/** Syncs and closes everything; the thread ends after it. Returns whether all of it is durable. */
export async function close(): Promise<boolean> {
  const failures = await writer.syncAll(writer.unsyncedIds());
  writer.close();
  return [...failures.values()].every((failure) => failure === undefined);
}
