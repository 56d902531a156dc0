/** One large session that reads and searches share: its data directory, and its log as files. */
import { closeSync, cpSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type BenchServer, control, createSessions, sessionIdAt, startServer } from "../parts/server.ts";
import { fill } from "./fill.ts";
import type { Bench } from "./flow.ts";

export interface Dataset {
  /** Not in use; a server that is started on it must be stopped before the next one. */
  readonly dataDir: string;
  /** In session 0, which has ended. */
  readonly entryCount: number;
  /** The log as text lines, and as NDJSON. */
  readonly textFile: string;
  readonly ndjsonFile: string;
}

const pageEntryCount = 10_000;

/** Returns the dataset of this run; made at the first call. About 1 GB of text. */
export function datasetOf(bench: Bench): Promise<Dataset> {
  return bench.shared("dataset", () => makeDataset(bench));
}

async function makeDataset(bench: Bench): Promise<Dataset> {
  const entryCount = bench.isSmoke ? 20_000 : 10_000_000;
  bench.say(`a session of ${entryCount.toLocaleString("en-US")} entries is made`);
  const directory = bench.directory();
  const dataDir = join(directory, "data");
  const server = await startServer({ main: bench.main, dataDir });
  await createSessions(server, 0, 1);
  await fill(bench, server, { sessions: 1, entriesEach: entryCount, batch: 1000, shape: "plain" });
  await control(server, "DELETE", `/sessions/${sessionIdAt(0)}`);
  const textFile = join(directory, "log.txt");
  const ndjsonFile = join(directory, "log.ndjson");
  await exportTo(server, "text", textFile);
  await exportTo(server, "ndjson", ndjsonFile);
  await server.stop();
  return { dataDir, entryCount: entryCount + 1, textFile, ndjsonFile };
}

/** Writes session 0 to a file, page by page. */
export async function exportTo(server: BenchServer, format: "text" | "ndjson", path: string, index = 0): Promise<void> {
  const file = openSync(path, "w");
  let cursor = "0";
  for (let more = true; more; ) {
    const query = `cursor=${cursor}&limit=${pageEntryCount}&format=${format}`;
    const response = await fetch(`${server.url}/sessions/${sessionIdAt(index)}/log?${query}`);
    const body = new Uint8Array(await response.arrayBuffer());
    if (!response.ok) throw new Error(`${query}: ${response.status} ${Buffer.from(body).toString("utf8")}`);
    writeSync(file, body);
    cursor = response.headers.get("tailrace-cursor") ?? "";
    more = response.headers.get("tailrace-more") === "true";
  }
  closeSync(file);
}

/** Returns a copy of a data directory that a flow may change. */
export function copyOf(bench: Bench, dataDir: string): string {
  const copy = join(bench.directory(), "data");
  cpSync(dataDir, copy, { recursive: true });
  return copy;
}

/** Reads every file under a directory once, so that its pages are in the page cache. Returns its bytes. */
export function warmFiles(directory: string): number {
  let sizeBytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sizeBytes += readFileSync(join(entry.parentPath, entry.name)).length;
  }
  return sizeBytes;
}
