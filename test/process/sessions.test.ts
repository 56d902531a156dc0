/** The life of a session over HTTP: made, changed, listed, ended, opened again, archived, removed. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LogPage, SessionObject } from "#src/wire/api.ts";
import type { HttpAnswer } from "../harness/http.ts";
import { freshSessionId } from "../harness/random.ts";
import { sharedServer } from "../harness/server.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

async function get(id: string): Promise<SessionObject> {
  return (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
}

async function messages(id: string): Promise<string[]> {
  return (await server.readAll(id)).map((entry) => entry.message);
}

function assertError(answer: HttpAnswer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.error.code, code);
}

test("a new session is shown with what was said about it and nothing else", async () => {
  const id = freshSessionId();
  const body = { appname: "Editor", mode: "Game", platform: "Linux", jobid: "job-1", metadata: { a: [1, { b: null }] } };
  const made = await server.call("POST", `/sessions/${id.toUpperCase()}`, { body: { ...body, unknown: 5 } });
  assert.equal(made.status, 201);
  const session = made.json<SessionObject>();
  for (const time of [session.created_at, session.updated_at, session.last_activity_at]) assert.match(time, isTime);
  const { created_at: _created, updated_at: _updated, last_activity_at: _active, ...rest } = session;
  const state = {
    status: "active",
    ended_at: null,
    end_reason: null,
    head: 0,
    first: 1,
    bytes: 0,
    archived: false,
    is_self: false,
  };
  assert.deepEqual(rest, { id, ...body, ...state });
  assert.deepEqual(await get(id), session);
});

test("posting again changes what is given and keeps the rest; putting replaces the metadata", async () => {
  const id = freshSessionId();
  const first = await server.call("POST", `/sessions/${id}`, { body: { appname: "one", mode: "m", metadata: { a: 1 } } });
  const again = await server.call("POST", `/sessions/${id}`, { body: { appname: "two" } });
  assert.equal(again.status, 200);
  const updated = again.json<SessionObject>();
  assert.deepEqual([updated.appname, updated.mode, updated.metadata], ["two", "m", { a: 1 }]);
  assert.equal(updated.created_at, first.json<SessionObject>().created_at);
  assert.ok(updated.updated_at >= updated.created_at);
  const put = await server.call("PUT", `/sessions/${id}`, { body: { platform: "P", metadata: { b: 2 } } });
  assert.equal(put.status, 200);
  const replaced = put.json<SessionObject>();
  assert.deepEqual([replaced.appname, replaced.mode, replaced.platform, replaced.metadata], ["two", "m", "P", { b: 2 }]);
  assert.equal((await get(id)).head, 0, "changes of a record are no entries");
});

test("a process id from this machine and a parent are kept", async () => {
  const parent = freshSessionId();
  const id = await server.session({ pid: process.pid, parent_session_id: parent.toUpperCase() });
  const session = await get(id);
  assert.equal(session.pid, process.pid);
  assert.equal(session.parent_session_id, parent);
  const children = (await server.call("GET", `/sessions/?parent=${parent}`)).json<{ sessions: SessionObject[] }>();
  assert.deepEqual(
    children.sessions.map((child) => child.id),
    [id],
  );
});

test("ending appends one entry, once, and the session takes no more", async () => {
  const id = await server.session();
  await server.append(id, [{ message: "work" }]);
  const ended = await server.call("DELETE", `/sessions/${id}`);
  assert.equal(ended.status, 200);
  const session = ended.json<SessionObject>();
  assert.deepEqual([session.status, session.end_reason, session.head], ["ended", "client request", 2]);
  assert.match(session.ended_at ?? "", isTime);
  const again = await server.call("DELETE", `/sessions/${id}`);
  assert.equal(again.status, 200);
  assert.deepEqual(again.json(), session);
  const last = (await server.readAll(id)).at(-1);
  assert.deepEqual([last?.level, last?.logger, last?.message], ["info", "sessions", "Session ended: client request"]);
  assertError(await server.append(id, [{ message: "late" }]), 409, "session_ended");
});

test("an ended session that is posted again goes on where it was", async () => {
  const id = await server.session({ appname: "again" });
  await server.append(id, [{ message: "one" }]);
  await server.call("DELETE", `/sessions/${id}`);
  const opened = await server.call("POST", `/sessions/${id}`, { body: {} });
  assert.equal(opened.status, 200);
  const session = opened.json<SessionObject>();
  assert.deepEqual([session.status, session.ended_at, session.end_reason, session.appname], ["active", null, null, "again"]);
  assert.deepEqual((await server.append(id, [{ message: "two" }])).json(), { first: 4, cursor: 4, count: 1, ack: "written" });
  assert.deepEqual(await messages(id), ["one", "Session ended: client request", "Session resumed", "two"]);
});

test("a heartbeat moves the last activity and nothing else", async () => {
  const id = await server.session();
  const before = await get(id);
  const answer = await server.call("POST", `/sessions/${id}/heartbeat`);
  assert.equal(answer.status, 200);
  const at = answer.json<{ last_activity_at: string }>().last_activity_at;
  assert.match(at, isTime);
  assert.ok(at >= before.last_activity_at);
  assert.deepEqual(await get(id), { ...before, last_activity_at: at });
});

test("data is removed of ended sessions only, and its id begins anew", async () => {
  const id = await server.session({ appname: "old" });
  await server.append(id, [{ message: "one" }]);
  assertError(await server.call("DELETE", `/sessions/${id}?purge=true`), 409, "session_active");
  await server.call("DELETE", `/sessions/${id}`);
  const purged = await server.call("DELETE", `/sessions/${id}?purge=true`);
  assert.equal(purged.status, 200);
  assert.equal(purged.json<SessionObject>().id, id);
  assertError(await server.call("GET", `/sessions/${id}`), 404, "session_not_found");
  assertError(await server.call("GET", `/sessions/${id}/log`), 404, "session_not_found");
  assert.equal(existsSync(join(server.dataDir, "sessions", id)), false);
  assert.equal((await server.call("POST", `/sessions/${id}`)).status, 201);
  assert.equal((await server.append(id, [{ message: "new" }])).json<{ first: number }>().first, 1);
  assert.deepEqual(await messages(id), ["new"]);
});

test("whatever is done to a session while it is removed, it is gone afterwards and comes back empty", async () => {
  for (let round = 0; round < 20; round++) {
    const id = await server.session({ appname: "raced" });
    await server.append(id, [{ message: "one" }]);
    await server.call("PUT", `/sessions/${id}/readers/r`, { body: { cursor: 0 } });
    await server.call("DELETE", `/sessions/${id}`);
    const others = [
      server.call("PUT", `/sessions/${id}/readers/r`, { body: { cursor: 1 } }),
      server.call("DELETE", `/sessions/${id}?purge=true`),
      server.call("PUT", `/sessions/${id}/readers/r`, { body: { cursor: 0 } }),
      server.call("PUT", `/sessions/${id}`, { body: { metadata: { round } } }),
      server.call("POST", `/sessions/${id}/readers/r/claim`),
      server.call("DELETE", `/sessions/${id}?purge=true`),
      server.call("PUT", `/sessions/${id}/readers/q`, { body: { cursor: 1 } }),
    ];
    for (const answer of await Promise.all(others)) assert.ok(answer.status < 500 || answer.status === 503, answer.text);
    const last = await server.call("DELETE", `/sessions/${id}?purge=true`);
    assert.ok(last.status === 200 || last.status === 404, last.text);
    assert.equal((await server.call("GET", `/sessions/${id}`)).status, 404);
    assert.equal(existsSync(join(server.dataDir, "sessions", id)), false, "nothing of it stays on disk");
  }
});

test("archiving and restoring change neither entries nor numbers", async () => {
  const id = await server.session();
  const sent = Array.from({ length: 3000 }, (_, index) => ({ message: `line ${index} of a log that packs well`, level: "info" }));
  await server.append(id, sent);
  assertError(await server.call("POST", `/sessions/${id}/archive`), 409, "session_active");
  assertError(await server.call("POST", `/sessions/${id}/restore`), 409, "session_active");
  await server.call("DELETE", `/sessions/${id}`);
  assertError(await server.call("POST", `/sessions/${id}/restore`), 409, "not_archived");
  const before = await server.readAll(id);
  const archived = (await server.call("POST", `/sessions/${id}/archive`)).json<SessionObject>();
  assert.equal(archived.archived, true);
  assert.ok(archived.bytes < (archived.original_bytes ?? 0) && archived.bytes === archived.archived_bytes);
  assert.deepEqual(await server.readAll(id), before);
  const tail = (await server.call("GET", `/sessions/${id}/log?tail=5`)).json<LogPage>();
  assert.deepEqual(tail.entries, before.slice(-5));
  const restored = (await server.call("POST", `/sessions/${id}/restore`)).json<SessionObject>();
  assert.deepEqual([restored.archived, restored.archived_at], [false, undefined]);
  assert.deepEqual(await server.readAll(id), before);
});

test("an archived session that is opened again takes entries behind its archive", async () => {
  const id = await server.session();
  await server.append(id, [{ message: "old" }]);
  await server.call("DELETE", `/sessions/${id}`);
  assert.equal((await server.call("POST", `/sessions/${id}/archive`)).status, 200);
  assert.equal((await server.call("POST", `/sessions/${id}`)).status, 200);
  assert.equal((await server.append(id, [{ message: "new" }])).status, 200);
  await server.call("DELETE", `/sessions/${id}`);
  const all = ["old", "Session ended: client request", "Session resumed", "new", "Session ended: client request"];
  assert.deepEqual(await messages(id), all);
  assert.equal((await server.call("POST", `/sessions/${id}/archive`)).json<SessionObject>().archived, true);
  assert.deepEqual(await messages(id), all);
  assert.equal((await server.call("POST", `/sessions/${id}/restore`)).json<SessionObject>().archived, false);
  assert.deepEqual(await messages(id), all);
});

test("a prune without limits that are passed removes nothing and says so", async () => {
  const dry = await server.call("POST", "/prune?dry_run=true");
  const nothing = { expired_by_age: 0, expired_by_count: 0, expired_by_bytes: 0, bytes: 0, sessions: [] };
  assert.deepEqual(dry.json(), nothing);
  assert.deepEqual((await server.call("POST", "/prune")).json(), nothing);
});

test("the server's own session is marked, listed and holds its log", async () => {
  const list = (await server.call("GET", "/sessions/")).json<{ self_id: string; sessions: SessionObject[] }>();
  const self = await get(list.self_id);
  assert.deepEqual(
    [self.is_self, self.appname, self.mode, self.pid, self.status],
    [true, "tailrace", "server", server.pid, "active"],
  );
  assert.ok(list.sessions.some((session) => session.id === self.id));
  const stats = (await server.call("GET", "/stats/sessions")).json<{ self_id: string }>();
  assert.equal(stats.self_id, self.id);
});
