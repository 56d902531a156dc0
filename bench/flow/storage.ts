/** Flows of storage: starting on many sessions, archives, and a prune beside intake. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SessionObject } from "#src/wire/api.ts";
import type { HttpLoad, LoadResult } from "../load/load.ts";
import { cpuSecondsOf, hasCommand, runCommand } from "../parts/process.ts";
import { writeRequests } from "../parts/requests.ts";
import { type BenchServer, control, createSessions, eachSession, sessionAt, sessionIdAt, startServer } from "../parts/server.ts";
import { bodiesOf, contentTypes, forms, type Shape } from "../parts/workload.ts";
import { copyOf, datasetOf, exportTo, warmFiles } from "./dataset.ts";
import { fill } from "./fill.ts";
import type { Bench, Contest, Flow, Sample } from "./flow.ts";
import { read, sampleOf } from "./read.ts";

/** Returns the flows of storage. */
export function storageFlows(): Flow[] {
  const start = (wasKilled: boolean): Flow => ({
    name: `start/1000 sessions of 10000/${wasKilled ? "after kill -9" : "after a stop"}`,
    unit: "bytes",
    measure: "seconds",
    reference: "cat of the same files",
    isDefault: true,
    open: (bench) => openStart(bench, wasKilled),
  });
  return [start(false), start(true), ...sizeFlows(), pageFlow, pruneFlow];
}

async function openStart(bench: Bench, wasKilled: boolean): Promise<Contest> {
  const sessions = bench.isSmoke ? 20 : 1000;
  const dataDir = join(bench.directory(), "data");
  const first = await startServer({ main: bench.main, dataDir });
  await createSessions(first, 0, sessions);
  await fill(bench, first, { sessions, entriesEach: bench.isSmoke ? 1000 : 10_000, batch: 1000, shape: "plain" });
  if (!wasKilled) await eachSession(0, sessions, (id) => control(first, "DELETE", `/sessions/${id}`));
  await (wasKilled ? first.kill() : first.stop());
  let isFirst = true;
  const subject = async (): Promise<Sample> => {
    if (wasKilled && !isFirst) await reopenAndKill(bench, dataDir, sessions);
    isFirst = false;
    const sizeBytes = warmFiles(dataDir);
    const server = await startServer({ main: bench.main, dataDir, nodeFlags: bench.nodeFlags });
    const cpu = { serverCpuSeconds: cpuSecondsOf(server.pid), generatorCpuSeconds: 0 };
    await server.stop();
    return { count: sizeBytes, sizeBytes, seconds: server.readyMs / 1000, ...cpu };
  };
  const reference = async (): Promise<Sample> => {
    const sizeBytes = warmFiles(dataDir);
    const { seconds, cpuSeconds } = await runCommand("sh", ["-c", `find ${dataDir} -type f -exec cat {} + >/dev/null`]);
    return { count: sizeBytes, sizeBytes, seconds, serverCpuSeconds: cpuSeconds, generatorCpuSeconds: 0 };
  };
  return { subject, reference, close: async () => {} };
}

/** Makes all sessions active and a little longer again, as a crash finds them. */
async function reopenAndKill(bench: Bench, dataDir: string, sessions: number): Promise<void> {
  const server = await startServer({ main: bench.main, dataDir });
  await createSessions(server, 0, sessions);
  await fill(bench, server, { sessions, entriesEach: 100, batch: 100, shape: "plain" });
  await server.kill();
}

/** What is archived: the generator's log in two shapes, and the logs of other programs where they are at hand. */
function sizeFlows(): Flow[] {
  const flow = (name: string, fillSession: (bench: Bench, server: BenchServer) => Promise<void>): Flow => ({
    name: `archive/size/${name}`,
    unit: "bytes",
    measure: "bytes",
    reference: "lz4 -1 of its NDJSON",
    isDefault: true,
    roundCountMax: 1,
    missing: () => (hasCommand("lz4") && hasCommand("gzip") ? undefined : "lz4 or gzip is not installed"),
    open: (bench) => openSize(bench, fillSession),
  });
  const generated = (shape: Shape) =>
    flow(`generator, ${shape}`, (bench, server) => {
      const entriesEach = bench.isSmoke ? 2000 : 200_000;
      return fill(bench, server, { sessions: 1, entriesEach, batch: 1000, shape });
    });
  const directory = process.env["TAILRACE_BENCH_LOGS"];
  const files = directory === undefined ? [] : readdirSync(directory).filter((name) => name.endsWith(".log"));
  const found = files.map((name) => flow(name, (_, server) => sendLines(server, join(directory ?? "", name))));
  return [generated("plain"), generated("structured"), ...found];
}

async function sendLines(server: BenchServer, path: string): Promise<void> {
  const response = await fetch(`${server.url}/sessions/${sessionIdAt(0)}/log`, {
    method: "POST",
    headers: { "Content-Type": contentTypes.text },
    body: readFileSync(path),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

async function openSize(bench: Bench, fillSession: (bench: Bench, server: BenchServer) => Promise<void>): Promise<Contest> {
  const directory = bench.directory();
  const server = await startServer({ main: bench.main, dataDir: join(directory, "data") });
  await createSessions(server, 0, 1);
  await fillSession(bench, server);
  const { id } = await sessionAt(server, 0);
  await control(server, "DELETE", `/sessions/${id}`);
  const file = join(directory, "log.ndjson");
  await exportTo(server, "ndjson", file);
  const raw = statSync(file).size;
  const sizeOf = async (command: string) => Number((await runCommand("sh", ["-c", `${command} < ${file} | wc -c`])).output);
  const gzip = await sizeOf("gzip -c");
  const bytes = (sizeBytes: number): Sample => ({
    count: raw,
    seconds: 1,
    sizeBytes,
    serverCpuSeconds: 0,
    generatorCpuSeconds: 0,
  });
  const subject = async () => {
    const { archived_bytes = 0, original_bytes = 0 } = await control<SessionObject>(server, "POST", `/sessions/${id}/archive`);
    const part = (size: number) => `${((size / raw) * 100).toFixed(1)} %`;
    const parts = `of ${raw} bytes of NDJSON: segments ${part(original_bytes)}, archive ${part(archived_bytes)}, gzip ${part(gzip)}`;
    return { ...bytes(archived_bytes), note: parts };
  };
  return { subject, reference: async () => bytes(await sizeOf("lz4 -1 -c")), close: () => server.stop() };
}

const pagesReadCount = 200;

/** Pages from the middle of one large session, archived and not. */
const pageFlow: Flow = {
  name: "archive/page from the middle",
  unit: "pages",
  measure: "rate",
  reference: "the same from plain segments",
  isDefault: true,
  open: async (bench) => {
    const { dataDir, entryCount } = await datasetOf(bench);
    // The copy is taken before a server holds the directory.
    const archived = await startServer({ main: bench.main, dataDir: copyOf(bench, dataDir) });
    const plain = await startServer({ main: bench.main, dataDir });
    await control(archived, "POST", `/sessions/${sessionIdAt(0)}/archive`);
    const count = bench.isSmoke ? 5 : pagesReadCount;
    // A tenth of the session around its middle, in steps that visit it all over and come back to no page.
    const paths = Array.from({ length: count }, (_, index) => {
      const cursor = Math.floor(entryCount * 0.45 + ((index * 0.618_034) % 1) * entryCount * 0.1);
      return `/sessions/${sessionIdAt(0)}/log?cursor=${cursor}&limit=1000`;
    });
    const take = async (server: BenchServer): Promise<Sample> => {
      const cpuBefore = cpuSecondsOf(server.pid);
      const result = await read(bench, { port: server.port, paths, follows: false, countsLines: false });
      return { ...sampleOf(result, count), serverCpuSeconds: cpuSecondsOf(server.pid) - cpuBefore };
    };
    const close = async () => {
      await plain.stop();
      await archived.stop();
    };
    return { subject: () => take(archived), reference: () => take(plain), close };
  },
};

/** Intake while nine of ten sessions are removed, beside intake alone on the same server. */
const pruneFlow: Flow = {
  name: "prune/10000 sessions/intake meanwhile",
  unit: "entries",
  measure: "p99",
  reference: "the same without a prune",
  target: { bound: "at most", ratio: 1.5 },
  isDefault: true,
  open: async (bench) => {
    const sessions = bench.isSmoke ? 40 : 10_000;
    const prepared = await bench.shared("many ended sessions", () => makeEnded(bench, sessions));
    const load = await bench.program("load/http-load.js");
    let server: BenchServer | undefined;
    let directory = "";
    /** Every round needs sessions to remove; both halves of a round use one server. */
    const begin = async () => {
      await server?.stop();
      const flags = ["--retain-count", String(sessions / 10)];
      server = await startServer({ main: bench.main, dataDir: copyOf(bench, prepared), flags });
      await control(server, "POST", `/sessions/${sessionIdAt(sessions)}`, { appname: "bench" });
      directory = bench.directory();
      const bodies = bodiesOf({ form: forms[0], shape: "plain", batch: 1 }, 1000);
      writeRequests(directory, server.port, contentTypes.json, [`/sessions/${sessionIdAt(sessions)}/log`], bodies);
      await load.call("run", { port: server.port, directory, connections: 8, seconds: bench.warmUpSeconds });
      return server;
    };
    const take = async (work: (server: BenchServer) => Promise<string>): Promise<Sample> => {
      const running = await begin();
      const cpuBefore = cpuSecondsOf(running.pid);
      const task: HttpLoad = { port: running.port, directory, connections: 8, seconds: 600 };
      const loading = load.call<LoadResult>("run", task);
      const note = await work(running);
      await load.call("stop", undefined);
      const { count, seconds, cpuSeconds, p50Ms, p99Ms, p999Ms } = await loading;
      const cpu = { serverCpuSeconds: cpuSecondsOf(running.pid) - cpuBefore, generatorCpuSeconds: cpuSeconds };
      return { count, seconds, sizeBytes: 0, ...cpu, p50Ms, p99Ms, p999Ms, note };
    };
    const prune = async (running: BenchServer) => {
      const startedMs = performance.now();
      const pruned = await control<{ expired_by_count: number }>(running, "POST", "/prune");
      return `${pruned.expired_by_count} sessions went in ${((performance.now() - startedMs) / 1000).toFixed(2)} s`;
    };
    const alone = async () => {
      await new Promise((resolve) => setTimeout(resolve, bench.seconds * 1000));
      return "";
    };
    return { subject: () => take(prune), reference: () => take(alone), close: async () => server?.stop() };
  },
};

/** Returns a data directory with that many small sessions that have ended. */
async function makeEnded(bench: Bench, sessions: number): Promise<string> {
  const dataDir = join(bench.directory(), "data");
  const server = await startServer({ main: bench.main, dataDir, flags: ["--retain-count", "0"] });
  await createSessions(server, 0, sessions);
  await fill(bench, server, { sessions, entriesEach: 10, batch: 10, shape: "plain" });
  await eachSession(0, sessions, (id) => control(server, "DELETE", `/sessions/${id}`));
  await server.stop();
  return dataDir;
}
