import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionId } from "#src/base/ids.ts";
import { isFailure } from "#src/storage/failure.ts";
import type { FileLayer } from "#src/storage/files.ts";
import { segmentName } from "#src/storage/paths.ts";
import { recoverSession } from "#src/storage/recover.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { readSessionRecord, writeSessionRecord } from "#src/storage/session-file.ts";
import type { SessionRecord, SessionTail } from "#src/storage/types.ts";
import { append, idOf, readBack, textsFrom } from "./blocks.ts";
import { failingFiles } from "./failing-files.ts";
import { diceOf, MemoryFiles } from "./memory-files.ts";

const dataDir = "data";
const ids = [idOf(1), idOf(2), idOf(3)];
const isLong = process.env["TAILRACE_LONG"] === "1";

function newDisk(): MemoryFiles {
  const files = new MemoryFiles();
  files.makeDirectory(dataDir);
  files.makeDirectory(`${dataDir}/sessions`);
  files.syncDirectory("");
  files.syncDirectory(dataDir);
  return files;
}

/** What the clients were told. */
class Promised {
  /** Text of each entry that was acknowledged, by seq from 1. */
  readonly written: string[] = [];
  syncedCount = 0;
  tail: SessionTail = { head: 0, segmentFirstSeq: 0, endPosition: 0 };
}

/** Appends and syncs over a layer that may fail, and keeps what it promised. */
class Run {
  readonly promised = new Map(ids.map((id) => [id, new Promised()]));
  refusedCount = 0;
  serial = 0;
  #writer: SegmentWriter;

  constructor(files: FileLayer) {
    const clock = { nowMs: () => 1, monotonicMs: () => 1, after: () => () => {} };
    this.#writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 3000, descriptorCountMax: 2, clock });
    for (const id of ids) this.#writer.adopt(id, this.of(id).tail);
  }

  of(id: SessionId): Promised {
    return this.promised.get(id) as Promised;
  }

  /** Appends `count` entries; each text is used once, so that an entry in a wrong place shows. */
  append(id: SessionId, count: number): void {
    const promised = this.of(id);
    const texts = Array.from({ length: count }, () => `${id} ${++this.serial}`.padEnd(90, "x"));
    const appended = append(this.#writer, id, texts);
    if (isFailure(appended)) {
      this.refusedCount++;
      assert.match(appended.code, /^E[A-Z]+$/);
      return;
    }
    assert.equal(appended.tail.head, promised.written.length + count);
    promised.written.push(...texts);
    promised.tail = appended.tail;
  }

  async sync(some: readonly SessionId[]): Promise<void> {
    const heads = some.map((id) => this.of(id).written.length);
    for (const [id, failure] of await this.#writer.syncAll(some)) {
      if (failure === undefined) this.of(id).syncedCount = heads[some.indexOf(id)] as number;
      else this.refusedCount++;
    }
  }

  close(): void {
    this.#writer.close();
  }
}

/** Reads what `files` hold after a crash and compares it with what was promised. */
function checkKept(files: MemoryFiles, run: Run, sameBoot: boolean, minimum: (promised: Promised) => number, told: string): void {
  for (const id of ids) {
    const promised = run.of(id);
    const recovered = recoverSession(files, dataDir, id, { sameBoot, syncedBeforeMs: 0 });
    assert.equal(recovered.tail.readOnly, undefined, told);
    const { entries, gaps } = readBack(files, dataDir, id, recovered.segments);
    for (let seq = 1; seq <= minimum(promised); seq++)
      assert.equal(entries.get(seq), promised.written[seq - 1], `${told}: ${id} ${seq}`);
    if (sameBoot) {
      assert.deepEqual(gaps, [], told);
      assert.equal(recovered.tail.head, promised.written.length, told);
    }
    for (const [seq, text] of entries) {
      if (seq <= promised.written.length) assert.equal(text, promised.written[seq - 1], `${told}: ${id} ${seq}`);
    }
    assert.deepEqual(recoverSession(files, dataDir, id, { sameBoot, syncedBeforeMs: 0 }).tail, recovered.tail, told);
  }
  assert.equal(files.openCount, 0, `${told}: all files are closed`);
}

async function scenario(run: Run): Promise<void> {
  for (let round = 0; round < 6; round++) {
    for (const id of ids) run.append(id, 3 + round);
    if (round % 2 === 1) await run.sync(ids);
  }
  run.close();
}

for (const [code, isForever] of [
  ["EIO", false],
  ["ENOSPC", true],
  ["EFBIG", false],
] as const) {
  test(`S4: whichever file operation fails with ${code} (${isForever ? "and all after it" : "once"}), nothing acknowledged is lost`, async (context) => {
    const clean = failingFiles(newDisk(), () => undefined);
    await scenario(new Run(clean.layer));
    const operationCount = clean.operationCount();
    let refusedRuns = 0;
    for (let failAt = 1; failAt <= operationCount; failAt++) {
      const disk = newDisk();
      const { layer } = failingFiles(disk, (_operation, count) =>
        count === failAt || (isForever && count > failAt) ? code : undefined,
      );
      const run = new Run(layer);
      await scenario(run);
      if (run.refusedCount > 0) refusedRuns++;
      if (!isForever)
        assert.ok(
          run.refusedCount <= ids.length,
          `one failure refuses one batch or one round, at ${failAt}: ${run.refusedCount}`,
        );
      checkKept(disk.afterKill(), run, true, (promised) => promised.written.length, `operation ${failAt} fails`);
      const dice = diceOf(failAt);
      checkKept(
        disk.afterPowerLoss(dice),
        run,
        false,
        (promised) => promised.syncedCount,
        `operation ${failAt} fails, then power`,
      );
    }
    context.diagnostic(`${operationCount} operations failed each in turn; ${refusedRuns} runs refused something`);
  });
}

test("S4: session.json is the old one or the new one, whichever operation fails and after power loss", () => {
  const record = (note: string): SessionRecord => ({
    id: ids[0] as string,
    metadata: { note },
    status: "active",
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    last_activity_at: "2026-01-01T00:00:00.000Z",
    ended_at: null,
    end_reason: null,
  });
  let failed = true;
  for (let failAt = 1; failed; failAt++) {
    const disk = newDisk();
    assert.equal(writeSessionRecord(disk, dataDir, record("old"), true), undefined);
    const { layer } = failingFiles(disk, (_operation, count) => (count === failAt ? "EIO" : undefined));
    failed = writeSessionRecord(layer, dataDir, record("new"), true) !== undefined || failAt < 4;
    for (let seed = 0; seed < 20; seed++) {
      const found = readSessionRecord(disk.afterPowerLoss(diceOf(seed)), dataDir, ids[0] as SessionId);
      assert.equal(found.warning, undefined);
      assert.ok(found.record?.metadata["note"] === "new" || (failed && found.record?.metadata["note"] === "old"));
    }
    assert.equal(disk.openCount, 0);
  }
});

test("S5: after power loss every entry that was acknowledged as synced is there, and no entry is wrong", async (context) => {
  const stateCount = isLong ? 5000 : 600;
  let stateNumber = 0;
  let syncedCount = 0;
  let failedSyncs = 0;
  for (let seed = 1; stateNumber < stateCount; seed++) {
    const dice = diceOf(seed);
    const disk = newDisk();
    const { layer } = failingFiles(disk, (operation) => {
      const fails = (operation === "syncDataAsync" || operation === "syncDirectoryAsync") && dice() < 0.05;
      if (fails) failedSyncs++;
      return fails ? "EIO" : undefined;
    });
    const run = new Run(layer);
    for (let step = 0; step < 40; step++) {
      if (dice() < 0.7) run.append(ids[Math.floor(dice() * ids.length)] as SessionId, 1 + Math.floor(dice() * 8));
      else await run.sync(ids.filter(() => dice() < 0.6));
      if (dice() < 0.75) continue;
      stateNumber++;
      checkKept(disk.afterPowerLoss(dice), run, false, (promised) => promised.syncedCount, `seed ${seed} step ${step}`);
    }
    for (const id of ids) syncedCount += run.of(id).syncedCount;
  }
  context.diagnostic(
    `${stateNumber} states after power loss, ${syncedCount} entries acknowledged as synced, ${failedSyncs} syncs failed`,
  );
});

test("S5: appending goes on after power loss, and what is then synced survives the next one", async () => {
  for (let seed = 1; seed <= (isLong ? 500 : 60); seed++) {
    const dice = diceOf(seed);
    let disk = newDisk();
    const synced = new Map<number, string>();
    let serial = 0;
    for (let life = 0; life < 5; life++) {
      const id = ids[0] as SessionId;
      const recovered = recoverSession(disk, dataDir, id, { sameBoot: false, syncedBeforeMs: 0 });
      const writer = new SegmentWriter({ files: disk, dataDir, segmentSizeBytes: 2000, descriptorCountMax: 2 });
      writer.adopt(id, recovered.tail);
      let head = recovered.tail.head;
      const unsynced = new Map<number, string>();
      for (let step = 0; step < 8; step++) {
        const texts = textsFrom(++serial, 2, 80);
        const appended = append(writer, id, texts);
        assert.ok(!isFailure(appended));
        for (const text of texts) unsynced.set(++head, text);
        if (dice() < 0.6) continue;
        assert.deepEqual([...(await writer.syncAll([id])).values()], [undefined]);
        for (const [seq, text] of unsynced) synced.set(seq, text);
        unsynced.clear();
      }
      disk = disk.afterPowerLoss(dice);
      const found = recoverSession(disk, dataDir, id, { sameBoot: false, syncedBeforeMs: 0 });
      const { entries } = readBack(disk, dataDir, id, found.segments);
      for (const [seq, text] of synced) assert.equal(entries.get(seq), text, `seed ${seed} life ${life} seq ${seq}`);
    }
  }
});

test("S4: whichever operation of a start fails, what was acknowledged is neither lost nor overwritten", async (context) => {
  let states = 0;
  for (const isForever of [false, true]) {
    for (const isTorn of [false, true]) {
      let operationCount = 1;
      for (let failAt = 1; failAt <= operationCount; failAt++) {
        const disk = newDisk();
        const run = new Run(disk);
        await scenario(run);
        if (isTorn) for (const id of ids) tearLast(disk, id, run.of(id));
        const { layer, operationCount: counted } = failingFiles(disk, (_operation, count) =>
          count === failAt || (isForever && count > failAt) ? "EIO" : undefined,
        );
        const writer = new SegmentWriter({ files: layer, dataDir, segmentSizeBytes: 3000, descriptorCountMax: 2 });
        for (const id of ids) {
          const { tail } = recoverSession(layer, dataDir, id, { sameBoot: true, syncedBeforeMs: 0 });
          writer.adopt(id, tail);
          const texts = textsFrom(1, 3, 90);
          if (!isFailure(append(writer, id, texts))) run.of(id).written.push(...texts);
        }
        writer.close();
        operationCount = Math.max(operationCount, counted());
        checkKept(disk.afterKill(), run, true, (promised) => promised.written.length, `operation ${failAt} of a start fails`);
        states++;
      }
    }
  }
  context.diagnostic(`${states} starts with a failing operation`);
});

/** A process was killed in the middle of its last write: nobody was told of that batch. */
function tearLast(disk: MemoryFiles, id: SessionId, promised: Promised): void {
  const path = `${dataDir}/sessions/${id}/${segmentName(promised.tail.segmentFirstSeq, false)}`;
  const descriptor = disk.open(path, "write");
  disk.write(descriptor, new Uint8Array(333).fill(0x54), 0, 333, promised.tail.endPosition);
  disk.close(descriptor);
}
