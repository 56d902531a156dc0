/** Starting and stopping: what was there is there again, what was under way is finished or refused. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { sidecarName } from "#src/storage/paths.ts";
import type { EntryObject, LogPage, ReaderObject, SessionList, SessionObject } from "#src/wire/api.ts";
import { History } from "../harness/history.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { Producer } from "../harness/producer.ts";
import { randomOf, seedOfRun } from "../harness/random.ts";
import { RawConnection } from "../harness/raw.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { inTime, until } from "../harness/until.ts";

const program = fileURLToPath(new URL("../../main.js", import.meta.url));

async function get(server: TestServer, id: string): Promise<SessionObject> {
  return (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
}

/** Sessions in every state, with entries of old, present and future times. */
async function populate(
  server: TestServer,
): Promise<{ active: string; empty: string; ended: string; archived: string; old: string; future: string }> {
  const active = await server.session({ appname: "active", metadata: { deep: { er: [1, 2, { three: "✓" }] } } });
  const empty = await server.session({ appname: "empty" });
  const ended = await server.session({ appname: "ended" });
  const archived = await server.session({ appname: "archived" });
  const old = await server.session({ appname: "old" });
  const future = await server.session({ appname: "future" });
  for (const id of [active, ended, archived]) {
    for (let batch = 0; batch < 12; batch++)
      await server.append(
        id,
        Array.from({ length: 1000 }, (_, index) => ({ message: `line ${batch * 1000 + index}`, level: "info", logger: "L" })),
      );
  }
  await server.append(old, [{ message: "long ago", timestamp: "2001-02-03T04:05:06.789Z" }]);
  await server.append(future, [{ message: "in time to come", timestamp: "2099-02-03T04:05:06.789Z" }]);
  for (const id of [ended, archived]) await server.call("DELETE", `/sessions/${id}`);
  assert.equal((await server.call("POST", `/sessions/${archived}/archive`)).status, 200);
  return { active, empty, ended, archived, old, future };
}

for (const way of ["kill -9", "SIGTERM"] as const) {
  test(`after ${way} every session and entry is back, heads go on, and what was active is ended at its last entry`, async (t) => {
    const server = await serverFor(t, { flags: ["--segment-bytes", "256KiB"] });
    const ids = await populate(server);
    await server.call("PUT", `/sessions/${ids.active}/readers/r`, { body: { cursor: 7 } });
    const before = new Map<string, { session: SessionObject; entries: EntryObject[] }>();
    for (const id of Object.values(ids)) before.set(id, { session: await get(server, id), entries: await server.readAll(id) });
    if (way === "SIGTERM") assert.equal(await server.stop(), 0);
    else await server.kill();
    await server.start();
    for (const [id, { session, entries }] of before) {
      const now = await get(server, id);
      const read = await server.readAll(id);
      if (session.status === "ended") {
        assert.deepEqual(now, session);
        assert.deepEqual(read, entries);
        continue;
      }
      const end = read.at(-1);
      assert.deepEqual(read.slice(0, -1), entries);
      assert.deepEqual([end?.message, end?.logger, end?.seq], ["Session ended: server restart", "sessions", session.head + 1]);
      const { status, end_reason: reason, head, ended_at: endedAt, appname, metadata, created_at: createdAt } = now;
      assert.deepEqual([status, reason, head], ["ended", "server restart", session.head + 1]);
      assert.deepEqual([appname, metadata, createdAt], [session.appname, session.metadata, session.created_at]);
      const last = entries.at(-1)?.timestamp;
      if (last !== undefined)
        assert.deepEqual([endedAt, end?.timestamp, now.last_activity_at], [last, last, last], "dated by its last entry");
    }
    const reader = (await server.call("GET", `/sessions/${ids.active}/readers/r`)).json<ReaderObject>();
    assert.equal(reader.cursor, 7);
    assert.equal((await server.call("POST", `/sessions/${ids.active}`)).status, 200);
    const head = before.get(ids.active)?.session.head ?? 0;
    assert.equal((await server.append(ids.active, [{ message: "on" }])).json<{ first: number }>().first, head + 3);
  });
}

test("the server's own session holds its log from the first line on and ends with it", async (t) => {
  const server = await serverFor(t);
  const first = (await server.call("GET", "/sessions/")).json<SessionList>().self_id;
  await server.kill();
  await server.start();
  const second = (await server.call("GET", "/sessions/")).json<SessionList>().self_id;
  const lost = await get(server, first);
  assert.deepEqual([lost.status, lost.end_reason, lost.is_self], ["ended", "server restart", false]);
  const log = await until("its log", async () => {
    const page = (await server.call("GET", `/sessions/${second}/log?cursor=0`)).json<LogPage>();
    return page.entries.some((entry) => entry.message === "The server is ready") ? page.entries : undefined;
  });
  const early = log.find((entry) => entry.message.startsWith("The last server stopped without letting go"));
  assert.ok(early !== undefined && early.level === "warn", "lines from before the session are there");
  const session = await get(server, second);
  assert.ok(early.timestamp <= session.created_at, `${early.timestamp} keeps its own time, before ${session.created_at}`);
  for (const line of server.log.trim().split("\n")) assert.doesNotThrow(() => JSON.parse(line), line);
  assert.equal(await server.stop(), 0);
  await server.start();
  const ended = await get(server, second);
  assert.deepEqual([ended.status, ended.end_reason], ["ended", "server shutdown"]);
  const lines = (await server.readAll(second)).map((entry) => entry.message);
  assert.equal(lines.at(-1), "Session ended: server shutdown");
  assert.ok(lines.includes("The server stops"));
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} under load drains: what was taken in is stored and answered, the rest is told, sockets close with 1001, exit 0`, async (t) => {
    const server = await serverFor(t, { flags: ["--log-level", "error"] });
    const random = randomOf(seedOfRun());
    const history = new History();
    const id = await server.session();
    const producers = Array.from(
      { length: 8 },
      (_, index) =>
        new Producer({
          name: `p${index}`,
          session: id,
          history,
          random,
          countMax: 300,
          ack: index % 4 === 0 ? "synced" : "written",
        }),
    );
    const live = await LiveSocket.open(server.url);
    live.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
    const open = await RawConnection.open(server.port);
    open.send(`GET /sessions/${id}/log/stream?cursor=0 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    let isOver = false;
    const loops = producers.map(async (producer) => {
      while (!isOver) await producer.sendOne(server);
    });
    await until("some load", () => history.batches.length > 100);
    server.signal(signal);
    assert.equal(await server.exited(), 0);
    isOver = true;
    await Promise.all(loops);
    assert.equal(await live.closed(), 1001);
    await open.closed();
    await server.start();
    const stored = await server.readAll(id);
    history.check(stored, `seed ${random.seed}`);
    const count = (outcome: string) => history.batches.filter((batch) => batch.outcome === outcome).length;
    t.diagnostic(
      `figures: ${count("acknowledged")} batches acknowledged, ${count("refused")} refused, ${count("unknown")} cut off, ${stored.length} entries`,
    );
  });
}

test("while a body is still coming at SIGTERM the server says that it is not ready and takes nothing new", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const id = await server.session();
  const raw = await RawConnection.open(server.port);
  raw.send(
    `POST /sessions/${id}/log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n`,
  );
  const polling = await RawConnection.open(server.port);
  const answers: number[] = [];
  server.signal("SIGTERM");
  while (!polling.isClosed) {
    polling.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const answer = await polling.answer();
    if (answer !== undefined) answers.push(answer.status);
    if (answer?.status === 503) raw.send('{"message":"x"}');
  }
  const late = await raw.answer();
  if (late !== undefined) assert.equal(late.status, 503, late.body);
  assert.equal(await server.exited(), 0);
  await server.start();
  assert.equal((await get(server, id)).head, 1, "only the end of the session");
  t.diagnostic(`figures: ${answers.filter((status) => status === 503).length} times not ready before the end`);
});

test("S1: a second server on the same data directory says who holds it and goes", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const id = await server.session();
  const second = spawnSync(process.execPath, [program, "serve", "--port", "0", "--data-dir", server.dataDir], {
    encoding: "utf8",
  });
  assert.equal(second.status, 1);
  assert.equal(second.stdout, "");
  assert.match(second.stderr, new RegExp(`\\b${server.pid}\\b`), "it names the process");
  assert.equal((await server.append(id, [{ message: "unharmed" }])).status, 200);
});

test("a port that is taken is said and the program ends; the data directory is free again", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const id = await server.session();
  await server.append(id, [{ message: "kept" }]);
  await server.stop();
  const blocker = createServer();
  await inTime("the port", new Promise<void>((resolve) => blocker.listen(server.port, "127.0.0.1", resolve)));
  const failed = spawnSync(process.execPath, [program, "serve", "--port", String(server.port), "--data-dir", server.dataDir], {
    encoding: "utf8",
    timeout: 30_000,
  });
  assert.equal(failed.status, 1, failed.stderr);
  assert.match(failed.stderr, new RegExp(`Port ${server.port} .*taken`));
  await inTime("the port's end", new Promise((resolve) => blocker.close(resolve)));
  await server.start();
  assert.equal((await server.readAll(id))[0]?.message, "kept");
});

test("a server whose log nobody reads any more goes on, and drains in the end", async (t) => {
  const server = await serverFor(t);
  const id = await server.session();
  server.closeLog();
  assert.equal((await server.append(id, [{ message: "unread" }])).status, 200);
  assert.equal(await server.stop(), 0);
  await server.start();
  assert.deepEqual(
    (await server.readAll(id)).map((entry) => entry.message),
    ["unread", "Session ended: server restart"],
  );
});

test("wrong settings are all named and nothing is started", () => {
  const run = spawnSync(process.execPath, [program, "serve", "--port", "x", "--arena-bytes", "many", "--idle-timeout", "soon"], {
    encoding: "utf8",
  });
  assert.equal(run.status, 2);
  for (const name of ["port", "arenaBytes", "idleTimeout"]) assert.match(run.stderr, new RegExp(name));
});

test("a session whose session.json is lost or broken keeps its entries", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const lost = await server.session({ appname: "lost" });
  const broken = await server.session({ appname: "broken" });
  for (const id of [lost, broken]) await server.append(id, [{ message: "kept", timestamp: "2026-11-20T10:00:00.000Z" }]);
  await server.stop();
  rmSync(join(server.dataDir, "sessions", lost, "session.json"));
  const path = join(server.dataDir, "sessions", broken, "session.json");
  assert.ok(readFileSync(path).length > 0);
  spawnSync("truncate", ["-s", "20", path]);
  await server.start();
  for (const id of [lost, broken]) {
    assert.deepEqual(
      (await server.readAll(id)).map((entry) => entry.message),
      ["kept", "Session ended: server restart"],
    );
    assert.equal((await get(server, id)).end_reason, "server restart");
  }
});

test("what lies under the name of a small file and is none stops no start and hides no entry", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "fatal", "--segment-bytes", "4KiB"] });
  const cases: Record<string, (directory: string) => void> = {
    "session.json of a terabyte": (directory) => truncateSync(join(directory, "session.json"), 2 ** 40),
    "session.json over 2 GiB": (directory) => truncateSync(join(directory, "session.json"), 2 ** 31 + 5),
    "session.json without times": (directory) => {
      const path = join(directory, "session.json");
      writeFileSync(path, readFileSync(path, "utf8").replace(/"ended_at": null/, '"ended_at": "yesterday"'));
    },
    "a pipe for session.json": (directory) => {
      rmSync(join(directory, "session.json"));
      assert.equal(spawnSync("mkfifo", [join(directory, "session.json")]).status, 0);
    },
    "sidecars of a terabyte": (directory) => truncateSync(join(directory, sidecarName(1)), 2 ** 40),
    "a directory for a sidecar": (directory) => {
      rmSync(join(directory, sidecarName(1)));
      mkdirSync(join(directory, sidecarName(1)));
    },
    "readers.json of something else": (directory) => writeFileSync(join(directory, "readers.json"), "-1"),
    "readers.json with half a reader": (directory) =>
      writeFileSync(join(directory, "readers.json"), '[{"name":"a","cursor":1e308,"lease":null}]'),
    "a directory for readers.json": (directory) => {
      rmSync(join(directory, "readers.json"));
      mkdirSync(join(directory, "readers.json"));
    },
  };
  const entries = Array.from({ length: 20 }, (_, index) => ({ message: `entry ${index}`, fields: { padding: "x".repeat(300) } }));
  const ids = new Map<string, string>();
  for (const name of Object.keys(cases)) {
    const id = await server.session();
    ids.set(name, id);
    for (let batch = 0; batch < 2; batch++) assert.equal((await server.append(id, entries)).status, 200);
    await server.call("PUT", `/sessions/${id}/readers/r`, { body: { cursor: 3 } });
  }
  await server.stop();
  for (const [name, id] of ids) cases[name]?.(join(server.dataDir, "sessions", id));
  await server.start();
  for (const [name, id] of ids) {
    const read = await server.readAll(id);
    assert.deepEqual([read.length, read[0]?.seq, read.at(-1)?.message], [41, 1, "Session ended: server restart"], name);
    const readers = await server.call("GET", `/sessions/${id}/readers`);
    if (name === "a directory for readers.json") assert.equal(readers.error.code, "storage_unavailable");
    else assert.equal(readers.json<{ readers: unknown[] }>().readers.length, name.startsWith("readers") ? 0 : 1, name);
    assert.equal((await server.call("POST", `/sessions/${id}`, { body: {} })).status, 200, name);
    assert.equal((await server.append(id, [{ message: "on" }])).json<{ first: number }>().first, 43, name);
  }
});

test("a server that is told to stop while it starts stops cleanly when it has", async (t) => {
  const server = await serverFor(t);
  const id = await server.session();
  await server.append(id, [{ message: "kept" }]);
  await server.kill();
  const starting = server.start().catch(() => undefined);
  await until("its first words", () => server.log.includes("The last server stopped without letting go"));
  server.signal("SIGTERM");
  assert.equal(await server.exited(), 0);
  await starting;
  await server.start();
  assert.ok(!server.log.slice(server.log.lastIndexOf("The server stops")).includes("without letting go"), "the lock was let go");
  assert.equal((await server.readAll(id))[0]?.message, "kept");
});

test("npm start passes SIGTERM on to the server", async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), "tailrace-npm-"));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const npm = spawn("npm", ["start", "--silent", "--", "--port", "0", "--data-dir", dataDir], { cwd: root });
  t.after(() => npm.kill("SIGKILL"));
  const exited = once(npm, "exit");
  const [line] = (await inTime("the server's first line", once(npm.stdout.setEncoding("utf8"), "data"))) as [string];
  assert.match(line, /^tailrace listening on /);
  npm.kill("SIGTERM");
  assert.deepEqual(await inTime("npm's end", exited), [0, null]);
  const lock = JSON.parse(readFileSync(join(dataDir, "lock"), "utf8")) as { released_ms?: number };
  assert.equal(typeof lock.released_ms, "number", "the server went before npm did, and cleanly");
});
