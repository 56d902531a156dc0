/** A worker thread that dies in the middle of a job: other shards go on, nothing acknowledged is lost or doubled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "#src/record/dictionary.hot.ts";
import type { AppendAnswer } from "#src/wire/api.ts";
import { History } from "../harness/history.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { Producer } from "../harness/producer.ts";
import { freshSessionId, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const flags = ["--workers", "2", "--test-hooks", "--log-level", "fatal", "--segment-bytes", "64KiB", "--disk-low-water", "off"];

function shardOf(id: string): number {
  const bytes = Buffer.from(id);
  return (hashOf(new Uint8Array(bytes), 0, bytes.length) >>> 0) % 2;
}

async function sessionOn(server: TestServer, shard: number): Promise<string> {
  for (;;) {
    const id = freshSessionId();
    if (shardOf(id) === shard) return server.session({}, id);
  }
}

interface ShardStats {
  readonly restarts: number;
  readonly down: boolean;
  readonly jobs: number;
}

async function shards(server: TestServer): Promise<ShardStats[]> {
  return (await server.call("GET", "/stats/sessions")).json<{ shards: ShardStats[] }>().shards;
}

function killer(stage: string, more = ""): { message: string; logger: string } {
  return { message: "killer", logger: `tailrace.test.die.${stage}${more}` };
}

for (const stage of ["encoded", "appended"]) {
  test(`a batch whose worker dies once after it was ${stage} is stored once`, async (t) => {
    const server = await serverFor(t, { flags });
    const id = await sessionOn(server, 0);
    for (let round = 0; round < 3; round++) {
      await server.append(id, [{ message: `before ${round}` }]);
      const startMs = performance.now();
      const answer = await server.append(id, [{ message: "with" }, killer(stage), { message: "it" }]);
      const first = round * 4 + 2;
      assert.deepEqual(answer.json(), { first, cursor: first + 2, count: 3, ack: "written" });
      t.diagnostic(
        `figures: the worker was back and the batch acknowledged ${Math.round(performance.now() - startMs)} ms after it was sent`,
      );
    }
    const read = (await server.readAll(id)).map((entry) => entry.message);
    assert.deepEqual(
      read,
      [0, 1, 2].flatMap((round) => [`before ${round}`, "with", "killer", "it"]),
    );
    assert.deepEqual(
      (await shards(server)).map((shard) => shard.restarts),
      [3, 0],
    );
    await server.kill();
    await server.start();
    assert.deepEqual(
      (await server.readAll(id)).slice(0, -1).map((entry) => entry.message),
      read,
    );
  });

  test(`a batch whose worker dies again and again after it was ${stage} is refused and leaves nothing`, async (t) => {
    const server = await serverFor(t, { flags });
    const id = await sessionOn(server, 1);
    await server.append(id, [{ message: "before" }]);
    const answer = await server.append(id, [{ message: "with" }, killer(stage, ".always")]);
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.error.code, "storage_unavailable");
    assert.ok(Number(answer.headers["retry-after"]) > 0);
    assert.deepEqual((await server.append(id, [{ message: "after" }])).json<AppendAnswer>().first, 2);
    assert.deepEqual(
      (await server.readAll(id)).map((entry) => entry.message),
      ["before", "after"],
    );
    assert.equal((await server.call("GET", "/readyz")).status, 200);
  });
}

test("P2: under load workers die and nothing acknowledged is lost, doubled or out of order; other shards notice nothing", async (t) => {
  const server = await serverFor(t, { flags });
  const random = randomOf(seedOfRun());
  const targets = await Promise.all(
    [0, 0, 1, 1].map(async (shard, index) => {
      const id = await sessionOn(server, shard);
      const history = new History();
      const common = { session: id, history, random, countMax: 200, padding: 100 };
      const producers = [
        new Producer({ ...common, name: "plain" }),
        new Producer({ ...common, name: "keyed", isKeyed: true }),
        new Producer({ ...common, name: "synced", ack: "synced", countMax: 20 }),
      ];
      return { id, shard, history, producers, isStopped: index % 2 === 1 };
    }),
  );
  const follower = await LiveSocket.open(server.url);
  const seen = new Map<number, number>();
  follower.keeps = false;
  follower.onMessage = (message) => {
    if (message.type !== "log") return;
    for (const entry of message.entries) {
      assert.equal(entry.seq, (seen.get(message.id) ?? 0) + 1, "each entry once and in order");
      seen.set(message.id, entry.seq);
    }
  };
  targets.forEach(({ id }, index) => {
    follower.send({ type: "subscribe", id: index, session: id, cursor: 0 });
  });
  let isOver = false;
  const loops = targets.flatMap(({ producers }) =>
    producers.map(async (producer) => {
      while (!isOver) await producer.sendOne(server);
    }),
  );
  const victim = await sessionOn(server, 0);
  for (let death = 1; death <= 5; death++) {
    const stage = death % 2 === 0 ? "encoded" : "appended";
    const answer = await server.append(victim, [{ message: `death ${death}` }, killer(stage)]);
    assert.equal(answer.status, 200, answer.text);
    await until("the death is counted", async () => (await shards(server))[0]?.restarts === death);
  }
  const before = targets.flatMap(({ producers }) => producers.map((producer) => producer.acknowledgedCount));
  await until("everybody is served again", () =>
    targets.flatMap(({ producers }) => producers).every((producer, index) => producer.acknowledgedCount > (before[index] ?? 0)),
  );
  isOver = true;
  await Promise.all(loops);
  for (const { producers } of targets)
    for (const producer of producers) assert.ok(await producer.send(server, producer.sentCount));
  let entryCount = 0;
  for (const [index, { id, shard, history }] of targets.entries()) {
    const stored = await server.readAll(id);
    history.check(stored, `seed ${random.seed}, session ${id}`);
    if (shard === 1)
      assert.ok(
        history.batches.every((batch) => batch.outcome === "acknowledged"),
        "the other shard refused nothing",
      );
    await until("followers have seen it all", () => seen.get(index) === stored.length);
    entryCount += stored.length;
  }
  assert.deepEqual(
    (await server.readAll(victim)).map((entry) => entry.message),
    [1, 2, 3, 4, 5].flatMap((death) => [`death ${death}`, "killer"]),
  );
  assert.deepEqual(
    (await shards(server)).map((shard) => [shard.restarts, shard.down]),
    [
      [5, false],
      [0, false],
    ],
  );
  t.diagnostic(`figures: seed ${random.seed}, 5 deaths under load of 12 producers, ${entryCount} entries, none lost, none twice`);
  follower.terminate();
});

test("a shard whose worker keeps dying is put down: its batches are refused at once, the other shard and all reads go on", async (t) => {
  const server = await serverFor(t, { flags });
  const id = await sessionOn(server, 0);
  const other = await sessionOn(server, 1);
  await server.append(id, [{ message: "kept" }]);
  for (let round = 0; round < 3; round++) assert.equal((await server.append(id, [killer("encoded", ".always")])).status, 503);
  const refused = await server.append(id, [{ message: "refused" }]);
  assert.equal(refused.error.code, "storage_unavailable");
  assert.equal((await server.call("GET", "/readyz")).status, 503);
  assert.equal((await server.append(other, [{ message: "fine" }])).status, 200);
  assert.deepEqual(
    (await server.readAll(id)).map((entry) => entry.message),
    ["kept"],
  );
  assert.equal(await server.stop(), 0);
  await server.start();
  assert.deepEqual((await server.readAll(id)).map((entry) => entry.message).slice(0, 1), ["kept"]);
});
