/** Sessions that end or go by themselves: their process is gone, nobody is heard of, there are too many. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import type { SessionList, SessionObject } from "#src/wire/api.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

async function get(server: TestServer, id: string): Promise<SessionObject> {
  return (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
}

async function lastMessage(server: TestServer, id: string): Promise<string | undefined> {
  return (await server.readAll(id)).at(-1)?.message;
}

test("a session whose process on this machine ends is ended, also when the process died while no server ran", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error", "--liveness-interval", "100ms"] });
  const children = [0, 1].map(() => spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" }));
  t.after(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  const [first, second] = await Promise.all(children.map((child) => server.session({ pid: child.pid })));
  const without = await server.session();
  const mine = await server.session({ pid: process.pid });
  children[0]?.kill("SIGKILL");
  await until("the session of a dead process ends", async () => (await get(server, first as string)).status === "ended");
  assert.equal((await get(server, first as string)).end_reason, "process exited");
  assert.equal(await lastMessage(server, first as string), "Session ended: process exited");
  for (const id of [second, without, mine]) assert.equal((await get(server, id as string)).status, "active");
});

test("a session that is silent for the idle timeout is ended; appends, heartbeats, sockets and live processes keep it", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error", "--idle-timeout", "1500ms"] });
  const silent = await server.session();
  const beating = await server.session();
  const appending = await server.session();
  const connected = await server.session();
  const running = await server.session({ pid: process.pid });
  const live = await LiveSocket.open(server.url);
  live.send({ type: "heartbeat", session: connected });
  await until("the silent session ends", async () => {
    await server.call("POST", `/sessions/${beating}/heartbeat`);
    await server.append(appending, [{ message: "still here" }]);
    return (await get(server, silent)).status === "ended";
  });
  assert.match((await get(server, silent)).end_reason ?? "", /^idle for \d+s$/);
  for (const id of [beating, appending, connected, running]) assert.equal((await get(server, id)).status, "active");
  live.terminate();
  await until("the session of a closed socket ends", async () => (await get(server, connected)).status === "ended");
});

test("a prune removes the oldest ended sessions over the count and never an active one", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error", "--retain-count", "6"] });
  const ids: string[] = [];
  for (let index = 0; index < 12; index++) {
    const id = await server.session();
    ids.push(id);
    await server.append(id, [{ message: `of ${index}` }]);
    if (index % 3 !== 0) await server.call("DELETE", `/sessions/${id}`);
  }
  const ended = ids.filter((_, index) => index % 3 !== 0);
  const plan = (await server.call("POST", "/prune?dry_run=true")).json<{
    expired_by_count: number;
    sessions: string[];
    bytes: number;
  }>();
  assert.deepEqual(plan.sessions, ended.slice(0, 7), "twelve sessions and the server's own are seven too many");
  assert.equal((await get(server, ended[0] as string)).status, "ended", "a dry run removes nothing");
  assert.deepEqual((await server.call("POST", "/prune")).json(), plan);
  const left = (await server.call("GET", "/sessions/list")).json<SessionList>();
  assert.equal(left.total, 6);
  for (const id of plan.sessions) assert.equal((await server.call("GET", `/sessions/${id}`)).status, 404);
  await server.kill();
  await server.start();
  for (const id of plan.sessions) assert.equal((await server.call("GET", `/sessions/${id}`)).status, 404, "it stays away");
  assert.equal((await server.call("GET", `/sessions/${ended[7]}`)).status, 200);
});
