/** Flows of reading: a whole session through its cursor, and text search, each beside the system's own tool. */
import { statSync } from "node:fs";
import type { ReadResult, ReadTask } from "../load/read-load.ts";
import { cpuSecondsOf, runCommand } from "../parts/process.ts";
import { sessionIdAt, startServer } from "../parts/server.ts";
import { datasetOf, warmFiles } from "./dataset.ts";
import type { Bench, Contest, Flow, Sample } from "./flow.ts";

const logPath = `/sessions/${sessionIdAt(0)}/log`;
const pageEntryCount = 10_000;

/** In about one entry of 1,500, in other case; and nowhere. */
const needles = { rare: "REASON hung", absent: "no such words in it" } as const;

/** Returns the flows of reading. */
export function readFlows(): Flow[] {
  const search = (needle: keyof typeof needles, locale: string): Flow => ({
    name: `search/${needle}/${locale}`,
    unit: "bytes of text",
    measure: "rate",
    reference: `grep -i -c -F, LC_ALL=${locale}`,
    target: { bound: "at least", ratio: 0.5 },
    isDefault: true,
    open: (bench) => openSearch(bench, needles[needle], locale),
  });
  return [
    search("rare", "C.UTF-8"),
    search("rare", "C"),
    search("absent", "C.UTF-8"),
    {
      name: "read/ndjson/cursor",
      unit: "entries",
      measure: "rate",
      reference: "the same pages of a file over bare uWS",
      target: { bound: "at least", ratio: 0.25 },
      isDefault: true,
      open: openRead,
    },
  ];
}

/** The server starts anew each time: its index is cold, the files are in the page cache. */
async function openSearch(bench: Bench, needle: string, locale: string): Promise<Contest> {
  const { dataDir, textFile } = await datasetOf(bench);
  warmFiles(dataDir);
  const sizeBytes = statSync(textFile).size;
  let found = 0;
  const reference = async (): Promise<Sample> => {
    const result = await runCommand("grep", ["-i", "-c", "-F", "--", needle, textFile], { LC_ALL: locale });
    found = Number(result.output);
    return { count: sizeBytes, sizeBytes, seconds: result.seconds, serverCpuSeconds: result.cpuSeconds, generatorCpuSeconds: 0 };
  };
  const subject = async (): Promise<Sample> => {
    const server = await startServer({ main: bench.main, dataDir, nodeFlags: bench.nodeFlags });
    const cpuBefore = cpuSecondsOf(server.pid);
    const query = `q=${encodeURIComponent(needle)}&limit=${pageEntryCount}&format=ndjson`;
    const result = await read(bench, { port: server.port, paths: [`${logPath}?${query}`], follows: true, countsLines: true });
    const serverCpuSeconds = cpuSecondsOf(server.pid) - cpuBefore;
    await server.stop();
    const note = `${result.lineCount} found`;
    const whole = { ...sampleOf(result, sizeBytes), sizeBytes, serverCpuSeconds };
    if (result.lineCount === found) return { ...whole, note };
    return { ...whole, note: `${note}, but grep counts ${found}` };
  };
  return { subject, reference, close: async () => {} };
}

async function openRead(bench: Bench): Promise<Contest> {
  const { dataDir, ndjsonFile, entryCount } = await datasetOf(bench);
  warmFiles(dataDir);
  const server = await startServer({ main: bench.main, dataDir, nodeFlags: bench.nodeFlags });
  const sink = await bench.program("reference/sink.js");
  const sinkPort = await bench.shared("sink port", () => sink.call<number>("listen", undefined));
  await sink.call("configure", { batch: 1, file: ndjsonFile });
  const query = `limit=${pageEntryCount}&format=ndjson`;
  const task = { port: server.port, paths: [`${logPath}?${query}`], follows: true, countsLines: false };
  let pages: readonly number[] = [];
  const subject = async () => {
    const cpuBefore = cpuSecondsOf(server.pid);
    const result = await read(bench, task);
    pages = result.pageSizesBytes;
    return { ...sampleOf(result, entryCount), serverCpuSeconds: cpuSecondsOf(server.pid) - cpuBefore };
  };
  // The first run is not counted: it says which pages there are.
  await subject();
  const reference = async () => {
    const cpuBefore = cpuSecondsOf(sink.pid);
    const result = await read(bench, { port: sinkPort, paths: pathsOf(pages), follows: false, countsLines: false });
    return { ...sampleOf(result, entryCount), serverCpuSeconds: cpuSecondsOf(sink.pid) - cpuBefore };
  };
  return { subject, reference, close: () => server.stop() };
}

function pathsOf(pages: readonly number[]): string[] {
  let offset = 0;
  return pages.map((length) => {
    const path = `/page?offset=${offset}&length=${length}`;
    offset += length;
    return path;
  });
}

/** Reads pages from the reading program. */
export async function read(bench: Bench, task: ReadTask): Promise<ReadResult> {
  return (await bench.program("load/read-load.js")).call<ReadResult>("run", task);
}

/** Makes a sample of a run of reads; the server's CPU time is the caller's to add. */
export function sampleOf(result: ReadResult, count: number): Sample {
  const { seconds, sizeBytes, cpuSeconds, p50Ms, p99Ms, p999Ms } = result;
  return { count, seconds, sizeBytes, serverCpuSeconds: 0, generatorCpuSeconds: cpuSeconds, p50Ms, p99Ms, p999Ms };
}
