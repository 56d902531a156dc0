/** Subscribers that read slowly or not at all: bounded memory, nobody else waits, and their stream has no gap in the end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../harness/history.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { Producer } from "../harness/producer.ts";
import { freshSessionId, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/** test/live/slow.test.ts has the campaign with a thousand subscribers. */
const figures = { sessions: 6, fast: 36, slow: 24, still: 24, entries: 20_000 };
/** What the server may hold for a socket: the send budget and one delta, each 1 MiB at most. */
const perSocketBytesMax = 2 * 1024 * 1024;
/** Rings, slabs, indexes, code and what garbage collection leaves until later. */
const serverBytesMax = 700 * 1024 * 1024;

async function metric(server: TestServer, name: string): Promise<number> {
  const text = (await server.call("GET", "/metrics")).text;
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

class Reader {
  readonly live: LiveSocket;
  readonly session: string;
  last = 0;
  isLatest = false;

  constructor(live: LiveSocket, session: string, pausesAfterEach: boolean) {
    this.live = live;
    this.session = session;
    live.keeps = false;
    live.onMessage = (message) => {
      if (message.type === "gap") assert.fail(`a gap ${message.from}…${message.to} for a lossless reader`);
      if (message.type !== "log") return;
      for (const entry of message.entries) assert.equal(entry.seq, ++this.last, "each entry once and in order");
      if (pausesAfterEach) live.socket.pause();
    };
  }

  static async open(server: TestServer, session: string, kind: "fast" | "slow" | "still"): Promise<Reader> {
    const live = await LiveSocket.open(server.url);
    const reader = new Reader(live, session, kind === "slow");
    live.send({ type: "subscribe", id: 1, session, cursor: 0 });
    if (kind === "still") live.socket.pause();
    return reader;
  }
}

test("L2: still and slow readers cost bounded memory, fast ones and producers do not wait for them, and nobody gets a gap", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const random = randomOf(seedOfRun());
  const ids = await Promise.all(Array.from({ length: figures.sessions }, () => server.session({}, freshSessionId())));
  const open = (count: number, kind: "fast" | "slow" | "still") =>
    Promise.all(Array.from({ length: count }, (_, index) => Reader.open(server, ids[index % ids.length] as string, kind)));
  const fast = await open(figures.fast, "fast");
  const slow = await open(figures.slow, "slow");
  const still = await open(figures.still, "still");
  const startMs = performance.now();
  const producers = ids.map((session, index) => {
    const history = new History();
    return new Producer({ name: `p${index}`, session, history, random, countMax: 500, padding: 1000 });
  });
  let memoryMax = 0;
  const sending = producers.map(async (producer) => {
    while (producer.sentCount < figures.entries) {
      assert.ok(await producer.sendOne(server));
      // A slow reader takes one delta now and then.
      slow[random.whole(0, slow.length - 1)]?.live.socket.resume();
      if (random.whole(0, 20) === 0)
        memoryMax = Math.max(memoryMax, await metric(server, "tailrace_process_resident_memory_bytes"));
    }
  });
  await Promise.all(sending);
  const sentMs = performance.now() - startMs;
  for (const reader of fast) await until("a fast reader has it all", () => reader.last === headOf(reader));
  const behind = [...slow, ...still].filter((reader) => reader.last < headOf(reader)).length;
  assert.ok(behind > (slow.length + still.length) / 2, `only ${behind} are behind: the test is too small`);
  assert.ok((await metric(server, "tailrace_slow_readers_total")) >= behind / 2, "the server waits for those who are behind");
  const bound = serverBytesMax + (fast.length + slow.length + still.length) * perSocketBytesMax;
  assert.ok(memoryMax < bound, `${memoryMax} bytes of memory, bound ${bound}`);
  for (const reader of [...slow, ...still]) reader.live.onMessage = justCount(reader);
  for (const reader of [...slow, ...still]) reader.live.socket.resume();
  for (const reader of [...slow, ...still]) await until("a slow reader has it all", () => reader.last === headOf(reader));
  const total = producers.reduce((sum, producer) => sum + producer.sentCount, 0);
  t.diagnostic(
    `figures: seed ${random.seed}, ${total} entries in ${Math.round(sentMs)} ms to ${fast.length} fast, ${slow.length} slow and ${still.length} still readers; ` +
      `memory at most ${Math.round(memoryMax / 1024 / 1024)} MiB`,
  );
  for (const reader of [...fast, ...slow, ...still]) reader.live.terminate();

  function headOf(reader: Reader): number {
    return producers[ids.indexOf(reader.session)]?.acknowledgedCount ?? 0;
  }
});

/** Goes on checking, without stopping any more. */
function justCount(reader: Reader): NonNullable<LiveSocket["onMessage"]> {
  return (message) => {
    assert.notEqual(message.type, "gap");
    if (message.type === "log") for (const entry of message.entries) assert.equal(entry.seq, ++reader.last);
  };
}

test("L2: a still reader that wants the latest is told of one gap up to the head and goes on from there", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const random = randomOf(seedOfRun());
  const id = await server.session();
  const live = await LiveSocket.open(server.url);
  live.send({ type: "subscribe", id: 1, session: id, cursor: 0, policy: "latest" });
  await live.next("subscribed");
  live.socket.pause();
  const producer = new Producer({ name: "p", session: id, history: new History(), random, countMax: 500, padding: 2000 });
  await until(
    "the server waits",
    async () => (await producer.sendOne(server)) && (await metric(server, "tailrace_slow_readers_total")) > 0,
  );
  for (let more = 0; more < 10; more++) await producer.sendOne(server);
  const head = producer.acknowledgedCount;
  live.socket.resume();
  const gap = await live.next("gap");
  assert.deepEqual([gap.to, gap.reason], [head, "slow"]);
  let last = 0;
  for (const message of live.messages.splice(0))
    if (message.type === "log") for (const entry of message.entries) assert.equal(entry.seq, ++last);
  assert.equal(gap.from, last + 1, "the gap begins where its entries end");
  await server.append(id, [{ message: "after" }]);
  assert.deepEqual(
    (await live.next("log")).entries.map((entry) => entry.seq),
    [head + 1],
  );
  live.terminate();
});
