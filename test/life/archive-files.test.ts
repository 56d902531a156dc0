/** Archives of a real server: what is read is the same to the byte, also while it is made, when it is killed, and with damage. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { LogPage, SessionObject } from "#src/wire/api.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { madeEntry, madeFilter, queryOf } from "../harness/log-model.ts";
import { type Random, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const program = fileURLToPath(new URL("../../main.js", import.meta.url));
const isLong = process.env["TAILRACE_LONG"] === "1";
const readCount = isLong ? 100 : 12;
const flags = ["--log-level", "warn", "--segment-bytes", "64KiB", "--archive-after", "off", "--disk-low-water", "off"];

/** Entries that are rare and hard. */
const rare = [
  { message: "" },
  { message: "x".repeat(200_000) },
  { message: "\u0000\u001b[31m\r\n\t\u202e😀\ud83d" },
  { format: "{a} {b.c} {missing}", fields: { a: null, b: { c: [1, 2.5, "drei"] }, extra: { deep: { deeper: true } } } },
  { format: "", level: "critical", logger: "ü".repeat(100) },
  { timestamp: "1969-12-31T23:59:59.999999999Z", message: "before time" },
  { timestamp: "2199-12-31T23:59:59.123456Z", message: "after time" },
];

/** Makes a session of `count` entries of all shapes in batches of all sizes, and ends it. */
async function endedSession(server: TestServer, count: number, random: Random): Promise<string> {
  const id = await server.session({ appname: "archived", metadata: { count } });
  for (let sent = 0; sent < count; ) {
    const size = Math.min(random.pick([1, 7, 100, 1000, 5000]), count - sent);
    const entries = Array.from({ length: size }, (_, index) =>
      random.whole(0, 400) === 0 ? random.pick(rare) : madeEntry(sent + index + 1, random),
    );
    const answer = await server.append(id, entries);
    assert.equal(answer.status, 200, answer.text);
    sent += size;
  }
  await server.call("DELETE", `/sessions/${id}?reason=done`);
  return id;
}

/** Digest of every page of the session in every form, and of random reads. */
async function digestOf(server: TestServer, id: string, seed: number): Promise<string> {
  const hash = createHash("sha256");
  const read = async (query: string) => {
    const answer = await server.call("GET", `/sessions/${id}/${query}`);
    assert.equal(answer.status, 200, `${query}: ${answer.text.slice(0, 300)}`);
    hash.update(answer.bytes);
    return answer;
  };
  const { head } = (await read("log?tail=0")).json<LogPage>();
  for (let cursor = 0; cursor < head; cursor += 10_000) await read(`log?cursor=${cursor}&limit=10000&format=json`);
  const random = randomOf(seed);
  for (let count = 0; count < readCount; count++) {
    const format = random.pick(["json", "ndjson", "text", "csv"]);
    const kind = random.pick(["cursor", "before", "offset", "tail"]);
    const start = random.whole(0, kind === "tail" ? 1000 : head);
    await read(`log?${kind}=${start}&limit=${random.whole(1, 1000)}&format=${format}&${queryOf(madeFilter(random, head))}`);
  }
  await read("templates");
  await read("stats");
  return hash.digest("hex");
}

function formsOf(server: TestServer, id: string): { plain: number; archived: number; other: string[] } {
  const names = readdirSync(join(server.dataDir, "sessions", id));
  const isSegment = (name: string) => /^\d{20}\.log(\.lz4)?$/.test(name);
  const archived = names.filter((name) => isSegment(name) && name.endsWith(".lz4")).length;
  const other = names.filter((name) => !isSegment(name) && !/^\d{20}\.idx$|^session\.json$/.test(name));
  return { plain: names.filter(isSegment).length - archived, archived, other };
}

async function change(server: TestServer, id: string, task: "archive" | "restore"): Promise<SessionObject> {
  const answer = await server.call("POST", `/sessions/${id}/${task}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json<SessionObject>();
}

test("E8: random sessions are the same to the byte before an archive, in it, and brought back", async (t) => {
  const server = await serverFor(t, { flags });
  const seed = seedOfRun();
  const random = randomOf(seed);
  for (const count of [1, 2, random.whole(3, 300), random.whole(2000, 6000), ...(isLong ? [100_000, 1_000_000] : [])]) {
    const id = await endedSession(server, count, random);
    const before = await digestOf(server, id, seed);
    const archived = await change(server, id, "archive");
    const { original_bytes = 0, archived_bytes = 0 } = archived;
    assert.deepEqual([archived.archived, archived.bytes], [true, archived_bytes]);
    assert.deepEqual([formsOf(server, id).plain, formsOf(server, id).other], [0, []]);
    assert.equal(await digestOf(server, id, seed), before, `archived, seed ${seed}`);
    if (count > 1000) {
      await server.stop();
      await server.start();
      assert.equal(await digestOf(server, id, seed), before, `archived and started again, seed ${seed}`);
    }
    assert.equal((await change(server, id, "restore")).archived, false);
    assert.deepEqual([formsOf(server, id).archived, formsOf(server, id).other], [0, []]);
    assert.equal(await digestOf(server, id, seed), before, `restored, seed ${seed}`);
    t.diagnostic(`figures: ${count} entries: ${original_bytes} bytes plain, ${archived_bytes} archived`);
  }
});

test("E8: who reads and follows while a session is archived and brought back gets every entry once and in order", async (t) => {
  const server = await serverFor(t, { flags });
  const random = randomOf(seedOfRun());
  const count = isLong ? 50_000 : 4000;
  const id = await endedSession(server, count, random);
  const all = await server.readAll(id);
  let isOver = false;
  const readers = Array.from({ length: 3 }, async () => {
    let rounds = 0;
    for (; !isOver || rounds === 0; rounds++) assert.deepEqual(await server.readAll(id), all);
    return rounds;
  });
  let followed = 0;
  const follow = async () => {
    const socket = await LiveSocket.open(server.url);
    socket.keeps = false;
    let cursor = 0;
    const ended = new Promise<void>((resolve, reject) => {
      socket.onMessage = (message) => {
        if (message.type === "gap") reject(new Error(`a gap ${JSON.stringify(message)}`));
        if (message.type === "log")
          for (const entry of message.entries) if (entry.seq !== ++cursor) reject(new Error(`${entry.seq}, not ${cursor}`));
        if (message.type === "ended") resolve();
      };
    });
    socket.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
    await ended;
    assert.equal(cursor, count + 1);
    socket.terminate();
    followed++;
  };
  for (let round = 0; round < 2; round++) {
    const following = follow();
    await change(server, id, "archive");
    await Promise.all([following, follow(), change(server, id, "restore")]);
  }
  isOver = true;
  t.diagnostic(`figures: ${await Promise.all(readers)} whole reads and ${followed} followers beside 2 archives`);
});

test("E8: killed at any step of archiving or restoring, the server finds the whole session, and finishes", async (t) => {
  const server = await serverFor(t, { flags });
  const seed = seedOfRun();
  const random = randomOf(seed);
  const id = await endedSession(server, isLong ? 50_000 : 4000, random);
  const before = await digestOf(server, id, seed);
  const { plain: segmentCount } = formsOf(server, id);
  let original = (await server.call("GET", `/sessions/${id}`)).json<SessionObject>().bytes;
  const met: string[] = [];
  const killCount = isLong ? 100 : 4;
  for (let kill = 0; kill < killCount; kill++) {
    const task = kill % 2 === 0 ? "archive" : "restore";
    const doneMin = random.whole(0, segmentCount - 1);
    const isDone = () => {
      const { plain, archived, other } = formsOf(server, id);
      const done = task === "archive" ? archived : plain;
      return done >= doneMin && (done > doneMin || other.length > 0 || plain + archived > segmentCount);
    };
    const answered = server.call("POST", `/sessions/${id}/${task}`).catch(() => undefined);
    // Watched without a pause: the steps are short.
    while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
    await server.kill();
    await answered;
    const { plain, archived, other } = formsOf(server, id);
    met.push(`${task} ${plain}+${archived}+${other.length}`);
    await server.start();
    assert.deepEqual(formsOf(server, id).other, [], "leftovers go with the start");
    assert.equal(await digestOf(server, id, seed), before, `killed in ${met.at(-1)}, seed ${seed}`);
    // It may have been through with its files before it was killed.
    const isThrough = task === "restore" && formsOf(server, id).archived === 0;
    const finished = isThrough
      ? (await server.call("GET", `/sessions/${id}`)).json<SessionObject>()
      : await change(server, id, task);
    assert.equal(finished.archived, task === "archive");
    if (task === "archive") assert.deepEqual([finished.original_bytes, typeof finished.archived_at], [original, "string"]);
    assert.equal(await digestOf(server, id, seed), before, `finished after ${met.at(-1)}, seed ${seed}`);
    // Merged blocks take less than small ones.
    original = finished.bytes;
  }
  t.diagnostic(`figures: ${killCount} kills, found plain+archived+temporary files: ${met.join(", ")}`);
});

test("E8: a damaged archive is told to readers, by verify and when it is to be restored; the rest of it is read", async (t) => {
  const server = await serverFor(t, { flags });
  const id = await endedSession(server, 5000, randomOf(seedOfRun()));
  const all = await server.readAll(id);
  await change(server, id, "archive");
  await server.stop();
  const directory = join(server.dataDir, "sessions", id);
  const names = readdirSync(directory).filter((name) => name.endsWith(".lz4"));
  const name = names.sort()[1] as string;
  const bytes = readFileSync(join(directory, name));
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] as number) ^ 8;
  writeFileSync(join(directory, name), bytes);
  const verified = spawnSync(process.execPath, [program, "verify", server.dataDir], { encoding: "utf8" });
  assert.equal(verified.status, 1);
  assert.ok((verified.stdout + verified.stderr).includes(name), verified.stdout);
  await server.start();
  const gaps: { from: number; to: number }[] = [];
  const entries: LogPage["entries"] = [];
  for (let cursor = 0, more = true; more; ) {
    const page = (await server.call("GET", `/sessions/${id}/log?cursor=${cursor}&limit=1000`)).json<LogPage>();
    if (page.gap !== undefined) gaps.push(page.gap);
    entries.push(...page.entries);
    ({ cursor, more } = page);
  }
  const lost = (seq: number) => gaps.some(({ from, to }) => from <= seq && seq <= to);
  assert.ok(gaps.length > 0);
  assert.deepEqual(
    entries,
    all.filter((entry) => !lost(entry.seq)),
  );
  const socket = await LiveSocket.open(server.url);
  socket.send({ type: "subscribe", id: 1, session: id, cursor: (gaps[0]?.from ?? 1) - 1 });
  const { from, to, reason } = await socket.next("gap");
  assert.deepEqual([from, to, reason], [gaps[0]?.from, gaps[0]?.to, "damaged"]);
  socket.terminate();
  const restored = await server.call("POST", `/sessions/${id}/restore`);
  assert.deepEqual([restored.status, restored.error.code], [503, "storage_unavailable"]);
  assert.ok(restored.error.message.includes(name), restored.error.message);
  await until("the line in the log", () => server.log.includes("is damaged at byte"));
  assert.deepEqual((await server.readAll(id)).length, entries.length);
});
