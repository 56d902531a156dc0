import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefusal } from "#src/server/query-input.ts";
import { readSessionRecord } from "#src/storage/session-file.ts";
import { failingFiles } from "../storage/failing-files.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { dayMs, Machine, minuteMs } from "./machine.ts";

test("E3: an end appends one entry that says why, and ending again changes nothing", async () => {
  const machine = new Machine();
  for (const [reason, message] of [
    ["client request", "Session ended: client request"],
    ["", "Session ended"],
  ] as const) {
    const session = await machine.session();
    await machine.append(session, ["work"]);
    await machine.advance(minuteMs);
    assert.equal(await machine.engine.end(session, reason), undefined);
    const record = session.record;
    assert.equal(await machine.engine.end(session, "another reason"), undefined);
    assert.equal(session.record, record);
    const entries = machine.read(session).entries;
    const { timestamp, level, logger } = entries.at(-1) ?? {};
    assert.deepEqual([entries.length, entries.at(-1)?.message], [2, message]);
    assert.deepEqual([timestamp, level, logger], [record.ended_at, "info", "sessions"]);
  }
});

test("E3: sessions found active at start end with `server restart`, dated by their last entry", async () => {
  const before = new Machine();
  const busy = await before.session();
  await before.append(busy, ["one", "two"]);
  await before.advance(minuteMs);
  const silent = await before.session();
  await before.advance(minuteMs);
  // A heartbeat is an activity, but no entry.
  before.engine.touch(busy);
  const ended = await before.endedSession();
  await before.advance(dayMs);
  const machine = await before.restarted();
  const shown = [busy, silent, ended].map((session) => {
    const { end_reason, ended_at, last_activity_at, head } = machine.must(session).toObject();
    return [end_reason, ended_at, last_activity_at, head];
  });
  assert.deepEqual(shown, [
    ["server restart", "2026-11-20T12:00:00.000Z", "2026-11-20T12:00:00.000Z", 3],
    ["server restart", "2026-11-20T12:01:00.000Z", "2026-11-20T12:01:00.000Z", 1],
    ["client request", "2026-11-20T12:02:00.000Z", "2026-11-20T12:02:00.000Z", 2],
  ]);
  const last = machine.read(machine.must(busy)).entries.at(-1);
  assert.deepEqual([last?.timestamp, last?.message], ["2026-11-20T12:00:00.000Z", "Session ended: server restart"]);
  // Once: the next start finds it ended.
  const again = await machine.restarted();
  assert.deepEqual(again.messages(again.must(busy)), ["one", "two", "Session ended: server restart"]);
});

test("E3: a session that is opened again goes on in the same stream, also after a restart", async () => {
  const before = new Machine();
  const session = await before.session({ appname: "a", metadata: { kept: true } });
  await before.append(session, ["one"]);
  const machine = await before.restarted();
  const opened = await machine.session({ mode: "m" }, session.id);
  const { status, ended_at, end_reason, appname, mode, metadata } = opened.toObject();
  assert.deepEqual([status, ended_at, end_reason, appname, mode, metadata], ["active", null, null, "a", "m", { kept: true }]);
  await machine.append(opened, ["two"]);
  const last = await machine.restarted();
  assert.deepEqual(last.messages(last.must(session)), [
    "one",
    "Session ended: server restart",
    "Session resumed",
    "two",
    "Session ended: server restart",
  ]);
});

test("E3: children stay active when their parent ends, and show it even when it is removed", async () => {
  const machine = new Machine({ settings: { idleTimeout: 15 * minuteMs } });
  const parent = await machine.session();
  const child = await machine.session({ parent_session_id: parent.id });
  await machine.engine.end(parent, "client request");
  await machine.append(child, ["still here"]);
  assert.equal(await machine.engine.purge(parent), undefined);
  assert.equal(machine.find(parent), undefined);
  assert.deepEqual([child.isActive, child.toObject().parent_session_id], [true, parent.id]);
  const again = await machine.restarted();
  assert.equal(again.must(child).toObject().parent_session_id, parent.id);
});

test("E3: an end of which the entry or the record can not be stored did not happen, in memory or on disk", async () => {
  let failing = -1;
  const { layer } = failingFiles(new MemoryFiles(), (operation) =>
    operation === "write" && failing-- === 0 ? "ENOSPC" : undefined,
  );
  const machine = new Machine({ files: layer });
  // The entry is the first write, the record the second.
  for (const write of [0, 1]) {
    const session = await machine.session();
    await machine.append(session, ["work"]);
    failing = write;
    assert.equal((await machine.engine.end(session, "client request"))?.code, "storage_unavailable");
    await machine.settle();
    assert.deepEqual([session.isActive, session.record.ended_at, session.record.end_reason], [true, null, null]);
    const { record } = readSessionRecord(layer, machine.dataDir, session.id);
    assert.deepEqual([record?.status, record?.ended_at], ["active", null]);
    await machine.append(session, ["goes on"]);
    assert.equal(await machine.engine.end(session, "client request"), undefined);
    assert.deepEqual([session.isActive, machine.messages(session).at(-1)], [false, "Session ended: client request"]);
  }
});

test("E3: an end that fails beside a resumption that fails leaves an active session, in memory and on disk", async () => {
  const machine = new Machine();
  const session = await machine.session();
  await machine.append(session, ["work"]);
  const { slab } = machine.engine.shardOf(session);
  const offset = slab.reserve(slab.bytes.length);
  assert.ok(offset >= 0, "no room for an entry");
  const [ended, resumed] = await Promise.all([
    machine.engine.end(session, "client request"),
    machine.engine.createOrUpdate(session.id, { mode: "again" }),
  ]);
  assert.equal(ended?.code, "overloaded");
  assert.ok(!isRefusal(resumed), "nothing was to be resumed");
  slab.release(offset, slab.bytes.length);
  await machine.settle();
  const { record } = readSessionRecord(machine.files, machine.dataDir, session.id);
  for (const found of [session.record, record])
    assert.deepEqual([found?.status, found?.ended_at, found?.mode], ["active", null, "again"]);
  assert.deepEqual(machine.messages(session), ["work"]);
  assert.equal(machine.engine.registry.activeCount, 1);
});

test("E3: who resumes a session that is about to end resumes it after its end", async () => {
  const machine = new Machine();
  const session = await machine.session();
  const both = [machine.engine.end(session, "client request"), machine.engine.createOrUpdate(session.id, {})];
  await Promise.all(both);
  assert.deepEqual(machine.messages(session), ["Session ended: client request", "Session resumed"]);
  assert.equal(session.record.status, "active");
});
