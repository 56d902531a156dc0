/** The figures for slow readers: what they cost the server in memory, the producers in speed and the fast readers in entries. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { limits } from "#src/config.ts";
import type { SessionObject } from "#src/wire/api.ts";
import { EventStream } from "../harness/event-stream.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { frame, RawSocket } from "./raw-socket.ts";
import { WireReader } from "./wire-reader.ts";

const isLong = process.env["TAILRACE_LONG"] === "1";
const figures = isLong
  ? { sessions: 50, fast: 600, still: 200, slow: 200, seconds: 60, connections: 32 }
  : { sessions: 5, fast: 60, still: 20, slow: 20, seconds: 4, connections: 8 };
const mebibyte = 1024 * 1024;
/** What a socket may cost: what is queued in it, twice over for the room that growing memory takes, and the library's own. */
const perSocketSizeBytesMax = 2 * (limits.socketSendBudgetBytes + limits.deltaSizeBytesMax) + 16 * 1024;

function residentSizeBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** A connection that posts the same batch to its sessions, one after the other, as fast as it is answered. */
class Poster {
  readonly #socket: Socket;
  readonly #requests: readonly Buffer[];
  answeredCount = 0;
  isStopped = false;

  constructor(port: number, sessions: readonly string[], body: string) {
    this.#requests = sessions.map((id) => {
      const head = `POST /sessions/${id}/log HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
      return Buffer.from(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
    this.#socket = connect(port, "127.0.0.1", () => this.#post());
    this.#socket.on("data", (answer) => {
      // Small answers come in one piece.
      if (answer.includes("HTTP/1.1 200")) this.answeredCount++;
      if (!this.isStopped) this.#post();
    });
  }

  #post(): void {
    this.#socket.write(this.#requests[this.answeredCount % this.#requests.length] as Buffer);
  }

  close(): void {
    this.#socket.destroy();
  }
}

interface Run {
  readonly server: TestServer;
  readonly ids: readonly string[];
  readonly fast: readonly WireReader[];
  readonly still: readonly WireReader[];
  readonly slow: readonly WireReader[];
  readonly entriesPerSecond: number;
  readonly memoryMax: number;
}

const batch = Array.from({ length: 100 }, (_, index) => ({
  level: "info",
  logger: "LogHttp",
  message: `${index} GET /api/items/17 took 123 ms for a client that is far away`,
}));

async function runWith(t: TestContext, counts: { still: number; slow: number }): Promise<Run> {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const ids = await Promise.all(Array.from({ length: figures.sessions }, () => server.session()));
  const open = (count: number) =>
    Array.from({ length: count }, (_, index) => new WireReader(server.port, ids[index % ids.length] as string));
  const [fast, still, slow] = [open(figures.fast), open(counts.still), open(counts.slow)] as const;
  const all = [...fast, ...still, ...slow];
  await until("all subscriptions", async () => (await subscriberCount(server)) === all.length);
  for (const reader of [...still, ...slow]) reader.stop();
  const posters = Array.from(
    { length: figures.connections },
    (_, index) => new Poster(server.port, [...ids.slice(index), ...ids.slice(0, index)], JSON.stringify(batch)),
  );
  let memoryMax = 0;
  const sips = 10;
  const ticking = setInterval(() => {
    memoryMax = Math.max(memoryMax, residentSizeBytes(server.pid));
    // 1 KB a second.
    for (const reader of slow) reader.sip(1000 / sips);
  }, 1000 / sips);
  const startMs = performance.now();
  await until("the time is over", () => performance.now() - startMs > figures.seconds * 1000, 2 * figures.seconds * 1000);
  const seconds = (performance.now() - startMs) / 1000;
  const answered = posters.reduce((sum, poster) => sum + poster.answeredCount, 0);
  for (const poster of posters) poster.isStopped = true;
  clearInterval(ticking);
  await until(
    "the last answers",
    async () => (await headsOf(server, ids)).reduce((sum, head) => sum + head, 0) >= answered * 100,
  );
  for (const poster of posters) poster.close();
  return { server, ids, fast, still, slow, entriesPerSecond: (answered * 100) / seconds, memoryMax };
}

async function subscriberCount(server: TestServer): Promise<number> {
  const { text } = await server.call("GET", "/metrics");
  return Number(/^tailrace_subscribers (\d+)$/m.exec(text)?.[1]);
}

function headsOf(server: TestServer, ids: readonly string[]): Promise<number[]> {
  return Promise.all(ids.map(async (id) => (await server.call("GET", `/sessions/${id}`)).json<SessionObject>().head));
}

/** Waits until these have read up to the head of their sessions. */
async function untilRead({ server, ids }: Run, readers: readonly WireReader[]): Promise<void> {
  const heads = new Map((await headsOf(server, ids)).map((head, index) => [ids[index], head]));
  for (const reader of readers) {
    await until("a reader is at the head", () => reader.cursor === heads.get(reader.session) || reader.isOver, 300_000);
    assert.deepEqual([reader.isOver, reader.gapCount, reader.cursor], [false, 0, heads.get(reader.session)]);
  }
}

test("L2: readers that never read and readers of 1 KB a second cost memory within the bound, and lose nothing", async (t) => {
  // Seconds on a machine that does other things as well say nothing about speed: that takes the long run.
  const alone = isLong ? await runAlone(t) : undefined;
  const run = await runWith(t, { still: figures.still, slow: figures.slow });
  const { fast, still, slow, memoryMax } = run;
  t.diagnostic(
    `figures: ${fast.length} fast, ${still.length} still and ${slow.length} slow readers of ${figures.sessions} sessions for ${figures.seconds} s: ` +
      `${Math.round(run.entriesPerSecond)} entries/s, memory at most ${Math.round(memoryMax / mebibyte)} MiB`,
  );
  await untilRead(run, fast);
  const lazy = [...still, ...slow];
  assert.ok(lazy.every((reader) => !reader.isOver && reader.gapCount === 0));
  const bound = Math.max(alone?.memoryMax ?? 0, 600 * mebibyte) + lazy.length * perSocketSizeBytesMax;
  assert.ok(memoryMax < bound, `${memoryMax} bytes, bound ${bound}`);
  for (const reader of fast) reader.destroy();
  // All of them go on without a seam; the whole way to the head is long for hundreds.
  for (const reader of lazy) reader.go();
  await untilRead(run, isLong ? [...still.slice(0, 5), ...slow.slice(0, 5)] : lazy);
  assert.ok(lazy.every((reader) => !reader.isOver && reader.gapCount === 0));
  for (const reader of lazy) reader.destroy();
  if (alone === undefined) return;
  const ratio = run.entriesPerSecond / alone.entriesPerSecond;
  t.diagnostic(
    // Readers and senders share this process: what the server alone loses is measured by the bench "live/slow readers".
    `figures: ${Math.round(alone.entriesPerSecond)} entries/s without still and slow readers, ratio ${ratio.toFixed(2)}`,
  );
});

async function runAlone(t: TestContext): Promise<Run> {
  const run = await runWith(t, { still: 0, slow: 0 });
  await untilRead(run, run.fast);
  for (const reader of run.fast) reader.destroy();
  await run.server.close();
  return run;
}

test("L2: a socket whose client asks without reading is closed with 1013, behind the answers it can still read", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const socket = await RawSocket.open(server.port);
  socket.connection.socket.pause();
  const nonsense = Buffer.concat(Array.from({ length: 1000 }, () => frame({ payload: "x" })));
  const isOpen = async () => /^tailrace_sockets 1$/m.test((await server.call("GET", "/metrics")).text);
  await until("the server closes it", async () => {
    socket.connection.send(nonsense);
    return !(await isOpen());
  });
  socket.connection.socket.resume();
  assert.equal(await socket.end(), 1013);
  socket.destroy();
});

test("L2: an event stream that is not read for longer than the library has patience goes on where it was", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const id = await server.session();
  const large = Array.from({ length: 1000 }, (_, index) => ({ message: `${index} `.padEnd(1000, "x") }));
  for (let round = 0; round < 15; round++) await server.append(id, large);
  const stream = await EventStream.open(`${server.url}/sessions/${id}/log/stream?cursor=0`);
  stream.response.pause();
  const startMs = performance.now();
  await until("15 seconds", () => performance.now() - startMs > 15_000);
  stream.response.resume();
  let cursor = 0;
  while (cursor < 15_000) {
    const { data } = await stream.next("log");
    const { entries, ...told } = JSON.parse(data) as { cursor: number; entries: { seq: number }[] };
    for (const entry of entries) assert.equal(entry.seq, ++cursor);
    assert.equal(told.cursor, cursor);
  }
  stream.close();
});
