/** Flow intake: batches over HTTP and WebSocket, acknowledged after the write to the session's file. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { must } from "#src/base/assert.ts";
import { tryParseSessionId } from "#src/base/ids.ts";
import { appendFrame } from "#src/wire/frame.ts";
import type { HttpLoad, LoadResult, SocketLoad } from "../load/load.ts";
import { clientFrame } from "../load/web-socket.ts";
import { runWrk } from "../load/wrk.ts";
import { cpuSecondsOf } from "../parts/process.ts";
import type { Program } from "../parts/program.ts";
import { writeFrames, writeRequests } from "../parts/requests.ts";
import { type BenchServer, createSessions, purgeSessions, sessionIdAt, startServer, storedEntryCount } from "../parts/server.ts";
import { bodiesOf, contentTypes, type Workload } from "../parts/workload.ts";
import type { ParseResult, ParseTask } from "../reference/parse.ts";
import { fill } from "./fill.ts";
import type { Bench, Contest, Sample } from "./flow.ts";

export interface Intake extends Workload {
  readonly transport: "http" | "ws";
  readonly sessions: number;
  /** Connections or sockets. */
  readonly connections: number;
  readonly reference: "parse" | "sink" | "one session";
}

/** Unanswered messages of a socket: half of the credits that the server gives, fewer of large ones. */
function windowOf(batch: number): number {
  if (batch === 1) return 128;
  return batch === 100 ? 16 : 4;
}

/** Different bodies of a flow: enough that no cache holds them all. */
function bodyCountOf(batch: number, isSmoke: boolean): number {
  if (isSmoke) return batch === 1 ? 64 : 4;
  if (batch === 1) return 4096;
  return batch === 100 ? 256 : 48;
}

/** Where load goes: a server with files of requests made for it. */
interface Goal {
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
}

/** Sets up a flow of intake with its reference. */
export async function openIntake(intake: Intake, bench: Bench): Promise<Contest> {
  const directory = bench.directory();
  const server = await startServer({ main: bench.main, dataDir: join(directory, "data"), nodeFlags: bench.nodeFlags });
  const bodies = bodiesOf(intake, bodyCountOf(intake.batch, bench.isSmoke));
  const sizeBytes = bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length;
  const setup: Setup = { intake, bench, server, bodies, sizeBytes };
  await createSessions(server, 0, intake.sessions);
  // Making a session's first file is not part of taking entries in.
  if (intake.sessions > 1) await fill(bench, server, { sessions: intake.sessions, entriesEach: 1, batch: 1, shape: "plain" });
  const goal = prepare(setup, join(directory, "server"), server, intake.sessions);
  const { reference, generatorRate } = await referenceOf(setup, directory);
  const measure = async () => ({ ...(await subject(setup, goal)), ...(generatorRate === undefined ? {} : { generatorRate }) });
  const seconds = bench.warmUpSeconds;
  if (seconds > 0) await drive({ ...setup, bench: { ...bench, seconds } }, goal);
  return { subject: measure, reference, close: () => server.stop() };
}

interface Setup {
  readonly intake: Intake;
  readonly bench: Bench;
  readonly server: BenchServer;
  readonly bodies: readonly Uint8Array[];
  /** Mean size of a body. */
  readonly sizeBytes: number;
}

async function subject(setup: Setup, goal: Goal): Promise<Sample> {
  const { server, intake } = setup;
  const before = await storedEntryCount(server);
  const result = await drive(setup, goal);
  const stored = (await storedEntryCount(server)) - before;
  const acknowledged = result.count;
  if (stored < acknowledged) throw new Error(`${acknowledged} entries were acknowledged, but ${stored} are stored`);
  // The file of one session grows by a gigabyte in some seconds.
  if (intake.sessions === 1) {
    await purgeSessions(server, 0, 1);
    await createSessions(server, 0, 1);
  }
  return result;
}

async function drive({ intake, bench, sizeBytes }: Setup, goal: Goal): Promise<Sample> {
  const cpuBefore = cpuSecondsOf(goal.pid);
  const result = await load(intake, bench, goal);
  const serverCpuSeconds = cpuSecondsOf(goal.pid) - cpuBefore;
  const { count, seconds, p50Ms, p99Ms, p999Ms, failed } = result;
  const latency = intake.transport === "ws" && intake.sessions > 1 ? {} : { p50Ms, p99Ms, p999Ms };
  const sample = {
    count: count * intake.batch,
    seconds,
    sizeBytes: count * sizeBytes,
    serverCpuSeconds,
    generatorCpuSeconds: result.cpuSeconds,
    ...latency,
  };
  return failed === 0 ? sample : { ...sample, note: `${failed} refused` };
}

async function load(intake: Intake, bench: Bench, { port, directory }: Goal): Promise<LoadResult> {
  const { connections, batch } = intake;
  const { seconds } = bench;
  if (intake.transport === "http") {
    const httpLoad: HttpLoad = { port, directory, connections, seconds };
    if (bench.usesWrk) return runWrk(httpLoad);
    return (await bench.program("load/http-load.js")).call<LoadResult>("run", httpLoad);
  }
  const isEcho = directory.endsWith("sink");
  const protocol = intake.form === "binary" && !isEcho ? "tailrace.flatbuffers.v1" : "";
  const path = isEcho ? "/echo" : "/sessions/ws";
  const socketLoad: SocketLoad = {
    port,
    path,
    protocol,
    directory,
    seconds,
    sockets: connections,
    window: windowOf(batch),
    isEcho,
  };
  return (await bench.program("load/socket-load.js")).call<LoadResult>("run", socketLoad);
}

/** Writes what the generators send. */
function prepare(
  { intake, bodies }: Setup,
  directory: string,
  { port, pid }: { port: number; pid: number },
  sessions: number,
): Goal {
  mkdirSync(directory);
  const ids = Array.from({ length: sessions }, (_, index) => sessionIdAt(index));
  if (intake.transport === "http") {
    const paths = ids.map((id) => `/sessions/${id}/log`);
    writeRequests(directory, port, contentTypes[intake.form], paths, bodies);
  } else {
    const count = Math.max(ids.length, bodies.length);
    const frames = Array.from({ length: count }, (_, index) => {
      const id = ids[index % ids.length] as string;
      return messageFrame(intake, id, index, bodies[index % bodies.length] as Uint8Array);
    });
    writeFrames(directory, frames);
  }
  return { port, pid, directory };
}

function messageFrame({ form, batch }: Intake, id: string, ref: number, body: Uint8Array): Uint8Array {
  if (form === "binary") {
    const session = must(tryParseSessionId(id), "ids of the bench are ids");
    return clientFrame(appendFrame({ ref, session }, body), false);
  }
  const text = Buffer.from(body).toString("utf8");
  const entries = batch === 1 ? `[${text}]` : text;
  return clientFrame(Buffer.from(`{"type":"append","ref":${ref},"session":"${id}","entries":${entries}}`), true);
}

interface Reference {
  readonly reference: () => Promise<Sample>;
  /** What the generator reaches against a bare sink, where that is not the reference itself. */
  readonly generatorRate?: number;
}

async function referenceOf(setup: Setup, directory: string): Promise<Reference> {
  const { intake, bench, server } = setup;
  if (intake.reference === "one session") {
    const goal = prepare(setup, join(directory, "one"), server, 1);
    return { reference: () => drive(setup, goal) };
  }
  const sink = await startSink(setup, directory);
  if (intake.reference === "sink") return { reference: () => drive(setup, sink) };
  const { count, seconds } = await drive(setup, sink);
  const parse = await bench.program("reference/parse.js");
  return { reference: () => parseSample(setup, sink.directory, parse), generatorRate: count / seconds };
}

async function startSink(setup: Setup, directory: string): Promise<Goal> {
  const sink = await setup.bench.program("reference/sink.js");
  const port = await setup.bench.shared("sink port", () => sink.call<number>("listen", undefined));
  await sink.call("configure", { batch: setup.intake.batch });
  return prepare(setup, join(directory, "sink"), { port, pid: sink.pid }, setup.intake.sessions);
}

async function parseSample({ intake, bench, sizeBytes }: Setup, directory: string, parse: Program): Promise<Sample> {
  const form = intake.form === "ndjson" ? "ndjson" : "json";
  const task: ParseTask = { directory, form, seconds: bench.seconds };
  const { count, seconds, cpuSeconds } = await parse.call<ParseResult>("run", task);
  const entries = { count: count * intake.batch, sizeBytes: count * sizeBytes, seconds };
  return { ...entries, serverCpuSeconds: cpuSeconds, generatorCpuSeconds: 0 };
}
