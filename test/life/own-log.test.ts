import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "#src/config.ts";
import { type LineTarget, OwnLog, sessionTarget } from "#src/server/own-log.ts";
import { HandClock } from "./hand-clock.ts";
import { nextTurn } from "./inline-threads.ts";
import { Machine } from "./machine.ts";

/** A target that keeps what it takes, and takes nothing while it is closed. */
class Shelf implements LineTarget {
  readonly taken: string[] = [];
  readonly tried: string[] = [];
  isOpen = true;
  reason: string | undefined;

  async take(lines: string): Promise<boolean> {
    this.tried.push(lines);
    await nextTurn();
    if (this.isOpen) this.taken.push(...lines.split("\n").filter((line) => line !== ""));
    return this.isOpen;
  }

  async end(reason: string): Promise<void> {
    this.reason = reason;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

test("lines that were logged before there is a session go first, and each goes once", async () => {
  const log = new OwnLog(new HandClock());
  log.sink("1\n");
  log.sink("2\n");
  const shelf = new Shelf();
  log.attach(shelf);
  await settle();
  log.sink("3\n");
  await settle();
  assert.deepEqual(shelf.taken, ["1", "2", "3"]);
});

test("what the target does not take is tried again after a pause, the same lines together, and later ones behind them", async () => {
  const clock = new HandClock();
  const log = new OwnLog(clock);
  const shelf = new Shelf();
  shelf.isOpen = false;
  log.attach(shelf);
  log.sink("1\n");
  await settle();
  for (let line = 2; line <= 5; line++) log.sink(`${line}\n`);
  await settle();
  assert.deepEqual(shelf.tried, ["1\n"], "no line makes it hammer at a closed door");
  await clock.advance(limits.ownLogRetryMs, settle);
  assert.deepEqual(shelf.tried, ["1\n", "1\n"]);
  shelf.isOpen = true;
  await clock.advance(limits.ownLogRetryMs, settle);
  assert.deepEqual(shelf.taken, ["1", "2", "3", "4", "5"]);
});

test("of more lines than are kept the oldest are dropped and counted", async () => {
  const log = new OwnLog(new HandClock());
  for (let line = 0; line < limits.ownLogLineCountMax + 3; line++) log.sink(`${line}\n`);
  const shelf = new Shelf();
  log.attach(shelf);
  await log.flush();
  assert.deepEqual([log.droppedCount, shelf.taken[0], shelf.taken.length], [3, "3", limits.ownLogLineCountMax]);
  assert.equal(shelf.tried.length, limits.ownLogLineCountMax / limits.ownLogBatchLineCount);
});

test("the end sends what waits and says why", async () => {
  const log = new OwnLog(new HandClock());
  const shelf = new Shelf();
  log.attach(shelf);
  log.sink("last\n");
  await log.end("server shutdown");
  log.sink("too late\n");
  await settle();
  assert.deepEqual([shelf.taken, shelf.reason], [["last"], "server shutdown"]);
});

test("the server's own session takes its lines with their own times and ends with it", async () => {
  const machine = new Machine();
  const session = await machine.session();
  const log = new OwnLog(machine.clock);
  log.attach(sessionTarget(machine.engine, session));
  const time = machine.clock.nowMs() - 5000;
  log.sink(`${JSON.stringify({ level: 40, time, name: "tailrace", port: 1, msg: "careful" })}\n`);
  await log.end("server shutdown");
  const [line, end] = machine.read(session).entries;
  const { timestamp, level, logger, message, fields } = line ?? {};
  assert.deepEqual(
    [timestamp, level, logger, message, fields],
    ["2026-11-20T11:59:55.000Z", "warn", "tailrace", "careful", { port: 1 }],
  );
  assert.deepEqual([end?.message, session.record.end_reason], ["Session ended: server shutdown", "server shutdown"]);
});
