import assert from "node:assert/strict";
import { test } from "node:test";
import { isAlive, tieOf } from "#src/server/process-tie.ts";
import { Machine, minuteMs, ProcessTable } from "./machine.ts";

const lookMs = 30_000;

test("E1: a session whose process is gone ends with `process exited` at the next look, one whose process lives does not", async () => {
  const machine = new Machine();
  for (const pid of [100, 200]) machine.processes.spawn(pid);
  const dies = await machine.session({ pid: 100 });
  const lives = await machine.session({ pid: 200 });
  const isRemote = await machine.session({});
  await machine.advance(10 * minuteMs);
  assert.deepEqual([dies.isActive, lives.isActive, isRemote.isActive], [true, true, true]);
  machine.processes.kill(100);
  await machine.advance(lookMs - 1);
  assert.equal(dies.isActive, true);
  await machine.advance(1);
  assert.deepEqual([dies.record.status, dies.record.end_reason], ["ended", "process exited"]);
  assert.equal(dies.record.ended_at, "2026-11-20T12:10:30.000Z");
  const { timestamp, level, logger, message } = machine.read(dies).entries.at(-1) ?? {};
  assert.deepEqual(
    [timestamp, level, logger, message],
    ["2026-11-20T12:10:30.000Z", "info", "sessions", "Session ended: process exited"],
  );
  await machine.advance(10 * minuteMs);
  assert.deepEqual([lives.isActive, isRemote.isActive, machine.read(dies).entries.length], [true, true, 1]);
});

test("E1: a recycled pid does not pose as the process that had it", async () => {
  const machine = new Machine();
  machine.processes.spawn(100);
  const session = await machine.session({ pid: 100 });
  machine.processes.spawn(100);
  await machine.advance(lookMs);
  assert.equal(session.record.end_reason, "process exited");
});

test("E1: a pid that nobody has when it is reported is dead from the start, whoever gets it later; 0 names no process", async () => {
  const machine = new Machine();
  const late = await machine.session({ pid: 100 });
  const none = await machine.session({ pid: 0 });
  machine.processes.spawn(100);
  await machine.advance(lookMs);
  assert.deepEqual([late.record.end_reason, none.isActive], ["process exited", true]);
});

test("E1: a process that can't be looked at, because no file can be opened, is not taken for dead", async () => {
  const machine = new Machine();
  machine.processes.spawn(100);
  const known = await machine.session({ pid: 100 });
  machine.processes.isBlind = true;
  const unseen = await machine.session({ pid: 100 });
  await machine.advance(10 * minuteMs);
  assert.deepEqual([known.isActive, unseen.isActive, unseen.record.pid], [true, true, undefined]);
  machine.processes.isBlind = false;
  machine.processes.kill(100);
  await machine.advance(lookMs);
  assert.deepEqual([known.record.end_reason, unseen.isActive], ["process exited", true]);
});

test("E1: a process of another boot is gone, also when pid and start time are the same", () => {
  const processes = new ProcessTable();
  processes.spawn(100);
  const tie = tieOf(processes, 100);
  assert.equal(isAlive(processes, tie), true);
  processes.boot = "second boot";
  assert.equal(isAlive(processes, tie), false);
});

test("a session that reports another pid is tied to that one", async () => {
  const machine = new Machine();
  for (const pid of [100, 200]) machine.processes.spawn(pid);
  const session = await machine.session({ pid: 100 });
  await machine.session({ pid: 200 }, session.id);
  machine.processes.kill(100);
  await machine.advance(lookMs);
  assert.equal(session.isActive, true);
  // Nobody has 300: nothing of the tie to 200 is left.
  await machine.engine.replace(session, { pid: 300 });
  machine.processes.spawn(300);
  await machine.advance(lookMs);
  assert.equal(session.record.end_reason, "process exited");
});

test("a session that is opened again without a pid forgets a dead process and keeps a live one", async () => {
  const machine = new Machine();
  for (const pid of [100, 200]) machine.processes.spawn(pid);
  const dead = await machine.session({ pid: 100 });
  const live = await machine.session({ pid: 200 });
  machine.processes.kill(100);
  await machine.advance(lookMs);
  await machine.engine.end(live, "client request");
  for (const session of [dead, live]) await machine.session({}, session.id);
  assert.deepEqual([dead.record.pid, live.record.pid], [undefined, 200]);
  await machine.advance(lookMs);
  assert.deepEqual([dead.isActive, live.isActive], [true, true]);
  machine.processes.kill(200);
  await machine.advance(lookMs);
  assert.deepEqual([dead.isActive, live.record.end_reason], [true, "process exited"]);
});

test("how often is looked is a setting, and off is never", async () => {
  for (const livenessInterval of [5000, 0]) {
    const machine = new Machine({ settings: { livenessInterval } });
    machine.processes.spawn(100);
    const session = await machine.session({ pid: 100 });
    machine.processes.kill(100);
    await machine.advance(4999);
    assert.equal(session.isActive, true);
    await machine.advance(livenessInterval === 0 ? 10 * minuteMs : 1);
    assert.equal(session.isActive, livenessInterval === 0);
  }
});

test("the server's own session is never found dead", async () => {
  const machine = new Machine({ settings: { idleTimeout: minuteMs } });
  machine.engine.self = await machine.session({ pid: 100 });
  await machine.advance(10 * minuteMs);
  assert.equal(machine.engine.self.isActive, true);
});

test("looking for thousands of processes leaves turns of the event loop to others", async () => {
  const machine = new Machine();
  machine.processes.spawn(100);
  await Promise.all(Array.from({ length: 2000 }, () => machine.session({ pid: 100 })));
  let mostPerTurn = 0;
  let before = machine.processes.lookCount;
  let isOver = false;
  const count = () => {
    mostPerTurn = Math.max(mostPerTurn, machine.processes.lookCount - before);
    before = machine.processes.lookCount;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await machine.advance(lookMs);
  isOver = true;
  assert.ok(mostPerTurn > 0 && mostPerTurn <= 64, `${mostPerTurn} look-ups in one turn`);
});
