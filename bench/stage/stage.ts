/** Runs the benches of one stage: rate, time and allocated bytes per operation, with `--smoke` and `--json`. */
import { pathToFileURL } from "node:url";
import { GCProfiler, getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Bench, type Statistics } from "tinybench";

/** One row of a bench table. */
export interface StageCase {
  readonly name: string;
  /** Operations (entries, records) that one call of `run` does. */
  readonly count: number;
  /** Input bytes of one call, where a byte rate says something. */
  readonly sizeBytes?: number;
  /** Does the work; a returned number is shown as `check`, so that two commits can be seen to compute the same. */
  run(): unknown;
}

/** A bench table: exported by each bench file as `stage`, so that one runner can import them all. */
export interface Stage {
  readonly name: string;
  /** Makes inputs and rows; called once per run. */
  cases(): StageCase[];
}

export interface StageOptions {
  /** Every row just long enough to see that it works. */
  readonly smoke: boolean;
}

export interface StageResult {
  readonly stage: string;
  readonly name: string;
  readonly operationsPerSecond: number;
  readonly bytesPerSecond?: number;
  readonly nsPerOperation: number;
  /** Of one operation, taken over whole calls of `run`. */
  readonly nsPerOperationP99: number;
  /** Heap and array buffers. */
  readonly allocatedBytesPerOperation: number;
  readonly check?: number;
}

const allocationOperationCount = 50_000;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Measures all rows of `stage`, one after the other. */
export async function runStage(stage: Stage, options: StageOptions): Promise<StageResult[]> {
  const results: StageResult[] = [];
  for (const row of stage.cases()) results.push(await runCase(stage, row, options));
  return results;
}

/** Runs `stage` and prints its table (`--json`: one line of JSON per row) when `moduleUrl` is the program that was started. */
export async function runWhenMain(moduleUrl: string, stage: Stage): Promise<void> {
  if (process.argv[1] === undefined || pathToFileURL(process.argv[1]).href !== moduleUrl) return;
  const smoke = process.argv.includes("--smoke");
  const results = await runStage(stage, { smoke });
  if (process.argv.includes("--json")) for (const result of results) console.log(JSON.stringify(result));
  else console.log(tableOf(stage.name, results));
}

/** Returns the lines of a table for people. */
export function tableOf(title: string, results: readonly StageResult[]): string {
  const header = [title, "op/s", "MB/s", "ns/op", "p99", "alloc B/op", "check"];
  const rows = results.map((result) => [
    result.name,
    Math.round(result.operationsPerSecond).toLocaleString("en-US"),
    result.bytesPerSecond === undefined ? "" : (result.bytesPerSecond / 1e6).toFixed(0),
    result.nsPerOperation.toFixed(1),
    result.nsPerOperationP99.toFixed(1),
    result.allocatedBytesPerOperation.toFixed(1),
    result.check === undefined ? "" : String(result.check),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ");
  return [header, ...rows].map(line).join("\n");
}

async function runCase(stage: Stage, row: StageCase, options: StageOptions): Promise<StageResult> {
  const check = row.run();
  const bench = new Bench({
    time: options.smoke ? 10 : 1000,
    warmupTime: options.smoke ? 5 : 300,
    iterations: options.smoke ? 1 : 10,
    warmupIterations: 1,
    throws: true,
  });
  bench.add(row.name, () => void row.run());
  await bench.run();
  const latencyMs = latencyOf(bench);
  const allocated = allocatedBytes(row, options.smoke ? 1 : Math.ceil(allocationOperationCount / row.count));
  const perSecond = 1000 / latencyMs.mean;
  return {
    stage: stage.name,
    name: row.name,
    operationsPerSecond: perSecond * row.count,
    ...(row.sizeBytes === undefined ? {} : { bytesPerSecond: perSecond * row.sizeBytes }),
    nsPerOperation: (latencyMs.mean * 1e6) / row.count,
    nsPerOperationP99: (latencyMs.p99 * 1e6) / row.count,
    allocatedBytesPerOperation: allocated,
    ...(typeof check === "number" ? { check } : {}),
  };
}

function latencyOf(bench: Bench): Statistics {
  const result = bench.tasks[0]?.result;
  if (result === undefined || !("latency" in result)) throw new Error(`no result: ${result?.state}`);
  return result.latency;
}

/** Counts over as many calls as pass without a collection, because array buffers are swept unseen; one call at least. */
function allocatedBytes(row: StageCase, callCountMax: number): number {
  for (let callCount = callCountMax; ; callCount = Math.floor(callCount / 4)) {
    const { bytes, collections } = allocatedBy(row, Math.max(1, callCount));
    if (collections === 0 || callCount <= 1) {
      const ground = allocatedBy({ name: "", count: 1, run: () => 0 }, Math.max(1, callCount)).bytes;
      return Math.max(0, bytes - ground) / (Math.max(1, callCount) * row.count);
    }
  }
}

function allocatedBy(row: StageCase, callCount: number): { bytes: number; collections: number } {
  // The second collection waits for the array buffers that the first one is still sweeping.
  collectGarbage();
  collectGarbage();
  const profiler = new GCProfiler();
  profiler.start();
  const before = memoryBytes();
  for (let call = 0; call < callCount; call++) row.run();
  let bytes = memoryBytes() - before;
  const { statistics } = profiler.stop();
  for (const { beforeGC, afterGC } of statistics) {
    bytes += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
    bytes += beforeGC.heapStatistics.externalMemory - afterGC.heapStatistics.externalMemory;
  }
  return { bytes, collections: statistics.length };
}

function memoryBytes(): number {
  const statistics = getHeapStatistics();
  return statistics.used_heap_size + statistics.external_memory;
}
