/** Fills sessions with many entries, as fast as the server takes them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HttpLoad, LoadResult } from "../load/load.ts";
import { writeRequests } from "../parts/requests.ts";
import { type BenchServer, sessionIdAt } from "../parts/server.ts";
import { bodiesOf, contentTypes, type Shape } from "../parts/workload.ts";
import type { Bench } from "./flow.ts";

export interface FillTask {
  readonly sessions: number;
  /** Of each session; a multiple of `batch`. */
  readonly entriesEach: number;
  readonly batch: number;
  readonly shape: Shape;
}

/** Different batches; the log repeats after them, far beyond what a compressor looks back. */
const bodyCountMax = 200;

/** Fills sessions 0 to `sessions`, which must exist. */
export async function fill(bench: Bench, server: BenchServer, task: FillTask): Promise<void> {
  const { sessions, entriesEach, batch, shape } = task;
  const requestCount = (sessions * entriesEach) / batch;
  const bodyCount = Math.min(bodyCountMax, requestCount);
  const bodies = bodiesOf({ form: "binary", shape, batch }, bodyCount);
  const directory = join(bench.directory(), "fill");
  mkdirSync(directory);
  const paths = Array.from({ length: sessions }, (_, index) => `/sessions/${sessionIdAt(index)}/log`);
  writeRequests(directory, server.port, contentTypes.binary, paths, bodies);
  const load: HttpLoad = { port: server.port, directory, connections: 8, seconds: 600, countMax: requestCount };
  const program = await bench.program("load/http-load.js");
  const { failed } = await program.call<LoadResult>("run", load);
  if (failed > 0) throw new Error(`${failed} batches were refused while sessions were filled`);
}
