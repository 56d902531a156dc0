/**
 * Full load for minutes: resident memory after the first one and at the end. The session is held under a size, so that the
 * disk is not what ends it. Exits with 1 when memory grew by more than the target allows.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import type { HttpLoad, LoadResult } from "./load/load.ts";
import { runWrk } from "./load/wrk.ts";
import { Context } from "./parts/context.ts";
import { commitName, cpuSecondsOf, hasCommand, machineLine, residentBytesOf } from "./parts/process.ts";
import { writeRequests } from "./parts/requests.ts";
import { createSessions, ownMain, sessionIdAt, startServer } from "./parts/server.ts";
import { bodiesOf, contentTypes } from "./parts/workload.ts";

interface Options {
  readonly minutes: number;
  readonly sessions: number;
  readonly batch: number;
  readonly directory?: string;
}

const growthMax = 1.05;
const secondsPerStep = 15;
const stepsPerMinute = 60 / secondsPerStep;
const megabyte = 1e6;

async function main({ minutes, sessions, batch, directory }: Options): Promise<void> {
  const context = new Context(directory);
  const usesWrk = hasCommand("wrk");
  const bench = context.bench({
    ...{ isSmoke: false, seconds: secondsPerStep, warmUpSeconds: 0, usesWrk },
    ...{ main: ownMain, nodeFlags: [], say: () => {} },
  });
  const place = bench.directory();
  const flags = ["--session-max-bytes", `${Math.ceil(4096 / sessions)}MiB`];
  const server = await startServer({ main: ownMain, dataDir: join(place, "data"), flags });
  await createSessions(server, 0, sessions);
  const requests = join(place, "requests");
  mkdirSync(requests);
  const paths = Array.from({ length: sessions }, (_, index) => `/sessions/${sessionIdAt(index)}/log`);
  writeRequests(requests, server.port, contentTypes.json, paths, bodiesOf({ form: "json", shape: "plain", batch }, 256));
  const task: HttpLoad = { port: server.port, directory: requests, connections: 32, seconds: secondsPerStep };
  const load = async () => (usesWrk ? runWrk(task) : (await bench.program("load/http-load.js")).call<LoadResult>("run", task));
  console.log(`${machineLine()}; commit ${commitName()}; ${sessions} sessions, batches of ${batch}, ${minutes} minutes`);
  const residentBytes: number[] = [];
  let entryCount = 0;
  for (let step = 1; step <= minutes * stepsPerMinute; step++) {
    const { count, seconds, failed } = await load();
    entryCount += count * batch;
    residentBytes.push(residentBytesOf(server.pid));
    const rate = Math.round((count * batch) / seconds).toLocaleString("en-US");
    const resident = ((residentBytes.at(-1) ?? 0) / megabyte).toFixed(1);
    console.log(`${(step / stepsPerMinute).toFixed(2)} min: ${rate} entries/s, ${resident} MB resident, ${failed} refused`);
  }
  const cpuSeconds = cpuSecondsOf(server.pid);
  await server.stop();
  await context.close();
  const [first, last] = [residentBytes[stepsPerMinute - 1] ?? residentBytes[0] ?? 0, residentBytes.at(-1) ?? 0];
  const ratio = last / first;
  console.log(`${entryCount.toLocaleString("en-US")} entries, ${cpuSeconds.toFixed(0)} CPU seconds of the server`);
  const words = `${(first / megabyte).toFixed(1)} MB after 1 min, ${(last / megabyte).toFixed(1)} MB at the end`;
  console.log(`${words}: ${ratio.toFixed(3)}, ${ratio <= growthMax ? "met" : "NOT MET"}: at most ${growthMax}`);
  process.exitCode = ratio <= growthMax ? 0 : 1;
}

const program = new Command("soak")
  .option("--minutes <count>", "how long", Number, 10)
  .option("--sessions <count>", "sessions that are written to in turn", Number, 8)
  .option("--batch <count>", "entries of a batch", Number, 100)
  .option("--directory <path>", "where data directories are made");
process.setMaxListeners(100);
process.once("SIGINT", () => process.exit(130));
await main(program.parse(process.argv).opts<Options>());
process.exit();
