import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Session } from "#src/server/session.ts";
import { failingFiles } from "../storage/failing-files.ts";
import { diceOf, MemoryFiles } from "../storage/memory-files.ts";
import { dayMs, hourMs, Machine, minuteMs } from "./machine.ts";

const firstRunMs = 30_000;

function idsOf(sessions: readonly Session[]): string[] {
  return sessions.map((session) => session.id);
}

function keptOf(machine: Machine, sessions: readonly Session[]): boolean[] {
  return sessions.map((session) => machine.find(session) !== undefined);
}

function directories(files: Machine["files"]): string[] {
  return files.list("data/sessions");
}

test("E4: ended sessions over their age go half a minute after the start, then each hour; active ones never", async () => {
  const machine = new Machine({ settings: { retainAge: 2 * hourMs, livenessInterval: 0 } });
  const active = await machine.session();
  await machine.append(active, ["long ago"]);
  const old = await machine.endedSession();
  await machine.advance(2 * hourMs);
  const young = await machine.endedSession();
  assert.deepEqual(keptOf(machine, [active, old, young]), [true, true, true]);
  await machine.advance(hourMs - firstRunMs);
  assert.deepEqual(keptOf(machine, [active, old, young]), [true, false, true]);
  assert.deepEqual(directories(machine.files).sort(), idsOf([active, young]).sort());
  await machine.advance(100 * dayMs);
  assert.deepEqual(keptOf(machine, [active, old, young]), [true, false, false]);
  const next = await machine.restarted();
  assert.equal(next.find(old), undefined);
});

test("E4: the first run after a start is half a minute later, the next ones an hour apart", async () => {
  const machine = new Machine({ settings: { retainCount: 1 } });
  const times: number[] = [];
  const { registry } = machine.engine;
  const startMs = machine.clock.nowMs();
  for (let count = 0; count < 3; count++) {
    for (let index = 0; index < 2; index++) await machine.endedSession();
    while (registry.count > 1) await machine.advance(1000);
    times.push(machine.clock.nowMs() - startMs);
  }
  assert.deepEqual(times, [firstRunMs, firstRunMs + hourMs, firstRunMs + 2 * hourMs]);
});

test("E4: beyond the count the oldest ended ones go; active ones count and stay", async () => {
  const machine = new Machine({ settings: { retainCount: 4 } });
  const ended: Session[] = [];
  for (let index = 0; index < 4; index++) {
    ended.push(await machine.endedSession());
    await machine.advance(1000);
  }
  const active = [await machine.session(), await machine.session()];
  const report = await machine.lifecycle.prune(false);
  assert.deepEqual(
    [report.expired_by_age, report.expired_by_count, report.expired_by_bytes, report.sessions],
    [0, 2, 0, idsOf(ended.slice(0, 2))],
  );
  assert.deepEqual(keptOf(machine, [...ended, ...active]), [false, false, true, true, true, true]);
});

test("E4: beyond the bytes the oldest ended ones go, archives among them, until the rest fits", async () => {
  const machine = new Machine({ settings: { retainBytes: 1, archiveAfter: 0 } });
  const sessions: Session[] = [];
  for (let index = 0; index < 4; index++) {
    sessions.push(await machine.endedSession("x".repeat(20_000)));
    await machine.advance(1000);
  }
  const [first, second, third, last] = sessions as [Session, Session, Session, Session];
  const plainSizeBytes = first.sizeBytes;
  for (const session of [first, second]) assert.equal(await machine.archivist.archive(session), undefined);
  assert.ok(first.sizeBytes < plainSizeBytes / 10, "an archive counts with what it takes");
  const total = sessions.reduce((sum, session) => sum + session.sizeBytes, 0);
  const expected = { expired_by_age: 0, expired_by_count: 0 };
  const limited = (retainBytes: number) => machine.restarted({ settings: { retainBytes, archiveAfter: 0 } });
  assert.equal((await (await limited(total)).lifecycle.prune(true)).expired_by_bytes, 0);
  const one = await (await limited(total - 1)).lifecycle.prune(true);
  assert.deepEqual(one, { ...expected, expired_by_bytes: 1, bytes: first.sizeBytes, sessions: [first.id] });
  const two = await (await limited(total - first.sizeBytes - 1)).lifecycle.prune(false);
  const bytes = first.sizeBytes + second.sizeBytes;
  assert.deepEqual(two, { ...expected, expired_by_bytes: 2, bytes, sessions: idsOf([first, second]) });
  const next = await limited(total);
  assert.deepEqual(keptOf(next, [first, second, third, last]), [false, false, true, true]);
});

test("E4: a dry run says what a run would remove, and removes nothing", async () => {
  const machine = new Machine({ settings: { retainCount: 1, retainAge: hourMs, retainInterval: 0 } });
  const old = await machine.endedSession();
  await machine.advance(hourMs);
  const young = await machine.endedSession();
  const active = await machine.session();
  await machine.advance(1);
  const said = await machine.lifecycle.prune(true);
  assert.deepEqual([said.expired_by_age, said.expired_by_count], [1, 1]);
  assert.deepEqual(keptOf(machine, [old, young, active]), [true, true, true]);
  assert.deepEqual(await machine.lifecycle.prune(false), said);
  assert.deepEqual(keptOf(machine, [old, young, active]), [false, false, true]);
});

test("a session that a crash ended is not taken for old because its entries are", async () => {
  const before = new Machine({ settings: { livenessInterval: 0, archiveAfter: 0 } });
  const session = await before.session();
  await before.append(session, ["from a log of long ago"], Date.parse("2005-06-03T15:42:50.675Z"));
  const future = await before.session();
  await before.append(future, ["from a clock that is wrong"], Date.parse("2099-01-01T00:00:00.000Z"));
  const machine = await before.restarted();
  await machine.advance(firstRunMs);
  assert.deepEqual(keptOf(machine, [session, future]), [true, true]);
  assert.equal(machine.must(session).record.ended_at, "2005-06-03T15:42:50.675Z");
  await machine.advance(366 * dayMs);
  assert.deepEqual(keptOf(machine, [session, future]), [false, false]);
});

test("E4: whatever the order of ends, sizes and settings, what goes is the oldest and no more than must", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ sizeBytes: fc.integer({ min: 1, max: 3000 }), isActive: fc.boolean() }), { maxLength: 8 }),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: 20_000 }),
      async (plans, retainCount, retainBytes) => {
        const machine = new Machine({ settings: { retainCount, retainBytes, archiveAfter: 0 } });
        const ended: Session[] = [];
        for (const { sizeBytes, isActive } of plans) {
          if (isActive) await machine.append(await machine.session(), ["x".repeat(sizeBytes)]);
          else ended.push(await machine.endedSession("x".repeat(sizeBytes)));
          await machine.advance(1);
        }
        let count = machine.engine.registry.count;
        let bytes = [...machine.engine.registry.all].reduce((sum, session) => sum + session.sizeBytes, 0);
        const expected: string[] = [];
        for (const { id, sizeBytes } of ended) {
          if (!((retainCount > 0 && count > retainCount) || (retainBytes > 0 && bytes > retainBytes))) break;
          expected.push(id);
          count--;
          bytes -= sizeBytes;
        }
        assert.deepEqual((await machine.lifecycle.prune(false)).sessions, expected);
        assert.equal(machine.engine.registry.count, count);
      },
    ),
    { numRuns: 40 },
  ));

test("E5: removing writes nothing, so a full disk does not stop it", async () => {
  let isFull = false;
  const { layer } = failingFiles(new MemoryFiles(), (operation) =>
    isFull && (operation === "write" || operation === "open") ? "ENOSPC" : undefined,
  );
  const machine = new Machine({ files: layer, settings: { retainCount: 1 } });
  for (let index = 0; index < 5; index++) await machine.endedSession();
  isFull = true;
  assert.equal((await machine.lifecycle.prune(false)).expired_by_count, 4);
  await machine.settle();
  assert.equal(directories(layer).length, 1);
});

test("a disk that has no room even for a name gets some from what can be made again", async () => {
  let renameCount = 0;
  const { layer } = failingFiles(new MemoryFiles(), (operation) =>
    operation === "rename" && renameCount-- === 1 ? "ENOSPC" : undefined,
  );
  const machine = new Machine({ files: layer });
  const session = await machine.endedSession();
  renameCount = 1;
  assert.equal(await machine.engine.purge(session), undefined);
  assert.equal(machine.find(session), undefined);
});

test("E5: whichever operation of a removal fails and whenever power fails, a session is there whole or not at all", async (context) => {
  let states = 0;
  for (const isForever of [false, true]) {
    let operationCount = 1;
    for (let failAt = 1; failAt <= operationCount; failAt++) {
      const files = new MemoryFiles();
      let isArmed = false;
      let count = 0;
      const { layer } = failingFiles(files, () => {
        if (!isArmed) return undefined;
        count++;
        return count === failAt || (isForever && count > failAt) ? "EIO" : undefined;
      });
      const machine = new Machine({ files: layer, segmentSizeBytes: 2000 });
      const sessions: Session[] = [];
      for (let index = 0; index < 3; index++) {
        const session = await machine.endedSession("x".repeat(1500));
        sessions.push(session);
      }
      syncAll(files);
      isArmed = true;
      const refusals = await machine.engine.remover.purge(sessions);
      await machine.settle();
      isArmed = false;
      operationCount = Math.max(operationCount, count);
      for (const survivor of [files.afterKill(), files.afterPowerLoss(diceOf(failAt))]) {
        const next = await new Machine({ files: survivor, clock: machine.clock }).restarted();
        for (const session of sessions) {
          const found = next.find(session);
          if (found !== undefined) assert.deepEqual(next.messages(found), ["x".repeat(1500), "Session ended: client request"]);
          // Who was told that it is removed never sees it again.
          else assert.deepEqual(next.files.list("data/sessions").includes(session.id), false);
          if (!refusals.has(session)) assert.equal(found, undefined);
          states++;
        }
        next.engine.remover.sweep();
        await next.settle();
        assert.equal(directories(survivor).filter((name) => name.startsWith(".")).length, 0, "nothing is left behind");
      }
    }
  }
  context.diagnostic(`${states} sessions looked at after an interrupted removal`);
});

test("a session that is refused its removal is there as before, and goes the next time", async () => {
  const machine = new Machine();
  const session = await machine.endedSession();
  machine.background.deadly.add("trash");
  assert.equal((await machine.engine.purge(session))?.code, "storage_unavailable");
  assert.equal(machine.must(session).busy, undefined);
  machine.background.deadly.clear();
  const active = await machine.session();
  assert.equal((await machine.engine.purge(active))?.code, "session_active");
  assert.equal(await machine.engine.purge(session), undefined);
});

test("what is written to a session while it is removed finds it gone, and brings nothing of it back", async () => {
  const machine = new Machine();
  const session = await machine.endedSession();
  const purged = machine.engine.purge(session);
  const put = machine.engine.replace(session, { mode: "m" });
  const readers = machine.engine.writeReaders(session, []);
  const opened = machine.engine.createOrUpdate(session.id, {});
  assert.deepEqual(
    [await purged, (await put)?.code, (await readers)?.code],
    [undefined, "session_not_found", "session_not_found"],
  );
  assert.ok("code" in (await opened));
  await machine.settle();
  assert.deepEqual(directories(machine.files), []);
  // The id is free again.
  assert.deepEqual((await machine.session({}, session.id)).head, 0);
});

test("removing thousands of sessions is few tasks, and intake has its turn all the while", async () => {
  const machine = new Machine({ settings: { retainCount: 1 } });
  const active = await machine.session();
  const sessions = await Promise.all(Array.from({ length: 2000 }, () => machine.session()));
  await Promise.all(sessions.map((session) => machine.engine.end(session, "client request")));
  machine.background.log.length = 0;
  let appendCount = 0;
  let isPruned = false;
  const pruned = machine.lifecycle.prune(false).then((report) => {
    isPruned = true;
    return report;
  });
  while (!isPruned) {
    await machine.append(active, ["between"]);
    appendCount++;
  }
  assert.equal((await pruned).expired_by_count, 2000);
  await machine.settle();
  const tasks = machine.background.log;
  assert.equal(tasks.filter((name) => name === "trash").length, Math.ceil(2000 / 16));
  assert.ok(tasks.length < 300, `${tasks.length} tasks`);
  assert.ok(appendCount >= 30, `${appendCount} appends while it ran`);
  assert.equal(directories(machine.files).length, 1);
});

function syncAll(files: MemoryFiles): void {
  for (const id of files.list("data/sessions")) {
    for (const name of files.list(`data/sessions/${id}`)) {
      const descriptor = files.open(`data/sessions/${id}/${name}`, "write");
      files.syncData(descriptor);
      files.close(descriptor);
    }
    files.syncDirectory(`data/sessions/${id}`);
  }
  for (const directory of ["data/sessions", "data", ""]) files.syncDirectory(directory);
}

test("the age of a minute is a minute", async () => {
  const machine = new Machine({ settings: { retainAge: minuteMs } });
  const session = await machine.endedSession();
  await machine.advance(minuteMs);
  assert.deepEqual((await machine.lifecycle.prune(true)).sessions, []);
  await machine.advance(1);
  assert.deepEqual((await machine.lifecycle.prune(true)).sessions, [session.id]);
});
