import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "#src/server/session.ts";
import { verifyDataDirectory } from "#src/storage/verify.ts";
import { failingFiles } from "../storage/failing-files.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { dayMs, hourMs, Machine } from "./machine.ts";

const archiveAfter = 7 * dayMs;
/** The hours of weeks pass quickly when no process is looked for. */
const settings = { livenessInterval: 0, archiveAfter };

/** A session of some segments that has ended. */
async function longSession(machine: Machine): Promise<Session> {
  const session = await machine.session();
  for (let batch = 0; batch < 20; batch++) {
    await machine.append(
      session,
      Array.from({ length: 10 }, (_, index) => `entry ${batch * 10 + index + 1} of this session, as any other`),
    );
  }
  assert.equal(await machine.engine.end(session, "client request"), undefined);
  return session;
}

function formsOf(session: Session): string {
  return session.segments.map((segment) => (segment.archived ? "a" : "p")).join("");
}

test("E8: ended sessions are archived when they are old enough, oldest first, and say what that saved", async () => {
  const machine = new Machine({ settings, segmentSizeBytes: 4000 });
  const old = await longSession(machine);
  await machine.advance(hourMs);
  const young = await longSession(machine);
  const active = await machine.session();
  const before = machine.read(old);
  const sizeBytes = old.sizeBytes;
  await machine.advance(archiveAfter - hourMs);
  assert.deepEqual([old.isArchived, young.isArchived], [false, false]);
  await machine.advance(hourMs);
  assert.deepEqual([old.isArchived, young.isArchived, active.isActive], [true, false, true]);
  const { archived, archived_at, original_bytes, archived_bytes, bytes } = old.toObject();
  assert.deepEqual([archived, original_bytes, archived_bytes, bytes], [true, sizeBytes, old.sizeBytes, old.sizeBytes]);
  assert.ok(old.sizeBytes < sizeBytes / 3);
  assert.equal(archived_at, "2026-11-27T12:00:30.000Z");
  assert.deepEqual(machine.read(old), before);
  const next = await machine.restarted();
  const found = next.must(old);
  assert.deepEqual(found.toObject(), old.toObject());
  assert.deepEqual(next.read(found), before);
});

test("E8: a session that is brought back is plain again for as long as one that has just ended", async () => {
  const machine = new Machine({ settings, segmentSizeBytes: 4000 });
  const session = await longSession(machine);
  const before = machine.read(session);
  await machine.advance(archiveAfter + hourMs);
  assert.equal(formsOf(session).includes("p"), false);
  assert.equal(await machine.archivist.restore(session), undefined);
  const { archived, archived_at, original_bytes, archived_bytes, ...shown } = session.toObject();
  assert.deepEqual([archived, archived_at, original_bytes, archived_bytes], [false, undefined, undefined, undefined]);
  assert.equal("restored_at" in shown, false);
  assert.deepEqual([formsOf(session).includes("a"), machine.read(session)], [false, before]);
  await machine.advance(archiveAfter - hourMs);
  assert.equal(session.isArchived, false);
  const next = await machine.restarted();
  await next.advance(2 * hourMs);
  assert.equal(next.must(session).isArchived, true);
});

test("E8: an archived session that is opened again goes on in plain segments, and both are one archive later", async () => {
  const machine = new Machine({ settings, segmentSizeBytes: 4000 });
  const session = await longSession(machine);
  const plainSizeBytes = session.sizeBytes;
  assert.equal(await machine.archivist.archive(session), undefined);
  const archivedForms = formsOf(session);
  await machine.session({}, session.id);
  await machine.append(session, ["goes on"]);
  assert.equal(formsOf(session), `${archivedForms}p`);
  const { archived, archived_at, original_bytes } = session.toObject();
  assert.deepEqual([archived, archived_at, original_bytes], [false, undefined, undefined]);
  await machine.engine.end(session, "client request");
  const before = machine.read(session);
  const tailSizeBytes = session.segments.at(-1)?.sizeBytes ?? 0;
  assert.equal(await machine.archivist.archive(session), undefined);
  assert.equal(session.toObject().original_bytes, plainSizeBytes + tailSizeBytes);
  assert.deepEqual(machine.read(session), before);
  assert.deepEqual(machine.messages(session).slice(-3), ["Session resumed", "goes on", "Session ended: client request"]);
});

test("archiving an archived session changes nothing; restoring a plain one and touching an active one are refused", async () => {
  const machine = new Machine({ settings });
  const session = await longSession(machine);
  assert.equal((await machine.archivist.restore(session))?.code, "not_archived");
  assert.equal(await machine.archivist.archive(session), undefined);
  const record = session.record;
  assert.equal(await machine.archivist.archive(session), undefined);
  assert.equal(session.record, record);
  const active = await machine.session();
  assert.equal((await machine.archivist.archive(active))?.code, "session_active");
  assert.equal((await machine.archivist.restore(active))?.code, "session_active");
});

test("while a session is archived nobody else has its files: others wait or are refused, and nothing is lost", async () => {
  const machine = new Machine({ settings, segmentSizeBytes: 4000 });
  const session = await longSession(machine);
  const before = machine.read(session);
  const archiving = machine.archivist.archive(session);
  const second = machine.archivist.archive(session);
  const purged = machine.engine.purge(session);
  const opened = machine.engine.createOrUpdate(session.id, {});
  const put = machine.engine.replace(session, { mode: "changed" });
  assert.deepEqual([(await second)?.code, (await purged)?.code], ["storage_unavailable", "storage_unavailable"]);
  assert.ok("code" in (await opened));
  assert.deepEqual([await archiving, await put], [undefined, undefined]);
  const next = await machine.restarted();
  const found = next.must(session);
  const { archived, mode, original_bytes } = found.toObject();
  assert.deepEqual([archived, mode, original_bytes], [true, "changed", session.toObject().original_bytes]);
  assert.deepEqual(next.read(found), before);
});

test("one archive is made at a time, so that removals have a thread", async () => {
  const machine = new Machine({ settings });
  const sessions = [await longSession(machine), await longSession(machine), await longSession(machine)];
  machine.background.log.length = 0;
  const archived = sessions.map((session) => machine.archivist.archive(session));
  const removed = machine.engine.purge(await machine.endedSession());
  await Promise.all([...archived, removed]);
  const tasks = machine.background.log;
  assert.ok(tasks.indexOf("trash") < tasks.lastIndexOf("archive"), tasks.join(" "));
});

test("E8: a session whose background thread died in the middle is read as before, goes on, and is archived the next time", async () => {
  const machine = new Machine({ settings, segmentSizeBytes: 4000 });
  const session = await longSession(machine);
  const before = machine.read(session);
  machine.background.deadly.add("archive");
  assert.equal((await machine.archivist.archive(session))?.code, "storage_unavailable");
  assert.deepEqual([session.busy, machine.read(session)], [undefined, before]);
  machine.background.deadly.clear();
  await machine.session({}, session.id);
  await machine.append(session, ["goes on"]);
  await machine.engine.end(session, "client request");
  assert.equal(await machine.archivist.archive(session), undefined);
  assert.deepEqual(machine.read(session).entries.slice(0, before.entries.length), before.entries);
  assert.equal(session.isArchived, true);
});

test("E8: whichever operation of archiving or restoring fails, the session is readable, goes on, and a start finds it whole", async (context) => {
  let states = 0;
  for (const task of ["archive", "restore"] as const) {
    let operationCount = 1;
    for (let failAt = 1; failAt <= operationCount; failAt++) {
      let count = 0;
      let isArmed = false;
      const { layer } = failingFiles(new MemoryFiles(), () => (isArmed && ++count === failAt ? "EIO" : undefined));
      const machine = new Machine({ files: layer, settings, segmentSizeBytes: 9000 });
      const session = await longSession(machine);
      if (task === "restore") assert.equal(await machine.archivist.archive(session), undefined);
      const before = machine.messages(session);
      isArmed = true;
      await machine.archivist[task](session);
      operationCount = Math.max(operationCount, count);
      isArmed = false;
      const told = `${task}: operation ${failAt} fails`;
      assert.deepEqual([machine.read(session).gaps, machine.messages(session)], [[], before], told);
      await machine.session({}, session.id);
      await machine.append(session, ["goes on"]);
      const next = await machine.restarted();
      const after = [...before, "Session resumed", "goes on", "Session ended: server restart"];
      assert.deepEqual(next.messages(next.must(session)), after, told);
      assert.equal(await next.archivist.archive(next.must(session)), undefined, told);
      assert.deepEqual(next.messages(next.must(session)), after, told);
      states++;
    }
  }
  context.diagnostic(`${states} interrupted archives and restores`);
});

test("E8: a damaged archive is told by reads, restoring and the log, and what is whole stays readable", async () => {
  const files = new MemoryFiles();
  const machine = new Machine({ files, settings, segmentSizeBytes: 4000 });
  const session = await longSession(machine);
  assert.equal(await machine.archivist.archive(session), undefined);
  const [first] = session.segments;
  assert.ok(first !== undefined && session.segments.length > 1);
  const path = `data/sessions/${session.id}/${String(first.firstSeq).padStart(20, "0")}.log.lz4`;
  const content = files.content(path);
  const middle = content.length >> 1;
  content[middle] = (content[middle] as number) ^ 1;
  const { entries, gaps } = machine.read(session);
  assert.deepEqual([gaps, entries[0]?.seq], [[{ from: 1, to: first.lastSeq }], first.lastSeq + 1]);
  const refusal = await machine.archivist.restore(session);
  assert.deepEqual([refusal?.code, refusal?.message.includes("is damaged at byte")], ["storage_unavailable", true]);
  assert.equal(machine.log.filter((line) => String(line["msg"]).includes(`${path} is damaged`)).length, 1);
  assert.deepEqual(machine.read(session), { entries, gaps });
});

test("archiving writes, so a full disk leaves sessions plain and the next hour tries again", async () => {
  let isFull = false;
  const { layer } = failingFiles(new MemoryFiles(), (operation) => (isFull && operation === "write" ? "ENOSPC" : undefined));
  const machine = new Machine({ files: layer, settings, segmentSizeBytes: 4000 });
  const session = await longSession(machine);
  const before = machine.read(session);
  await machine.advance(archiveAfter - hourMs);
  isFull = true;
  await machine.advance(2 * hourMs);
  assert.deepEqual([session.isArchived, machine.read(session)], [false, before]);
  assert.ok(machine.logged("A session could not be archived").length > 0);
  isFull = false;
  await machine.advance(hourMs);
  assert.deepEqual([session.isArchived, machine.read(session)], [true, before]);
});

test("E8: an archive whose end is damaged or cut off keeps its seqs, through restarts and when the session goes on", async (context) => {
  let losses = 0;
  for (const [what, damage] of [
    ["cut in the middle", (content: Uint8Array) => content.slice(0, (content.length >> 4) << 3)],
    ["cut before the last trailer", (content: Uint8Array) => content.slice(0, -8)],
    ["only its header left", (content: Uint8Array) => content.slice(0, 64)],
    ["zeros from the middle on", (content: Uint8Array) => content.slice().fill(0, content.length >> 1)],
    ["its header and first block lost", (content: Uint8Array) => content.slice().fill(255, 0, 200)],
    [
      "a bit in the last block",
      (content: Uint8Array) => content.map((byte, at) => (at === content.length - 100 ? byte ^ 1 : byte)),
    ],
  ] as const) {
    const files = new MemoryFiles();
    const machine = new Machine({ files, settings, segmentSizeBytes: 5000 });
    const session = await longSession(machine);
    const before = machine.read(session).entries;
    assert.equal(await machine.archivist.archive(session), undefined);
    const last = session.segments.at(-1);
    assert.ok(last !== undefined && session.segments.length > 1);
    const path = `data/sessions/${session.id}/${String(last.firstSeq).padStart(20, "0")}.log.lz4`;
    files.setContent(path, damage(files.content(path)));
    const next = await machine.restarted();
    const found = next.must(session);
    const { entries, gaps } = next.read(found);
    assert.deepEqual([found.head, gaps], [session.head, [{ from: last.firstSeq, to: last.lastSeq }]], what);
    assert.deepEqual(entries, before.slice(0, last.firstSeq - 1), what);
    assert.equal((await next.archivist.restore(found))?.code, "storage_unavailable", what);
    assert.ok(
      verifyDataDirectory(files, "data").findings.some((finding) => finding.startsWith(path)),
      what,
    );
    await next.session({}, session.id);
    await next.append(found, ["goes on"]);
    const again = await next.restarted();
    assert.deepEqual(
      again.read(again.must(session), last.lastSeq).entries.map((entry) => [entry.seq, entry.message]),
      [
        [last.lastSeq + 1, "Session resumed"],
        [last.lastSeq + 2, "goes on"],
        [last.lastSeq + 3, "Session ended: server restart"],
      ],
      what,
    );
    losses += last.lastSeq - last.firstSeq + 1;
  }
  context.diagnostic(`${losses} entries were lost and told`);
});
