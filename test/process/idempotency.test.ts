/** Batches with keys: stored once, however often, wherever and through whatever crash they are sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppendAnswer } from "#src/wire/api.ts";
import type { HttpAnswer } from "../harness/http.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { freshSessionId, type Random, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, sharedServer, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const flags = ["--log-level", "fatal", "--test-hooks", "--segment-bytes", "128KiB"];
const server = sharedServer({ flags });
const batchCount = process.env["TAILRACE_LONG"] === "1" ? 10_000 : 2000;
const producerCount = 8;

function keyed(target: TestServer, id: string, key: string, entries: readonly object[], query = ""): Promise<HttpAnswer> {
  return target.append(id, entries, query, { "idempotency-key": key });
}

test("K1: a batch that is sent again is answered as the first time, marked as a duplicate, and not stored", async () => {
  const id = await server.session();
  const first = await keyed(server, id, "p:1", [{ message: "a" }, { message: "b" }]);
  assert.deepEqual(first.json(), { first: 1, cursor: 2, count: 2, ack: "written" });
  await keyed(server, id, "p:2", [{ message: "c" }]);
  const again = await keyed(server, id, "p:1", [{ message: "a" }, { message: "b" }]);
  assert.equal(again.status, 200);
  assert.deepEqual(again.json(), { first: 1, cursor: 2, count: 2, ack: "written", duplicate: true });
  const synced = await keyed(server, id, "p:1", [{ message: "a" }, { message: "b" }], "?ack=synced");
  assert.deepEqual(synced.json(), { first: 1, cursor: 2, count: 2, ack: "synced", duplicate: true });
  assert.deepEqual(
    (await server.readAll(id)).map((entry) => entry.message),
    ["a", "b", "c"],
  );
});

test("K1: the same key with another body is refused, in the same job as later", async () => {
  const id = await server.session();
  const answers = await Promise.all([
    keyed(server, id, "p:1", [{ message: "a" }]),
    keyed(server, id, "p:1", [{ message: "other" }]),
  ]);
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 422]);
  const late = await keyed(server, id, "p:1", [{ message: "third" }]);
  assert.deepEqual([late.status, late.error.code], [422, "idempotency_mismatch"]);
  assert.equal((await server.readAll(id)).length, 1);
});

test("keys belong to their producer and their session", async () => {
  const one = await server.session();
  const two = await server.session();
  for (const id of [one, two])
    for (const producer of ["p", "q", "P", "p."])
      assert.equal((await keyed(server, id, `${producer}:1`, [{ message: producer }])).json<AppendAnswer>().duplicate, undefined);
  assert.deepEqual(
    (await server.readAll(one)).map((entry) => entry.message),
    ["p", "q", "P", "p."],
  );
});

test("a batch that was refused may be sent again under its key", async () => {
  const id = await server.session();
  assert.equal((await keyed(server, id, "p:1", [{ message: "m", level: "loud" }])).status, 400);
  assert.deepEqual((await keyed(server, id, "p:1", [{ message: "m", level: "warn" }])).json(), {
    first: 1,
    cursor: 1,
    count: 1,
    ack: "written",
  });
});

test("a key over a WebSocket is the same key, on another socket and over HTTP too", async () => {
  const id = await server.session();
  const entries = [{ message: "once", fields: { big: 1 } }];
  for (const ref of [7, 8]) {
    const live = await LiveSocket.open(server.url);
    live.send({ type: "append", ref, session: id, entries, key: "p:1" });
    const ack = await live.next("ack");
    assert.deepEqual([ack.ref, ack.first, ack.duplicate], [ref, 1, ref === 7 ? undefined : true]);
    live.send({ type: "append", ref, session: id, entries: [{ message: "other" }], key: "p:1" });
    assert.equal((await live.next("error")).code, "idempotency_mismatch");
    await live.close();
  }
  assert.equal((await keyed(server, id, "p:1", entries)).json<AppendAnswer>().duplicate, true);
  assert.equal((await server.readAll(id)).length, 1);
});

test("a key over a WebSocket that is none is an error and nothing is stored", async () => {
  const id = await server.session();
  const live = await LiveSocket.open(server.url);
  for (const key of ["p", ":1", "p:-1", "p:01", `${"p".repeat(65)}:1`, `${"p".repeat(400)}:1`, 5, {}]) {
    live.send({ type: "append", ref: 1, session: id, entries: [{ message: "m" }], key });
    assert.equal((await live.next("error", (message) => message.ref === 1)).code, "invalid_query", String(key));
  }
  assert.equal((await server.readAll(id)).length, 0);
  live.terminate();
});

test("the window holds the last 4,096 keys of a producer, over a restart too; what is older is refused, not guessed", async (t) => {
  const own = await serverFor(t, { flags });
  const id = await own.session();
  for (let from = 1; from <= 4200; from += 100) {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => keyed(own, id, `p:${from + index}`, [{ message: String(from + index) }])),
    );
    assert.ok(answers.every((answer) => answer.status === 200));
  }
  const probe = async () => {
    for (const sequence of [105, 4200])
      assert.equal(
        (await keyed(own, id, `p:${sequence}`, [{ message: String(sequence) }])).json<AppendAnswer>().duplicate,
        true,
        String(sequence),
      );
    const old = await keyed(own, id, "p:1", [{ message: "1" }]);
    assert.deepEqual([old.status, old.error.code], [422, "idempotency_mismatch"]);
  };
  await probe();
  await own.kill();
  await own.start();
  await own.session({}, id);
  await probe();
});

/** One producer: its batches one after the other, each 1 to 5 times at once, again until every copy has its answer. */
async function produce(
  target: TestServer,
  id: string,
  name: string,
  random: Random,
  counts: { sent: number; lost: number },
): Promise<void> {
  for (let sequence = 1; sequence <= batchCount / producerCount; sequence++) {
    const entries = Array.from({ length: random.whole(1, 20) }, (_, index) => ({ message: `${name} ${sequence} ${index}` }));
    if (random.whole(0, 299) === 0)
      Object.assign(entries[0] as object, { logger: `tailrace.test.die.${random.pick(["encoded", "appended"])}` });
    const copies = Array.from({ length: random.whole(1, 5) }, async () => {
      for (;;) {
        counts.sent++;
        const answer = await keyed(
          target,
          id,
          `${name}:${sequence}`,
          entries,
          random.whole(0, 9) === 0 ? "?ack=synced" : "",
        ).catch(() => undefined);
        if (answer?.status === 200) return answer.json<AppendAnswer>();
        if (answer === undefined) counts.lost++;
        else if (answer.status === 409 || answer.status === 404)
          await target.call("POST", `/sessions/${id}`).catch(() => undefined);
        else assert.equal(answer.status, 503, answer.text);
        await until("a server", () => target.isUp);
      }
    });
    const answers = await Promise.all(copies);
    for (const { first, cursor, count } of answers)
      assert.deepEqual([first, cursor, count], [answers[0]?.first, answers[0]?.cursor, entries.length]);
    assert.ok(answers.filter((answer) => answer.duplicate !== true).length <= 1, "only the first is no duplicate");
  }
}

test(`K1: ${batchCount} batches sent 1 to 5 times each, in parallel, through kill -9 and deaths of workers, are stored once`, async (t) => {
  const own = await serverFor(t, { flags: [...flags, "--workers", "2"] });
  const random = randomOf(seedOfRun());
  const ids = [await own.session({}, freshSessionId()), await own.session({}, freshSessionId())];
  const counts = { sent: 0, lost: 0 };
  let isDone = false;
  const producing = Promise.all(
    Array.from({ length: producerCount }, (_, index) => produce(own, ids[index % 2] as string, `p${index}`, random, counts)),
  ).finally(() => {
    isDone = true;
  });
  let kills = 0;
  while (!isDone) {
    const from = counts.sent;
    await until("more load", () => isDone || counts.sent > from + batchCount * 0.4);
    if (isDone) break;
    await own.kill();
    kills++;
    await own.start();
  }
  await producing;
  let batches = 0;
  for (const id of ids) {
    const stored = (await own.readAll(id)).filter((entry) => entry.logger !== "sessions").map((entry) => entry.message);
    assert.equal(new Set(stored).size, stored.length, `seed ${random.seed}: an entry is stored twice`);
    batches += stored.filter((message) => message.endsWith(" 0")).length;
  }
  assert.equal(batches, batchCount, `seed ${random.seed}`);
  t.diagnostic(
    `figures: seed ${random.seed}, ${batchCount} batches sent ${counts.sent} times, ${counts.lost} answers lost in ${kills} kills, none lost, none twice`,
  );
});
