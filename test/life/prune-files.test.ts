/** Removals of a real server: what goes and what stays, also when it is killed in between and when the disk is full. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { PruneReport } from "#src/server/retention.ts";
import type { SessionList } from "#src/wire/api.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const flags = ["--log-level", "warn", "--archive-after", "off", "--retain-interval", "off"];
const open = ["--disk-low-water", "off"];

async function endedSessions(server: TestServer, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const more = Array.from({ length: Math.min(50, count - ids.length) }, async () => {
      const id = await server.session();
      await server.append(id, [{ message: "kept" }, { message: "whole" }]);
      await server.call("DELETE", `/sessions/${id}`);
      return id;
    });
    ids.push(...(await Promise.all(more)));
  }
  return ids;
}

async function prune(server: TestServer, query = ""): Promise<PruneReport> {
  const answer = await server.call("POST", `/prune${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json<PruneReport>();
}

async function known(server: TestServer): Promise<string[]> {
  const list = (await server.call("GET", "/sessions/?status=ended&limit=10000&sort=ended&order=asc")).json<SessionList>();
  return list.sessions.map((session) => session.id);
}

function directories(server: TestServer): string[] {
  return readdirSync(join(server.dataDir, "sessions"));
}

test("E4: a dry run says what a prune then removes, from the list and from the disk", async (t) => {
  const server = await serverFor(t, { flags: [...flags, ...open, "--retain-count", "4"] });
  const ids = await endedSessions(server, 6);
  const order = await known(server);
  const said = await prune(server, "?dry_run=true");
  assert.deepEqual([said.expired_by_count, said.sessions], [3, order.slice(0, 3)]);
  assert.deepEqual((await known(server)).length, ids.length);
  assert.deepEqual(await prune(server), said);
  assert.deepEqual(await known(server), order.slice(3));
  await until("the bytes of the removed sessions", () => directories(server).length === 4);
  for (const id of order.slice(0, 3)) assert.equal((await server.call("GET", `/sessions/${id}`)).error.code, "session_not_found");
  assert.deepEqual((await prune(server)).sessions, []);
});

test("E5: killed in the middle of a prune, the server finds each session whole or not at all, and nothing is left behind", async (t) => {
  const server = await serverFor(t, { flags: [...flags, ...open] });
  const random = randomOf(seedOfRun());
  const met: string[] = [];
  for (let round = 0; round < 3; round++) {
    const ids = await endedSessions(server, 150);
    await server.stop();
    await server.start(["--retain-count", "1"]);
    const goneMin = random.whole(1, 120);
    const gone = () => ids.filter((id) => !existsSync(join(server.dataDir, "sessions", id))).length;
    const pruned = prune(server).catch(() => undefined);
    while (gone() < goneMin) await new Promise((resolve) => setImmediate(resolve));
    await server.kill();
    await pruned;
    const left = ids.length - gone();
    await server.start();
    const found = (await known(server)).filter((id) => ids.includes(id));
    assert.equal(found.length, left);
    for (const id of found) {
      const messages = (await server.readAll(id)).map((entry) => entry.message);
      assert.deepEqual(messages, ["kept", "whole", "Session ended: client request"]);
    }
    await until("leftovers to go", () => directories(server).every((name) => !name.startsWith(".")));
    met.push(`${left} of ${ids.length}`);
  }
  t.diagnostic(`figures: sessions left after the kills: ${met.join(", ")}`);
});

test("E5: on a full disk sessions are removed, and then intake goes on", async (t) => {
  const parent = mkdtempSync(join(tmpdir(), "tailrace-full-"));
  const dataDir = join(parent, "small");
  mkdirSync(dataDir);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", dataDir]).status !== 0) {
    rmSync(parent, { recursive: true });
    return t.skip("this machine does not allow a mount");
  }
  const server = new TestServer({ dataDir, flags: [...flags, "--retain-count", "3", "--disk-low-water", "256KiB"] });
  try {
    await server.start();
    await fillAndPrune(server);
  } finally {
    await server.close();
    execFileSync("umount", [dataDir]);
    rmSync(parent, { recursive: true });
  }
});

async function fillAndPrune(server: TestServer): Promise<void> {
  const ids = await endedSessions(server, 5);
  const active = await server.session();
  const big = { message: "x".repeat(100_000) };
  await until("a full disk", async () => (await server.append(active, [big])).status !== 200);
  fillRest(join(server.dataDir, "other"));
  await until("the server to see it", async () => (await server.call("GET", "/readyz")).status === 503);
  const refused = await server.append(active, [big]);
  assert.ok(refused.status === 507 || refused.status === 503, refused.text);
  const report = await prune(server);
  assert.equal(report.expired_by_count, 4);
  const left = await known(server);
  assert.equal(left.length, ids.length - 4);
  const purged = await server.call("DELETE", `/sessions/${left[0]}?purge=true`);
  assert.equal(purged.status, 200, purged.text);
  rmSync(join(server.dataDir, "other"));
  await server.call("POST", `/sessions/${active}`, { body: {} });
  await until("intake", async () => (await server.append(active, [{ message: "goes on" }])).status === 200);
}

/** Writes to a file until the disk takes no more. */
function fillRest(path: string): void {
  for (let sizeBytes = 65_536; sizeBytes >= 1; sizeBytes = Math.floor(sizeBytes / 2)) {
    try {
      for (;;) appendFileSync(path, new Uint8Array(sizeBytes));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
  }
}

test("two prunes at a time are one; who follows the list is told of each removal once", async (t) => {
  const server = await serverFor(t, { flags: [...flags, ...open, "--retain-count", "1"] });
  const ids = await endedSessions(server, 400);
  const socket = await LiveSocket.open(server.url);
  socket.send({ type: "sessions", id: 1, status: "all" });
  await socket.next("sessions");
  const [report, other] = await Promise.all([prune(server), prune(server)]);
  assert.deepEqual([report.expired_by_count, [...report.sessions].sort(), other], [400, ids.sort(), report]);
  const list = (await server.call("GET", "/sessions/list")).json<SessionList>();
  assert.deepEqual([list.total, list.sessions[0]?.is_self], [1, true]);
  const removed = () => socket.messages.flatMap((message) => (message.type === "session_removed" ? [message.session] : []));
  await until("all removals", () => removed().length >= 400);
  assert.deepEqual(removed().sort(), ids);
  socket.terminate();
});
