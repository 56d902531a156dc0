import assert from "node:assert/strict";
import { test } from "node:test";
import { durationText } from "#src/server/liveness.ts";
import { failingFiles } from "../storage/failing-files.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { hourMs, Machine, minuteMs } from "./machine.ts";

const idleTimeout = 15 * minuteMs;

test("E2: a session of which nothing was heard for the idle timeout ends, and says for how long", async () => {
  const machine = new Machine({ settings: { idleTimeout } });
  const session = await machine.session();
  await machine.advance(idleTimeout - 1);
  assert.equal(session.isActive, true);
  await machine.advance(1);
  assert.equal(session.record.end_reason, "idle for 15m 00s");
  assert.deepEqual(machine.messages(session), ["Session ended: idle for 15m 00s"]);
  const { ended_at, last_activity_at } = session.toObject();
  assert.deepEqual([ended_at, last_activity_at], ["2026-11-20T12:15:00.000Z", "2026-11-20T12:00:00.000Z"]);
});

test("E2: appends, updates and heartbeats are signs of life, each moves the last activity", async () => {
  const machine = new Machine({ settings: { idleTimeout } });
  const signs = [
    (session: Awaited<ReturnType<Machine["session"]>>) => machine.append(session, ["here"]),
    (session: Awaited<ReturnType<Machine["session"]>>) => machine.engine.replace(session, {}),
    (session: Awaited<ReturnType<Machine["session"]>>) => machine.session({ mode: "m" }, session.id),
    async (session: Awaited<ReturnType<Machine["session"]>>) => machine.engine.touch(session),
  ];
  for (const sign of signs) {
    const session = await machine.session();
    await machine.advance(10 * minuteMs);
    await sign(session);
    const heard = new Date(machine.clock.nowMs()).toISOString();
    assert.equal(session.toObject().last_activity_at, heard);
    await machine.advance(idleTimeout - 1000);
    assert.deepEqual([session.isActive, session.toObject().last_activity_at], [true, heard]);
    await machine.advance(1000);
    assert.equal(session.record.end_reason, "idle for 15m 00s");
    assert.equal(session.toObject().last_activity_at, heard, "its end is no sign of life");
  }
});

test("E2: a silent session with a live local process stays, and ends for its process when that is gone", async () => {
  const machine = new Machine({ settings: { idleTimeout } });
  machine.processes.spawn(100);
  const session = await machine.session({ pid: 100 });
  await machine.advance(2 * hourMs);
  assert.equal(session.isActive, true);
  machine.processes.kill(100);
  await machine.advance(minuteMs);
  assert.equal(session.record.end_reason, "process exited");
});

test("without looks at processes a silent session whose process is gone ends for its silence", async () => {
  const machine = new Machine({ settings: { idleTimeout, livenessInterval: 0 } });
  machine.processes.spawn(100);
  const session = await machine.session({ pid: 100 });
  await machine.advance(hourMs);
  machine.processes.kill(100);
  await machine.advance(minuteMs);
  assert.match(session.record.end_reason ?? "", /^idle for 1h 00m$/);
});

test("E2: silence is counted from when the session's last socket closed", async () => {
  const machine = new Machine({ settings: { idleTimeout } });
  const session = await machine.session();
  session.socketCount = 1;
  await machine.advance(hourMs);
  session.socketCount = 0;
  await machine.advance(idleTimeout - 2000);
  assert.equal(session.isActive, true);
  await machine.advance(2000);
  assert.equal(session.record.end_reason, "idle for 15m 00s");
});

test("without an idle timeout silence ends nothing", async () => {
  const machine = new Machine();
  const session = await machine.session();
  await machine.advance(48 * hourMs);
  assert.equal(session.isActive, true);
});

test("an end that the disk does not take is tried again half a minute later, and told once each time", async () => {
  let isFull = false;
  const { layer } = failingFiles(new MemoryFiles(), (operation) => (isFull && operation === "write" ? "ENOSPC" : undefined));
  const machine = new Machine({ files: layer, settings: { idleTimeout } });
  const sessions = [await machine.session(), await machine.session()];
  isFull = true;
  await machine.advance(idleTimeout + 59_000);
  assert.deepEqual(
    sessions.map((session) => [session.isActive, session.head]),
    [
      [true, 0],
      [true, 0],
    ],
  );
  assert.deepEqual(
    machine.logged("Sessions could not be ended").map((line) => line["count"]),
    [2, 2],
  );
  isFull = false;
  await machine.advance(30_000);
  assert.deepEqual(
    sessions.map((session) => session.record.end_reason),
    ["idle for 16m 00s", "idle for 16m 00s"],
  );
});

test("durations are said in the largest two units", () => {
  const texts = [42_000, 60_000, 900_000, 3_599_999, 7_500_000, 100 * hourMs].map(durationText);
  assert.deepEqual(texts, ["42s", "1m 00s", "15m 00s", "59m 59s", "2h 05m", "100h 00m"]);
});
