/**
 * Says where the time of the server's threads goes while a flow runs: functions by self time, from the profiles that
 * `node --cpu-prof` writes at exit. Of the first three flows by default.
 */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Command } from "commander";
import { allFlows } from "./flow/all-flows.ts";
import { Context } from "./parts/context.ts";
import { commitName, hasCommand, machineLine } from "./parts/process.ts";
import { ownMain } from "./parts/server.ts";
import { tableText } from "./parts/table.ts";

interface Options {
  readonly only?: string;
  readonly all?: true;
  readonly seconds: number;
  readonly top: number;
  readonly directory?: string;
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface Profile {
  /** Microseconds on the clock that process.hrtime reads. */
  readonly startTime: number;
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Self times of one thread. */
interface ThreadProfile {
  readonly thread: string;
  readonly busyMs: number;
  readonly wholeMs: number;
  readonly selfMs: ReadonlyMap<string, number>;
}

const flowCountDefault = 3;
/** Waiting for a processor that a profile may hold and still be of use. */
const waitingShareMax = 0.05;
/** A thread that did less than this of the time is not shown. */
const busyShareMin = 0.02;

async function main(options: Options): Promise<void> {
  const pattern = new RegExp(options.only ?? "", "i");
  const flows = allFlows().filter((flow) => pattern.test(flow.name) && (flow.isDefault || options.all === true));
  const context = new Context(options.directory);
  console.log(`${machineLine()}; commit ${commitName()}`);
  for (const flow of options.only === undefined ? flows.slice(0, flowCountDefault) : flows) {
    const profiles = context.bench(commonOf(options, [])).directory();
    mkdirSync(profiles, { recursive: true });
    const nodeFlags = ["--cpu-prof", "--cpu-prof-interval", "500", "--cpu-prof-dir", profiles];
    const contest = await flow.open(context.bench(commonOf(options, nodeFlags)));
    const fromUs = nowUs();
    const { count, seconds, serverCpuSeconds } = await contest.subject();
    await contest.close();
    const load = { fromUs, toUs: fromUs + seconds * 1e6 };
    const rate = `${Math.round(count / seconds).toLocaleString("en-US")} ${flow.unit}/s under the profiler`;
    console.log(`\n${flow.name}: ${rate}, ${((serverCpuSeconds / count) * 1e9).toFixed(0)} ns of CPU each`);
    const threads = threadsOf(profiles, load);
    printWaiting(threads, serverCpuSeconds);
    for (const profile of threads) printThread(profile, options.top);
  }
  await context.close();
}

function commonOf(options: Options, nodeFlags: readonly string[]) {
  const load = { seconds: options.seconds, warmUpSeconds: 1, usesWrk: hasCommand("wrk") };
  return { isSmoke: false, main: ownMain, nodeFlags, say: () => {}, ...load };
}

/** The time of the load: what came before it is starting up, and warming up. */
interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** The server has a profile per thread; programs of the bench have none. */
function threadsOf(directory: string, span: Span): ThreadProfile[] {
  const files = readdirSync(directory).filter((name) => name.endsWith(".cpuprofile"));
  const threads = files.map((name) => threadOf(JSON.parse(readFileSync(join(directory, name), "utf8")) as Profile, span));
  return threads.filter(({ busyMs, wholeMs }) => busyMs > wholeMs * busyShareMin).sort((one, other) => other.busyMs - one.busyMs);
}

function threadOf({ startTime, nodes, samples, timeDeltas }: Profile, { fromUs, toUs }: Span): ThreadProfile {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfMs = new Map<string, number>();
  let wholeMs = 0;
  let idleMs = 0;
  let atUs = startTime;
  samples.forEach((id, index) => {
    const frame = frames.get(id) as CallFrame;
    const deltaUs = timeDeltas[index] as number;
    atUs += deltaUs;
    if (atUs < fromUs || atUs > toUs) return;
    const ms = deltaUs / 1000;
    wholeMs += ms;
    if (idleNames.has(frame.functionName)) idleMs += ms;
    else selfMs.set(nameOf(frame), (selfMs.get(nameOf(frame)) ?? 0) + ms);
  });
  const isIngest = nodes.some(({ callFrame }) => callFrame.url.endsWith("/worker/ingest.js"));
  const isMain = nodes.some(({ callFrame }) => callFrame.url.endsWith("/server/server.js"));
  return { thread: isMain ? "main" : isIngest ? "worker" : "other", busyMs: wholeMs - idleMs, wholeMs, selfMs };
}

/** Query threads wait for their next task in the second one, ingest threads for the bell in the third. */
const idleNames: ReadonlySet<string> = new Set(["(idle)", "atomicsWaitLoop", "sleep"]);

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const place = url.startsWith("node:") ? url : basename(url).replace(/\.js$/, ".ts");
  return `${name} ${place}${url.startsWith("node:") ? "" : `:${lineNumber + 1}`}`;
}

/**
 * Samples are taken by the clock: a thread that lost its processor is charged for the wait, and loses it most often where it
 * wakes another. What is busy beyond CPU time was such waiting, and shares of calls that wake threads are too high by it.
 */
function printWaiting(threads: readonly ThreadProfile[], cpuSeconds: number): void {
  const busySeconds = threads.reduce((sum, { busyMs }) => sum + busyMs, 0) / 1000;
  const waiting = Math.max(0, 1 - cpuSeconds / busySeconds);
  const numbers = `${busySeconds.toFixed(1)} s busy by the clock, ${cpuSeconds.toFixed(1)} s on a processor`;
  const trust = waiting < waitingShareMax ? "" : "; DISTURBED: don't trust postMessage, ring, settle";
  console.log(`${numbers}: ${(waiting * 100).toFixed(0)} % waited for one${trust}`);
}

function printThread({ thread, busyMs, wholeMs, selfMs }: ThreadProfile, top: number): void {
  console.log(`\n${thread} thread: busy ${((busyMs / wholeMs) * 100).toFixed(0)} % of ${(wholeMs / 1000).toFixed(1)} s`);
  const sorted = [...selfMs].sort(([, one], [, other]) => other - one).slice(0, top);
  const share = (ms: number) => `${((ms / busyMs) * 100).toFixed(1)} %`;
  console.log(tableText(sorted.map(([name, ms]) => [`  ${name}`, share(ms), `${ms.toFixed(0)} ms`])));
}

const program = new Command("profile")
  .option("--only <pattern>", "flows whose name matches this regular expression; else the first three")
  .option("--all", "also of the whole product of workloads")
  .option("--seconds <seconds>", "length of the load", Number, 6)
  .option("--top <count>", "functions of a thread", Number, 16)
  .option("--directory <path>", "where data directories are made");
// Every program and server that runs is killed by a listener of its own.
process.setMaxListeners(100);
process.once("SIGINT", () => process.exit(130));
await main(program.parse(process.argv).opts<Options>());
process.exit();
