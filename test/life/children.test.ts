/** Real processes, real sockets: children that are killed, peers that are not from here, servers that belong to others. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SessionList, SessionObject } from "#src/wire/api.ts";
import { call } from "../harness/http.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { freshSessionId } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const program = fileURLToPath(new URL("../../main.js", import.meta.url));
const quick = ["--liveness-interval", "100ms", "--disk-low-water", "off", "--log-level", "error"];
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** A process that waits until it is killed. */
function waiter(): ChildProcess {
  const child = spawn("sleep", ["1000000"], { stdio: "ignore" });
  children.add(child);
  return child;
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
  children.delete(child);
}

async function get(server: TestServer, id: string): Promise<SessionObject> {
  return (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
}

function ended(server: TestServer, id: string): Promise<SessionObject> {
  return until(`the end of ${id}`, async () => {
    const session = await get(server, id);
    return session.status === "ended" ? session : undefined;
  });
}

test("E1: sessions of children that are killed end, however they are killed; those of living ones go on", async (t) => {
  const server = await serverFor(t, { flags: quick });
  const lives = waiter();
  const livesId = await server.session({ appname: "lives", pid: lives.pid });
  for (const signal of ["SIGTERM", "SIGKILL", "SIGSEGV"] as const) {
    const child = waiter();
    const id = await server.session({ appname: signal, pid: child.pid });
    await server.append(id, [{ message: "before it dies" }]);
    await kill(child, signal);
    const session = await ended(server, id);
    assert.equal(session.end_reason, "process exited");
    // The state is seen a moment before its entry, which is being stored.
    const last = await until("the end's entry", async () => {
      const entry = (await server.readAll(id)).at(-1);
      return entry?.logger === "sessions" ? entry : undefined;
    });
    assert.deepEqual([last?.level, last?.logger, last?.message], ["info", "sessions", "Session ended: process exited"]);
    assert.equal((await server.append(id, [{ message: "late" }])).error.code, "session_ended");
  }
  assert.equal((await get(server, livesId)).status, "active");
  await kill(lives, "SIGKILL");
  assert.equal((await ended(server, livesId)).end_reason, "process exited");
});

test("E1: a zombie is dead", async (t) => {
  const server = await serverFor(t, { flags: quick });
  // The shell's child is not waited for: it stays as a zombie under `exec sleep`.
  const parent = spawn("sh", ["-c", "sleep 1000000 & echo $!; exec sleep 1000000"], { stdio: ["ignore", "pipe", "ignore"] });
  children.add(parent);
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(String(line).trim());
  const id = await server.session({ pid });
  assert.equal((await get(server, id)).pid, pid);
  process.kill(pid, "SIGKILL");
  assert.equal((await ended(server, id)).end_reason, "process exited");
  await kill(parent, "SIGKILL");
});

test("a pid from another machine is stored in no field and ends nothing", async (t) => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === "IPv4" && !found.internal)?.address;
  if (address === undefined) return t.skip("this machine has no address beside its loopback ones");
  const server = await serverFor(t, { flags: [...quick, "--host", "0.0.0.0", "--allow-host", address] });
  const from = { local: server.url, remote: `http://${address}:${server.port}` };
  const dead = spawnSync("true").pid;
  const made = async (url: string, path: (id: string) => string, method: string, body: string | object) => {
    const id = freshSessionId();
    const answer = await call(url, method, path(id), { body, headers: { "content-type": "application/json" } });
    assert.ok(answer.status < 300, answer.text);
    return id;
  };
  const post = (url: string) => made(url, (id) => `/sessions/${id}`, "POST", { pid: dead });
  const create = (url: string) => made(url, (id) => `/sessions/${id}/log?create=true&pid=${dead}`, "POST", [{ message: "m" }]);
  const remote = [await post(from.remote), await create(from.remote)];
  for (const id of remote) assert.equal((await get(server, id)).pid, undefined);
  const updated = freshSessionId();
  await server.session({ pid: process.pid }, updated);
  await call(from.remote, "PUT", `/sessions/${updated}`, { body: { pid: dead } });
  assert.equal((await get(server, updated)).pid, process.pid);
  // The same from this machine ends: by then the others were looked at as well.
  for (const id of [await post(from.local), await create(from.local)])
    assert.equal((await ended(server, id)).end_reason, "process exited");
  for (const id of [...remote, updated]) assert.equal((await get(server, id)).status, "active");
});

test("E2: a silent session ends; one that a socket belongs to does not, until that is closed", async (t) => {
  const server = await serverFor(t, { flags: [...quick, "--idle-timeout", "1s"] });
  const [silent, beating] = [await server.session(), await server.session()];
  const socket = await LiveSocket.open(server.url);
  const before = (await get(server, beating)).last_activity_at;
  socket.send({ type: "heartbeat", session: beating });
  await until("the heartbeat", async () => (await get(server, beating)).last_activity_at > before);
  assert.match((await ended(server, silent)).end_reason ?? "", /^idle for \d+s$/);
  // Another one lives through all of its time and ends, and the socket's is still there.
  await ended(server, await server.session());
  assert.equal((await get(server, beating)).status, "active");
  await socket.close();
  assert.match((await ended(server, beating)).end_reason ?? "", /^idle for \d+s$/);
});

test("a server that another one started is its child, by flag or environment; an id that is none is wrong usage", async (t) => {
  const parent = freshSessionId();
  const byFlag = await serverFor(t, { flags: [...quick, "--parent-session", parent.toUpperCase()] });
  const byEnvironment = await serverFor(t, { flags: quick, environment: { TAILRACE_PARENT_SESSION: parent } });
  for (const server of [byFlag, byEnvironment]) {
    const list = (await server.call("GET", `/sessions/?parent=${parent}`)).json<SessionList>();
    const [self] = list.sessions;
    assert.deepEqual([list.total, self?.id, self?.is_self, self?.parent_session_id], [1, list.self_id, true, parent]);
  }
  await byFlag.stop();
  await byFlag.start();
  const list = (await byFlag.call("GET", `/sessions/?status=all&parent=${parent}`)).json<SessionList>();
  assert.deepEqual(list.sessions.map((session) => session.end_reason).sort(), [null, "server shutdown"].sort());
  const wrong = spawnSync(process.execPath, [program, "serve", "--parent-session", "nobody"], { encoding: "utf8" });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /parentSession: "nobody" is no session id/);
});

test("--forward sends the server's own log to another server, through that one's restarts, and ends its session there", async (t) => {
  const target = await serverFor(t, { flags: quick });
  const parent = await target.session({ appname: "parent" });
  const source = await serverFor(t, {
    flags: ["--disk-low-water", "off", "--forward", "--parent-session", parent],
    environment: { TAILRACE_URL: target.url },
  });
  const own = (await source.call("GET", "/sessions/?status=all")).json<SessionList>();
  assert.deepEqual([own.total, own.self_id], [0, ""], "it has no session of its own");
  const forwarded = await until("the forwarded session", async () => {
    const list = (await target.call("GET", `/sessions/?status=all&parent=${parent}`)).json<SessionList>();
    return list.sessions[0];
  });
  assert.deepEqual([forwarded.appname, forwarded.mode, forwarded.pid], ["tailrace", "server", source.pid]);
  const lines = async () => (await target.readAll(forwarded.id)).map((entry) => entry.message);
  await until("its first lines", async () => (await lines()).includes("The server is ready"));
  await target.kill();
  await target.start();
  assert.equal(await source.stop(), 0);
  const session = await get(target, forwarded.id);
  assert.deepEqual([session.status, session.end_reason], ["ended", "server shutdown"]);
  assert.deepEqual(await lines(), [
    "The server is ready",
    "Session ended: server restart",
    "Session resumed",
    "The server stops",
    "Session ended: server shutdown",
  ]);
  const nowhere = spawnSync(process.execPath, [program, "serve", "--forward"], {
    encoding: "utf8",
    env: { ...process.env, TAILRACE_URL: "" },
  });
  assert.deepEqual([nowhere.status, nowhere.stderr.includes("TAILRACE_URL")], [2, true]);
});
