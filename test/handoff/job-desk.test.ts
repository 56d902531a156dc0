import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { JobDesk, nextJobNumber } from "#src/handoff/job-desk.ts";

const jobNumberMax = 2 ** 30 - 1;

function jobOf(desk: JobDesk, number: number, itemCount: number, keys: readonly string[]) {
  const grant = { ringPosition: 0, ringLimit: 0 };
  return { number, attempt: 1, itemCount, ...grant, ...desk.rowsOf(number), adoptions: [], keys, documents: [] };
}

test("H3: every job on the desk is taken once and in order, whenever the worker falls asleep", { timeout: 120_000 }, async () => {
  const desk = new JobDesk();
  const thread = new URL("./desk-thread.js", import.meta.url);
  const worker = new Worker(thread, { workerData: { buffer: desk.buffer, after: 0 } });
  let last: { rows: Float64Array; sum: number } | undefined;
  for (let number = 1; number <= 20_000; number++) {
    // Now the worker sleeps already, now it is about to.
    if (number % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    const keys = number % 5 === 0 ? ["a:1", "a:2"] : [];
    const job = jobOf(desk, number, 1 + (number % 3), keys);
    for (let index = 0; index < job.itemCount; index++) job.items[index] = number;
    if (keys.length > 0) worker.postMessage({ kind: "letter", letter: { adoptions: [], keys, documents: [] } });
    desk.post(job, keys.length > 0);
    const [done] = await once(worker, "message");
    assert.equal(done, number);
    assert.deepEqual(desk.summary(), {
      blockCount: number,
      cost: { busyMs: 1, malformedCount: 2, cacheMissCount: 3, truncatedCount: 4 },
    });
    const sum = number * job.itemCount + keys.length;
    assert.equal(job.outcomes[0], sum);
    if (last !== undefined) assert.equal(last.rows[0], last.sum, "the outcomes of the job before are still there");
    last = { rows: job.outcomes, sum };
  }
  worker.postMessage({ kind: "stop" });
  desk.ring();
  await once(worker, "exit");
});

test("H3: jobs that follow each other have rows of their own, also where numbers begin anew", () => {
  const desk = new JobDesk();
  for (const number of [0, 1, 2, 77, jobNumberMax - 1, jobNumberMax]) {
    const next = nextJobNumber(number);
    assert.notEqual(desk.rowsOf(number).items, desk.rowsOf(next).items);
    assert.equal(desk.rowsOf(number).items, desk.rowsOf(nextJobNumber(next)).items);
  }
  assert.equal(nextJobNumber(jobNumberMax), 0);
});

test("H3: a job is laid down behind the one before it, and taken with the letter that it came with", () => {
  const desk = new JobDesk();
  assert.throws(() => desk.post(jobOf(desk, 2, 1, []), false), /one by one/);
  desk.post(jobOf(desk, 1, 1, ["a:1"]), true);
  assert.equal(new JobDesk(desk.buffer).posted, 1);
  assert.throws(() => desk.take(1, undefined), /letter/);
  assert.deepEqual(desk.take(1, { adoptions: [], keys: ["a:1"], documents: [] }).keys, ["a:1"]);
});
