/** Flows of live reading: how long an entry takes from its sender to a subscriber, and what fan-out costs. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sessionsDirectory, trashPrefix } from "#src/storage/paths.ts";
import type { Arrivals, Collected, FollowTask } from "../load/follow-load.ts";
import type { HttpLoad, LoadResult } from "../load/load.ts";
import type { PaceResult } from "../load/pace-load.ts";
import { machineMs } from "../parts/clock.ts";
import { cpuSecondsOf } from "../parts/process.ts";
import type { Program } from "../parts/program.ts";
import { writeRequests } from "../parts/requests.ts";
import { createSessions, purgeSessions, sessionIdAt, startServer } from "../parts/server.ts";
import { latencyOf } from "../parts/statistics.ts";
import { bodiesOf, contentTypes, numberedBodiesOf } from "../parts/workload.ts";
import type { Bench, Contest, Flow, Sample } from "./flow.ts";

const batch = 100;
const connections = 32;
const bodyCount = 128;

/** Batches that are fanned out to so many subscribers: about a gigabyte of deliveries. */
const fanOutBatchCounts: ReadonlyMap<number, number> = new Map([
  [1, 20_000],
  [10, 4000],
  [100, 400],
  [1000, 40],
]);

/** Returns the flows of live reading. */
export function liveFlows(): Flow[] {
  const latency = (form: "json" | "binary"): Flow => ({
    name: `live/sent to received/${form}`,
    unit: "entries",
    measure: "p99",
    reference: "bare uWS publish",
    target: { bound: "at most", ratio: 5 },
    isDefault: true,
    open: (bench) => openLatency(bench, form),
  });
  const fanOut = (form: "json" | "binary", subscribers: number): Flow => ({
    name: `live/fan-out/${form}/subscribers ${subscribers}`,
    unit: "deliveries",
    measure: "rate",
    reference: "bare uWS send",
    isDefault: form === "json",
    open: (bench) => openFanOut(bench, form, subscribers),
  });
  const counts = [...fanOutBatchCounts.keys()];
  return [
    latency("json"),
    latency("binary"),
    ...counts.map((count) => fanOut("json", count)),
    ...counts.map((count) => fanOut("binary", count)),
  ];
}

/** A server, ours or the bare one, with requests made for it and the way to subscribe to it. */
interface Goal {
  readonly pid: number;
  readonly port: number;
  readonly directory: string;
  readonly follow: Omit<FollowTask, "count" | "pace">;
}

interface Setup {
  readonly server: Goal;
  readonly sink: Goal;
  /** Mean size of a batch. */
  readonly sizeBytes: number;
  /** Makes the session anew, so that seqs begin at 1 on both sides. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

async function setUp(bench: Bench, form: "json" | "binary", fanOut: "publish" | "send"): Promise<Setup> {
  const directory = bench.directory();
  const dataDir = join(directory, "data");
  const server = await startServer({ main: bench.main, dataDir, nodeFlags: bench.nodeFlags });
  await createSessions(server, 0, 1);
  const id = sessionIdAt(0);
  const bodies = bodiesOf({ form, shape: "plain", batch }, bodyCount);
  const published = form === "json" ? numberedBodiesOf(batch, bodyCount) : bodies;
  const write = (name: string, port: number, path: string, content: readonly Uint8Array[]) => {
    mkdirSync(join(directory, name));
    return writeRequests(join(directory, name), port, contentTypes[form], [path], content);
  };
  const sink = await bench.program("reference/sink.js");
  const sinkPort = await bench.shared("sink port", () => sink.call<number>("listen", undefined));
  const ours = write("server", server.port, `/sessions/${id}/log`, bodies);
  const theirs = write("sink", sinkPort, "/publish", published);
  const subscribe = [JSON.stringify({ type: "subscribe", id: 1, session: id, cursor: 0 })];
  const protocol = form === "binary" ? "tailrace.flatbuffers.v1" : "tailrace.json.v1";
  const reset = async () => {
    await purgeSessions(server, 0, 1);
    await untilRemoved(dataDir);
    await createSessions(server, 0, 1);
    await sink.call("configure", { batch, fanOut, isBinary: form === "binary" });
  };
  await reset();
  return {
    server: {
      ...{ pid: server.pid, port: server.port, directory: ours.directory },
      follow: { port: server.port, path: "/sessions/ws", protocol, subscribe },
    },
    sink: {
      ...{ pid: sink.pid, port: sinkPort, directory: theirs.directory },
      follow: { port: sinkPort, path: "/follow", protocol: "", subscribe },
    },
    sizeBytes: ours.bodySizeBytes,
    reset,
    close: () => server.stop(),
  };
}

/** The files of the measurement before go behind everything else, but on two processors they would be in the next one's tail. */
async function untilRemoved(dataDir: string): Promise<void> {
  while (readdirSync(sessionsDirectory(dataDir)).some((name) => name.startsWith(trashPrefix))) await pause(10);
}

async function openLatency(bench: Bench, form: "json" | "binary"): Promise<Contest> {
  const setup = await setUp(bench, form, "publish");
  const ratePerSecond = bench.isSmoke ? 200 : (await maximumRate(bench, setup)) / 2;
  const note = `at ${Math.round(ratePerSecond * batch).toLocaleString("en-US")} entries/s`;
  const take = async (goal: Goal): Promise<Sample> => {
    await setup.reset();
    const follow = await bench.program("load/follow-load.js");
    const group = await follow.call<number>("open", { ...goal.follow, count: 1, pace: "full" } satisfies FollowTask);
    await follow.call("record", group);
    const cpuBefore = cpuSecondsOf(goal.pid);
    const pace = await bench.program("load/pace-load.js");
    const { port, directory } = goal;
    const sent = await pace.call<PaceResult>("run", { port, directory, connections, ratePerSecond, seconds: bench.seconds });
    const head = Math.max(...sent.cursors);
    await follow.call<Collected>("collect", { group, cursors: [head] });
    const arrivals = await follow.call<Arrivals>("arrivals", group);
    await follow.call("close", group);
    const latency = latencyOf(latenciesMs(sent, arrivals)) ?? {};
    const count = sent.cursors.length * batch;
    const refused = sent.failed === 0 ? note : `${note}, ${sent.failed} refused`;
    const cpu = { serverCpuSeconds: cpuSecondsOf(goal.pid) - cpuBefore, generatorCpuSeconds: sent.cpuSeconds };
    return { count, seconds: sent.seconds, sizeBytes: sent.cursors.length * setup.sizeBytes, ...cpu, ...latency, note: refused };
  };
  return { subject: () => take(setup.server), reference: () => take(setup.sink), close: setup.close };
}

/** Batches a second that the server takes at most while one subscriber follows. */
async function maximumRate(bench: Bench, { server, reset }: Setup): Promise<number> {
  const follow = await bench.program("load/follow-load.js");
  const load = await bench.program("load/http-load.js");
  const group = await follow.call<number>("open", { ...server.follow, count: 1, pace: "full" } satisfies FollowTask);
  const { port, directory } = server;
  const task: HttpLoad = { port, directory, connections, seconds: Math.max(2, bench.seconds) };
  await load.call<LoadResult>("run", task);
  const { count, seconds } = await load.call<LoadResult>("run", task);
  await follow.call("close", group);
  await reset();
  return count / seconds;
}

/** From the time that was meant for a batch to the arrival of its last entry. */
function latenciesMs(sent: PaceResult, { cursors, timesMs }: Arrivals): Float64Array {
  const order = Array.from(sent.cursors, (_, index) => index).sort(
    (one, other) => (sent.cursors[one] as number) - (sent.cursors[other] as number),
  );
  const found = new Float64Array(order.length);
  let arrival = 0;
  order.forEach((index, at) => {
    while (arrival < cursors.length - 1 && (cursors[arrival] as number) < (sent.cursors[index] as number)) arrival++;
    found[at] = (timesMs[arrival] as number) - (sent.meantMs[index] as number);
  });
  return found;
}

async function openFanOut(bench: Bench, form: "json" | "binary", subscribers: number): Promise<Contest> {
  const setup = await setUp(bench, form, "send");
  const batchCount = bench.isSmoke ? 4 : (fanOutBatchCounts.get(subscribers) ?? 100);
  const count = bench.isSmoke ? Math.min(subscribers, 20) : subscribers;
  const follow = await bench.program("load/follow-load.js");
  const load = await bench.program("load/http-load.js");
  const take = async (goal: Goal): Promise<Sample> => {
    await setup.reset();
    const group = await follow.call<number>("open", { ...goal.follow, count, pace: "full" } satisfies FollowTask);
    const [cpuBefore, followBefore] = [cpuSecondsOf(goal.pid), await followCpu(follow)];
    const startedMs = machineMs();
    const { port, directory } = goal;
    const collecting = follow.call<Collected>("collect", { group, cursors: [batchCount * batch] });
    const task: HttpLoad = { port, directory, connections: 4, seconds: 600, countMax: batchCount };
    const loaded = await load.call<LoadResult>("run", task);
    const { atMs, sizeBytes } = await collecting;
    const generatorCpuSeconds = loaded.cpuSeconds + (await followCpu(follow)) - followBefore;
    await follow.call("close", group);
    const cpu = { serverCpuSeconds: cpuSecondsOf(goal.pid) - cpuBefore, generatorCpuSeconds };
    return { count: batchCount * batch * count, seconds: (atMs - startedMs) / 1000, sizeBytes, ...cpu };
  };
  return { subject: () => take(setup.server), reference: () => take(setup.sink), close: setup.close };
}

function followCpu(follow: Program): Promise<number> {
  return follow.call<number>("cpuSeconds", undefined);
}
