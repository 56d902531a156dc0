/** Flow of slow readers: full intake into many sessions with subscribers that read, beside the same plus ones that don't. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Collected, CollectTask, FollowTask } from "../load/follow-load.ts";
import type { HttpLoad, LoadResult } from "../load/load.ts";
import { cpuSecondsOf, residentBytesOf } from "../parts/process.ts";
import { writeRequests } from "../parts/requests.ts";
import { type BenchServer, createSessions, sessionAt, sessionIdAt, startServer } from "../parts/server.ts";
import { bodiesOf, contentTypes } from "../parts/workload.ts";
import type { Bench, Contest, Flow, Sample } from "./flow.ts";

const batch = 100;
/** Rates of shorter measurements move by more than the target leaves. */
const secondsFactor = 5;
const fillSecondsMax = 60;

/** Returns the flow. */
export function slowReaderFlow(): Flow {
  return {
    name: "live/slow readers/600 fast, 200 never, 200 slow",
    unit: "entries",
    measure: "rate",
    reference: "the 600 fast ones only",
    target: { bound: "at least", ratio: 0.9 },
    isDefault: true,
    open,
  };
}

async function open(bench: Bench): Promise<Contest> {
  const [sessions, fast, never, slow] = bench.isSmoke ? [5, 10, 5, 5] : [50, 600, 200, 200];
  const directory = bench.directory();
  const server = await startServer({ main: bench.main, dataDir: join(directory, "data"), nodeFlags: bench.nodeFlags });
  await createSessions(server, 0, sessions);
  const requests = join(directory, "requests");
  mkdirSync(requests);
  const ids = Array.from({ length: sessions }, (_, index) => sessionIdAt(index));
  const bodies = bodiesOf({ form: "json", shape: "plain", batch }, 256);
  const paths = ids.map((id) => `/sessions/${id}/log`);
  const { bodySizeBytes } = writeRequests(requests, server.port, contentTypes.json, paths, bodies);
  const follow = await bench.program("load/follow-load.js");
  const load = await bench.program("load/http-load.js");
  const heads = () => Promise.all(ids.map(async (_, index) => (await sessionAt(server, index)).head));
  const subscribe = async (count: number, pace: FollowTask["pace"]): Promise<number> => {
    const cursors = await heads();
    const messages = ids.map((session, index) => JSON.stringify({ type: "subscribe", id: 1, session, cursor: cursors[index] }));
    const target = { port: server.port, path: "/sessions/ws", protocol: "tailrace.json.v1" };
    return follow.call<number>("open", { ...target, subscribe: messages, count, pace } satisfies FollowTask);
  };
  const take = async (withSlow: boolean): Promise<Sample> => {
    const fastGroup = await subscribe(fast, "full");
    const groups = withSlow ? [await subscribe(never, "never"), await subscribe(slow, "slow")] : [];
    const task: HttpLoad = { port: server.port, directory: requests, connections: 32, seconds: bench.seconds * secondsFactor };
    await fillSockets(server, withSlow ? never + slow : 0, () => load.call("run", { ...task, seconds: 1 }));
    const cpuBefore = cpuSecondsOf(server.pid);
    const { count, seconds, cpuSeconds, p50Ms, p99Ms, failed } = await load.call<LoadResult>("run", task);
    const resident = residentBytesOf(server.pid);
    // The fast ones get everything, whatever the others do.
    await follow.call<Collected>("collect", { group: fastGroup, cursors: await heads() } satisfies CollectTask);
    for (const group of [fastGroup, ...groups]) await follow.call("close", group);
    const cpu = { serverCpuSeconds: cpuSecondsOf(server.pid) - cpuBefore, generatorCpuSeconds: cpuSeconds };
    const note = `${Math.round(resident / 1e6)} MB resident${failed > 0 ? `, ${failed} refused` : ""}`;
    return { count: count * batch, seconds, sizeBytes: count * bodySizeBytes, ...cpu, p50Ms, p99Ms, note };
  };
  return { subject: () => take(true), reference: () => take(false), close: () => server.stop() };
}

/**
 * Lets load run until so many readers are behind. The kernel takes some megabytes for a socket that nobody reads: until they
 * are full, the server has to send as much as to one that is read.
 */
async function fillSockets(server: BenchServer, count: number, run: () => Promise<unknown>): Promise<void> {
  for (let second = 0; second < fillSecondsMax; second++) {
    await run();
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    if (Number(/^tailrace_slow_readers (\d+)$/m.exec(metrics)?.[1]) >= count) return;
  }
  throw new Error(`${count} readers did not fall behind within ${fillSecondsMax} s`);
}
