/** The server as a whole: starts its parts in order and stops them in reverse. */

import uWS from "uWebSockets.js";
import { randomBytes } from "node:crypto";
import { type Clock, every, sleep, systemClock, waitingClock } from "../base/clock.ts";
import { createLog, type Logger } from "../base/log.ts";
import { limits } from "../config.ts";
import { checkDisk, probeDisk } from "../storage/disk.ts";
import { isFailure } from "../storage/failure.ts";
import { systemFiles } from "../storage/files.ts";
import { acquireLock, type DataDirectoryLock } from "../storage/lock.ts";
import { openFileLimit, packageText } from "../storage/machine.ts";
import { systemProcesses } from "../storage/processes.ts";
import { prepareDataDirectory } from "../storage/session-file.ts";
import { Archivist } from "./archivist.ts";
import { DeltaSource } from "./delta-source.ts";
import { Engine } from "./engine.ts";
import { forwardTarget } from "./forward.ts";
import { HostGuard } from "./hosts.ts";
import { addRoutes, type Listening, listen } from "./http.ts";
import { IngestPool } from "./ingest-pool.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Live } from "./live.ts";
import { createMetrics } from "./metrics.ts";
import { OwnLog, sessionTarget } from "./own-log.ts";
import { TaskPool } from "./pool.ts";
import { isRefusal } from "./query-input.ts";
import { ReaderBooks } from "./reader-books.ts";
import { Reads } from "./reads.ts";
import { endLeftovers, recoverSessions } from "./recovery.ts";
import { addIntake, type RouteContext, routesOf } from "./routes.ts";
import { SessionsFeed } from "./sessions-feed.ts";
import { decodeLimitsOf, type Settings, segmentSizeBytesOf, slabSizeBytesOf } from "./settings.ts";
import { addSocketRoute } from "./socket-server.ts";
import { Waits } from "./waits.ts";

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly selfId: string;
  /** Drains and stops; resolves when everything is written, synced and closed. */
  stop(reason: string): Promise<void>;
}

/** Time for close frames and last answers to leave. */
const closeFramesMs = 50;

/** Why the server did not start; the message is for people. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** Starts a server; throws `StartError` when the data directory is in use or the port is taken. */
export async function startServer(settings: Settings, clock: Clock = systemClock): Promise<RunningServer> {
  const startedMs = clock.nowMs();
  const ownLog = new OwnLog(clock);
  const log = createLog(settings.logLevel, ownLog.sink);
  const lock = lockDataDirectory(settings.dataDir, clock);
  if (lock.wasCrash) log.warn("The last server stopped without letting go: what it had not finished is cut");
  const { dataDir } = settings;
  const onThreadError = (error: Error) => log.error({ err: error }, "A thread that works on files failed");
  const query = TaskPool.query({ dataDir }, limits.queryThreadCount, onThreadError);
  const background = TaskPool.background({ dataDir }, limits.backgroundThreadCount, onThreadError);
  const sizes = { shardCount: settings.workers, slabSizeBytes: slabSizeBytesOf(settings), ringSizeBytes: settings.arenaBytes };
  const engine = new Engine({ ...sizes, clock, log, query, background, processes: systemProcesses(systemFiles) });
  const pools = startShards(engine, settings, log);
  await recoverSessions(engine, lock.trust);
  await registerSelf(engine, settings, ownLog);
  await endLeftovers(engine);
  engine.remover.sweep();

  const context = contextOf(engine, settings, startedMs);
  const { app, listening } = await openNetwork(context, settings);
  const cancelTimers = startTimers(context, settings);
  engine.gate.open();
  const url = `http://${settings.host.includes(":") ? `[${settings.host}]` : settings.host}:${listening.port}`;
  log.info(
    { url, data_dir: settings.dataDir, sessions: engine.registry.count, ms: clock.nowMs() - startedMs },
    "The server is ready",
  );

  const stop = once(async (reason: string) => {
    log.info({ reason }, "The server stops");
    engine.gate.stop();
    cancelTimers();
    await withinMs(limits.drainMsMax, engine.drain());
    await ownLog.end("server shutdown");
    await withinMs(limits.drainMsMax, engine.drain());
    await closeNetwork(context, listening, app);
    for (const shard of engine.shards) shard.stop();
    const areSynced = await Promise.all(pools.map((pool) => pool.close()));
    await Promise.all([query.close(), background.close()]);
    // A lock that is not released makes the next start look closer: nobody synced what a worker that died had written.
    const isDurable = areSynced.every((isSynced) => isSynced) && engine.shards.every((shard) => shard.restartCount === 0);
    if (isDurable) lock.release(clock.nowMs());
  });
  return { url, port: listening.port, selfId: engine.selfId, stop };
}

function lockDataDirectory(dataDir: string, clock: Clock): DataDirectoryLock {
  try {
    prepareDataDirectory(systemFiles, dataDir);
  } catch (error) {
    throw new StartError(`The data directory ${dataDir} can't be made: ${(error as Error).message}`);
  }
  const claim = { pid: process.pid, token: randomBytes(8).toString("hex"), nowMs: clock.nowMs() };
  const lock = acquireLock(systemFiles, dataDir, systemProcesses(systemFiles), claim);
  if (isFailure(lock)) throw new StartError(lock.message);
  return lock;
}

function startShards(engine: Engine, settings: Settings, log: Logger): IngestPool[] {
  // Half of what the process may open is for sockets and the rest of it.
  const descriptorCountMax = Math.max(8, Math.floor((openFileLimit(systemFiles) - 64) / 2 / settings.workers));
  return engine.shards.map((shard) => {
    const workerData = {
      slab: shard.slab.buffer,
      ring: shard.ring.buffer,
      dataDir: settings.dataDir,
      segmentSizeBytes: segmentSizeBytesOf(settings),
      limits: decodeLimitsOf(settings),
      descriptorCountMax: Math.min(descriptorCountMax, limits.descriptorCountMax),
      testHooks: settings.testHooks,
    };
    const pool = new IngestPool({
      desk: shard.desk,
      workerData,
      onIdleDeath: (error) => shard.lostWorker(error),
      onError: (error) => log.error({ err: error, shard: shard.index }, "An ingest thread failed"),
    });
    shard.connect(pool);
    return pool;
  });
}

async function registerSelf(engine: Engine, settings: Settings, ownLog: OwnLog): Promise<void> {
  const { forward, parentSession } = settings;
  if (forward !== undefined) return ownLog.attach(forwardTarget({ url: forward, sessionId: engine.newId(), parentSession }));
  const { version } = JSON.parse(packageText("package.json")) as { version: string };
  const made = await engine.createOrUpdate(engine.newId(), {
    appname: "tailrace",
    mode: "server",
    platform: process.platform,
    pid: process.pid,
    ...(parentSession === undefined ? {} : { parent_session_id: parentSession }),
    metadata: { version, node: process.version, data_dir: settings.dataDir, workers: settings.workers },
  });
  if (isRefusal(made)) throw new StartError(made.message);
  made.session.isSelf = true;
  engine.self = made.session;
  ownLog.attach(sessionTarget(engine, made.session));
}

function contextOf(engine: Engine, settings: Settings, startedMs: number): RouteContext {
  const reads = new Reads(engine);
  const live = new Live(engine, new DeltaSource(engine, reads));
  const waits = new Waits(engine.clock, live);
  const archivist = new Archivist(engine);
  return {
    engine,
    live,
    reads,
    waits,
    feed: new SessionsFeed(engine),
    books: new ReaderBooks(engine, reads, waits),
    archivist,
    lifecycle: new Lifecycle(engine, settings, systemProcesses(systemFiles), archivist),
    startedMs,
    metrics: createMetrics(engine, live),
    openapi: packageText("schema/openapi.json"),
  };
}

async function openNetwork(context: RouteContext, settings: Settings) {
  const { engine } = context;
  const app = uWS.App();
  const guard = new HostGuard(settings.host, settings.allowHost, settings.allowOrigin);
  addIntake(app, engine, guard, settings.bodyLimit);
  addSocketRoute(app, context, guard, settings.bodyLimit);
  addRoutes(app, routesOf(context), engine, guard);
  const listening = await listen(app, settings.host, settings.port);
  if (isRefusal(listening)) throw new StartError(listening.message);
  return { app, listening };
}

function startTimers({ engine, live, lifecycle }: RouteContext, settings: Settings): () => void {
  const { clock } = engine;
  const lookAtDisk = () => {
    const disk = checkDisk(systemFiles, settings.dataDir, settings.diskLowWater);
    // A directory that is gone, a disk that does not answer: batches fail by themselves, and it may come back.
    if (isFailure(disk)) return engine.gate.setStorageTrouble(disk.message);
    const free = Math.floor(disk.freeBytes / 1024 / 1024);
    const mark = Math.floor(disk.lowWaterBytes / 1024 / 1024);
    engine.gate.setDiskLow(
      disk.isLow ? `The disk has ${free} MiB free, under the mark of ${mark} MiB: free some space.` : undefined,
    );
    if (engine.gate.hasStorageTrouble && probeDisk(systemFiles, settings.dataDir) === undefined)
      engine.gate.setStorageTrouble(undefined);
  };
  lookAtDisk();
  const cancels = [
    every(clock, limits.diskCheckIntervalMs, lookAtDisk),
    every(clock, limits.socketHeartbeatMs, () => live.connections.heartbeat()),
    every(clock, limits.cursorIntervalMs, () => live.connections.tellCursors()),
    every(clock, limits.jobStuckAfterMs / 2, () => engine.reportStuckJobs()),
    lifecycle.start(clock),
  ];
  return () => {
    for (const cancel of cancels) cancel();
  };
}

async function closeNetwork({ live, waits }: RouteContext, listening: Listening, app: uWS.TemplatedApp): Promise<void> {
  listening.close();
  live.connections.endAll();
  waits.stop();
  // Close frames and last answers leave before connections are cut.
  await sleep(waitingClock, closeFramesMs);
  app.close();
}

async function withinMs(ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = waitingClock.after(ms, resolve);
  });
  await Promise.race([work, late]);
  cancel();
}

function once(action: (reason: string) => Promise<void>): (reason: string) => Promise<void> {
  let running: Promise<void> | undefined;
  return (reason) => {
    running ??= action(reason);
    return running;
  };
}
