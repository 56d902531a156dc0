/** Threads that can not be started: what waits for them is told, and later ones start again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Threads } from "#src/server/pool.ts";

const filename = new URL("./fragile-thread.js", import.meta.url).href;

function fragile(maxThreads: number) {
  const orders = new SharedArrayBuffer(4);
  const errors: Error[] = [];
  const options = { filename, workerData: { orders }, maxThreads };
  const threads = (isBroken: boolean) => {
    breaks(isBroken);
    return new Threads(options, (error) => errors.push(error));
  };
  const breaks = (isBroken: boolean) => Atomics.store(new Int32Array(orders), 0, isBroken ? 1 : 0);
  return { errors, threads, breaks };
}

for (const maxThreads of [1, 2]) {
  test(`E7: with ${maxThreads} threads, a thread that dies and can't be started again leaves no task waiting`, async () => {
    const { threads, breaks, errors } = fragile(maxThreads);
    const pool = threads(false);
    assert.equal(await pool.run("first", "answer"), "first done");
    breaks(true);
    await assert.rejects(pool.run("last", "die"), /exited with code: 70/);
    for (let round = 0; round < 3; round++) {
      const waiting = await Promise.allSettled(["a", "b", "c", "d"].map((task) => pool.run(task, "answer")));
      assert.deepEqual(new Set(waiting.map(({ status }) => status)), new Set(["rejected"]), `round ${round}`);
    }
    assert.equal(pool.waitingCount, 0);
    assert.match(errors.map(({ message }) => message).join(), /this thread can not start/);
    breaks(false);
    assert.equal(await pool.run("next", "answer"), "next done");
    await pool.close();
    await assert.rejects(pool.run("late", "answer"), /stopped/);
  });
}

test("threads that have something to do are not free, also when it fails", async () => {
  const { threads } = fragile(2);
  const pool = threads(false);
  assert.equal(pool.freeCount, 2);
  const tasks = ["a", "b", "c"].map((task) => pool.run(task, "answer"));
  assert.equal(pool.freeCount, 0);
  await Promise.all(tasks);
  assert.equal(pool.freeCount, 2);
  const last = pool.run("last", "die");
  assert.equal(pool.freeCount, 1);
  await assert.rejects(last);
  assert.equal(pool.freeCount, 2);
  await pool.close();
});

test("E7: threads that can't be started in the first place reject what they are given, and do it once they can", async () => {
  const { threads, breaks } = fragile(1);
  const pool = threads(true);
  await assert.rejects(pool.run("early", "answer"));
  breaks(false);
  for (;;) {
    // The pool that could not start may still be on its way out.
    const answer = await pool.run<string>("again", "answer").catch(() => undefined);
    if (answer === undefined) continue;
    assert.equal(answer, "again done");
    break;
  }
  await pool.close();
});
