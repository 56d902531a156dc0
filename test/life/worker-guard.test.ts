import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "#src/config.ts";
import { bodyEncoding, itemKind } from "#src/handoff/job.ts";
import { DeltaSource } from "#src/server/delta-source.ts";
import { refusalAnswer } from "#src/server/exchange.ts";
import { Live } from "#src/server/live.ts";
import { createMetrics } from "#src/server/metrics.ts";
import { isRefusal } from "#src/server/query-input.ts";
import { parseReadQuery } from "#src/server/read-input.ts";
import { Reads } from "#src/server/reads.ts";
import { getReady, getStats } from "#src/server/routes-operations.ts";
import type { Session } from "#src/server/session.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import type { Refusal } from "#src/wire/outcome.ts";
import { nextTurn } from "./inline-threads.ts";
import { Machine } from "./machine.ts";

interface Stats {
  readonly ready: boolean;
  readonly shards: readonly Record<string, unknown>[];
}

function liveOf(machine: Machine): Live {
  return new Live(machine.engine, new DeltaSource(machine.engine, new Reads(machine.engine)));
}

function statsOf(machine: Machine): Stats {
  return JSON.parse(getStats(machine.engine, liveOf(machine), 0).body as string) as Stats;
}

/** Returns a session of each of the two shards. */
async function twoShards(machine: Machine): Promise<[Session, Session]> {
  const found: (Session | undefined)[] = [undefined, undefined];
  while (found.includes(undefined)) {
    const session = await machine.session();
    found[session.shardIndex] ??= session;
  }
  return found as [Session, Session];
}

test("E7: a batch whose worker dies is done by the next one, and refused when it kills that too", async () => {
  const machine = new Machine();
  const [session] = await twoShards(machine);
  const [worker] = machine.workers;
  assert.ok(worker !== undefined);
  worker.deathCount = 1;
  await machine.append(session, ["survives"]);
  worker.deathCount = 2;
  assert.equal((await machine.tryAppend(session, ["does not"]))?.code, "storage_unavailable");
  await machine.append(session, ["goes on"]);
  assert.deepEqual(machine.messages(session), ["survives", "goes on"]);
  assert.equal(statsOf(machine).shards[0]?.["restarts"], 3);
});

test("E7: a worker that dies without a job is counted, and the next one takes its sessions over with the next batch", async () => {
  const machine = new Machine();
  const [session] = await twoShards(machine);
  await machine.append(session, ["before"]);
  const [worker] = machine.workers;
  assert.ok(worker !== undefined);
  worker.dieIdle();
  await machine.append(session, ["behind"]);
  assert.deepEqual(machine.messages(session), ["before", "behind"]);
  assert.equal(statsOf(machine).shards[0]?.["restarts"], 1);
});

test("E7: a job that is rejected once the shard was stopped is refused and not run again", async () => {
  const machine = new Machine();
  const [session] = await twoShards(machine);
  const [worker] = machine.workers;
  assert.ok(worker !== undefined);
  worker.deathCount = 1;
  const refused = machine.tryAppend(session, ["lost"]);
  await nextTurn();
  machine.engine.shards[0]?.stop();
  assert.equal((await refused)?.code, "shutting_down");
  assert.deepEqual(machine.messages(session), []);
});

test("E7: a worker that dies more than five times in a minute is not restarted: its shard refuses, the others go on", async () => {
  const machine = new Machine();
  const [session, other] = await twoShards(machine);
  const [worker] = machine.workers;
  assert.ok(worker !== undefined);
  for (let death = 0; death < limits.workerDeathCountMax; death++) {
    worker.deathCount = 1;
    await machine.append(session, ["again"]);
    await machine.advance(1000);
  }
  assert.equal(getReady(machine.engine).status, 200);
  worker.deathCount = 1;
  assert.equal((await machine.tryAppend(session, ["once too often"]))?.code, "storage_unavailable");
  const jobCount = machine.engine.shards[0]?.jobCount;
  assert.equal((await machine.tryAppend(session, ["no more"]))?.code, "storage_unavailable");
  assert.equal(machine.engine.shards[0]?.jobCount, jobCount, "nobody works on it any more");
  const { status, body } = getReady(machine.engine);
  assert.deepEqual(
    [status, (JSON.parse(body as string) as { reason: string }).reason],
    [503, "The worker of shard 0 keeps dying."],
  );
  await machine.append(other, ["not concerned"]);
  const stats = statsOf(machine);
  assert.equal(stats.ready, false);
  assert.deepEqual(
    stats.shards.map((shard) => [shard["down"], shard["restarts"]]),
    [
      [true, limits.workerDeathCountMax + 1],
      [false, 0],
    ],
  );
});

test("E7: deaths that lie more than a minute back do not count", async () => {
  const machine = new Machine();
  const [session] = await twoShards(machine);
  const [worker] = machine.workers;
  assert.ok(worker !== undefined);
  for (let death = 0; death < 4 * limits.workerDeathCountMax; death++) {
    worker.deathCount = 1;
    await machine.append(session, ["again"]);
    await machine.advance(limits.workerDeathWindowMs / limits.workerDeathCountMax + 1);
  }
  assert.equal(getReady(machine.engine).status, 200);
});

test("E7: what a shard whose worker is down had stored is read, and ended sessions of it are removed", async () => {
  const machine = new Machine();
  const [session] = await twoShards(machine);
  const ended = await machine.session();
  const [worker] = machine.workers;
  assert.ok(worker !== undefined);
  await machine.append(session, ["kept"]);
  await machine.engine.end(ended, "client request");
  const isDown = () => machine.engine.shards[ended.shardIndex]?.isDown;
  for (const each of machine.workers) each.deathCount = 100;
  while (!isDown()) await machine.tryAppend(ended, ["kill"]);
  assert.equal(await machine.engine.purge(ended), undefined);
  assert.deepEqual(machine.messages(session), ["kept"]);
});

test("E7: a job that takes longer than half a minute is reported as stuck, and what waits behind it is shown with its age", async () => {
  const machine = new Machine();
  const [session] = await twoShards(machine);
  const [worker] = machine.workers;
  const [shard] = machine.engine.shards;
  assert.ok(worker !== undefined && shard !== undefined);
  let unstick = () => {};
  worker.stuck = new Promise((resolve) => {
    unstick = resolve;
  });
  const first = machine.tryAppend(session, ["takes long"]);
  while (worker.runningCount === 0) await new Promise((resolve) => setImmediate(resolve));
  const waiting = [1, 2, 3].map((index) => machine.tryAppend(session, [`waits ${index}`]));
  machine.clock.skip(limits.jobStuckAfterMs - 1);
  machine.engine.reportStuckJobs();
  assert.deepEqual([machine.logged("A job is stuck").length, shard.isStuck], [0, false]);
  machine.clock.skip(1);
  machine.engine.reportStuckJobs();
  const [line] = machine.logged("A job is stuck");
  assert.deepEqual([line?.["shard"], line?.["age_ms"], line?.["queued"]], [0, 30_000, 3]);
  const { queued, running, oldest_ms, job_ms, stuck } = statsOf(machine).shards[0] ?? {};
  assert.deepEqual(
    { queued, running, oldest_ms, job_ms, stuck },
    { queued: 3, running: 1, oldest_ms: 30_000, job_ms: 30_000, stuck: true },
  );
  const metrics = await createMetrics(machine.engine, liveOf(machine))();
  for (const row of [
    'tailrace_shard_queued_batches{shard="0"} 3',
    'tailrace_shard_oldest_batch_seconds{shard="0"} 30',
    'tailrace_shard_job_seconds{shard="0"} 30',
    'tailrace_shard_worker_restarts_total{shard="0"} 0',
    'tailrace_shard_down{shard="0"} 0',
  ]) {
    assert.ok(metrics.includes(row), row);
  }
  unstick();
  assert.deepEqual(await Promise.all([first, ...waiting]), [undefined, undefined, undefined, undefined]);
  assert.equal(shard.isStuck, false);
});

test("a read whose thread can not be started is refused as one of storage, whatever the error's code is", async () => {
  const machine = new Machine();
  const [session] = await twoShards(machine);
  await machine.append(session, ["an entry"]);
  machine.query.run = () => Promise.reject(Object.assign(new Error("EMFILE"), { code: "ERR_WORKER_INIT_FAILED" }));
  const query = parseReadQuery(new URLSearchParams("cursor=0&q=entry"), "");
  assert.ok(!isRefusal(query));
  const refusal = await new Reads(machine.engine).page(session, query);
  assert.ok(isRefusal(refusal));
  assert.equal(refusalAnswer(refusal).status, 503);
});

/** Appends one entry that is answered when it is synced; resolves with the refusal. */
function appendSynced(machine: Machine, session: Session, message: string): Promise<Refusal | undefined> {
  const shard = machine.engine.shardOf(session);
  const bytes = Buffer.from(JSON.stringify({ message }));
  const offset = shard.slab.reserve(bytes.length);
  shard.slab.bytes.set(bytes, offset);
  return new Promise((settle) =>
    shard.enqueue({
      ...{ kind: itemKind.append, session, offset, sizeBytes: bytes.length, bodyKind: bodyKind.ndjson, key: "", synced: true },
      ...{ encoding: bodyEncoding.identity, receivedMs: machine.clock.nowMs(), document: undefined, settle },
    }),
  );
}

test("a batch that was written when its worker died is synced by the next one, and answered only then", async () => {
  const machine = new Machine();
  const [session, other] = await twoShards(machine);
  const [worker] = machine.workers;
  assert.ok(worker !== undefined);
  worker.syncDeathCount = 1;
  const more = await machine.session();
  const answers = [session, more, session, other].map((target, index) => appendSynced(machine, target, `synced ${index}`));
  assert.deepEqual(await Promise.all(answers), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(machine.messages(session), ["synced 0", "synced 2"]);
  assert.equal(statsOf(machine).shards[0]?.["restarts"], 1);
  // Twice in the same batch is no accident: it is told, and the shard goes on.
  worker.syncDeathCount = 2;
  const lost = await appendSynced(machine, session, "not synced");
  assert.deepEqual([lost?.code, lost?.message.includes("was written")], ["storage_unavailable", true]);
  assert.equal(await appendSynced(machine, session, "synced again"), undefined);
  await machine.engine.drain();
  assert.deepEqual(machine.messages(session).slice(2), ["not synced", "synced again"]);
});
