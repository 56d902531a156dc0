import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { archiveSession, restoreSession } from "#src/storage/archive.ts";
import { isFailure } from "#src/storage/failure.ts";
import { type FileLayer, systemFiles } from "#src/storage/files.ts";
import { loadKeyWindow } from "#src/storage/key-load.ts";
import { KeyWindow } from "#src/storage/key-window.ts";
import { encodeKeys } from "#src/storage/keys.ts";
import { recoverSession } from "#src/storage/recover.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import type { SegmentInfo } from "#src/storage/types.ts";
import { verifyDataDirectory } from "#src/storage/verify.ts";
import { columnsOf, entriesArbitrary, entriesOf, entryArbitrary, entryOf, type ModelEntry } from "../record/entries.ts";
import { idOf, mustAppend, noKeys, Published, readBack, textsFrom } from "./blocks.ts";
import { failingFiles } from "./failing-files.ts";
import { diceOf, MemoryFiles } from "./memory-files.ts";
import { withDataDir } from "./temporary.ts";

const dataDir = "data";
const id = idOf(1);
const newTail = { head: 0, segmentFirstSeq: 0, endPosition: 0 };
const sameBoot = { sameBoot: true, syncedBeforeMs: 0 };
const hash = "00112233445566778899aabbccddeeff";

function newDisk(): MemoryFiles {
  const files = new MemoryFiles();
  files.makeDirectory(dataDir);
  files.syncDirectory("");
  return files;
}

function appendEntries(writer: SegmentWriter, published: Published, entries: readonly ModelEntry[]): void {
  const columns = columnsOf(entries);
  const place = writer.begin(id, encodedSizeBytes(columns, 0));
  assert.ok(!isFailure(place));
  const block = new Uint8Array(encodedSizeBytes(columns, 0));
  encodeBlock(columns, place, noKeys, block, 0);
  const appended = writer.append(id, block, entries.length);
  assert.ok(!isFailure(appended));
  published.add(appended);
}

function readEntries(files: FileLayer, segments: readonly SegmentInfo[], cursor = 0): ModelEntry[] {
  const view = new BlockView();
  const found: ModelEntry[] = [];
  const visitor = {
    block: (bytes: Uint8Array, offset: number) => {
      view.openBlock(bytes, offset);
      found.push(...entriesOf(view).slice(Math.max(0, cursor + 1 - view.firstSeq)));
      return true;
    },
    gap: () => assert.fail("there is no gap"),
  };
  assert.equal(new SegmentReader({ files, dataDir }).readForward(id, segments, cursor, visitor), undefined);
  return found;
}

test("S7: random sessions that are archived and restored give the same entries, byte for byte, from any cursor", () =>
  fc.assert(
    fc.property(
      fc.array(entriesArbitrary, { maxLength: 12 }),
      fc.integer({ min: 200, max: 8000 }),
      (batches, segmentSizeBytes) => {
        const files = newDisk();
        const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes, descriptorCountMax: 2 });
        writer.adopt(id, newTail);
        const published = new Published();
        for (const batch of batches) appendEntries(writer, published, batch);
        writer.close();
        const sent = readEntries(files, published.segments);
        assert.deepEqual(sent, batches.flat());
        const archived = archiveSession(files, dataDir, id, published.segments, 1);
        assert.deepEqual([archived.failure, archived.refused], [undefined, []]);
        assert.ok(archived.segments.every((segment) => segment.archived));
        assert.deepEqual(readEntries(files, archived.segments), sent);
        const middle = Math.floor(sent.length / 2);
        assert.deepEqual(readEntries(files, archived.segments, middle), sent.slice(middle));
        const found = recoverSession(files, dataDir, id, sameBoot);
        assert.deepEqual([found.segments, found.tail.segmentFirstSeq], [archived.segments, 0]);
        const restored = restoreSession(files, dataDir, id, archived.segments, 2);
        assert.deepEqual([restored.failure, restored.segments.some((segment) => segment.archived)], [undefined, false]);
        assert.deepEqual(readEntries(files, restored.segments), sent);
      },
    ),
    { numRuns: 60 },
  ));

/** A session of several segments with keys, small blocks, well compressible. */
function someSession(): { files: MemoryFiles; published: Published } {
  const files = newDisk();
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 20_000, descriptorCountMax: 2 });
  writer.adopt(id, newTail);
  const published = new Published();
  for (let block = 0; block < 60; block++) {
    const key = { producer: "p", sequence: BigInt(block), first: published.head + 1, count: 5, bodyHash: hash };
    published.add(mustAppend(writer, id, textsFrom(published.head + 1, 5, 150), encodeKeys([key])));
  }
  writer.close();
  for (const name of files.list(`${dataDir}/sessions/${id}`)) {
    const descriptor = files.open(`${dataDir}/sessions/${id}/${name}`, "write");
    files.syncData(descriptor);
    files.close(descriptor);
  }
  for (const directory of [`${dataDir}/sessions/${id}`, `${dataDir}/sessions`, dataDir]) files.syncDirectory(directory);
  return { files, published };
}

test("S7: an archive is smaller, keeps the keys of its batches, and a session that goes on begins a plain segment", () => {
  const { files, published } = someSession();
  const { segments, bytesBefore, bytesAfter } = archiveSession(files, dataDir, id, published.segments, 1);
  assert.ok(bytesAfter * 3 < bytesBefore, `${bytesBefore} to ${bytesAfter}`);
  const restored = restoreSession(files, dataDir, id, segments, 1).segments;
  // Either form, also where the other one was published.
  for (const now of [segments, restored]) {
    const keys = loadKeyWindow(files, dataDir, id, now);
    assert.ok(keys instanceof KeyWindow);
    assert.equal(keys.count, 60);
    assert.deepEqual(keys.lookup("p", 7n, hash), { kind: "duplicate", first: 36, count: 5 });
  }
  archiveSession(files, dataDir, id, restored, 1);
  const recovered = recoverSession(files, dataDir, id, sameBoot);
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 20_000, descriptorCountMax: 2 });
  writer.adopt(id, recovered.tail);
  const appended = mustAppend(writer, id, ["on"]);
  writer.close();
  assert.deepEqual(appended.segment, { firstSeq: 301, lastSeq: 301, sizeBytes: appended.segment.sizeBytes, archived: false });
  const again = recoverSession(files, dataDir, id, sameBoot);
  assert.equal(again.tail.segmentFirstSeq, 301);
  assert.equal(readBack(files, dataDir, id, again.segments).entries.size, 301);
});

test("S7: whichever operation of archiving or restoring fails, and whenever power fails, all entries stay readable", (context) => {
  let states = 0;
  for (const mode of ["archive", "restore"] as const) {
    for (const isForever of [false, true]) {
      let operationCount = 1;
      for (let failAt = 1; failAt <= operationCount; failAt++) {
        const { files, published } = someSession();
        let segments: readonly SegmentInfo[] = published.segments;
        if (mode === "restore") segments = archiveSession(files, dataDir, id, segments, 1).segments;
        for (const name of files.list(`${dataDir}/sessions/${id}`)) assert.ok(!name.endsWith(".tmp"));
        files.syncDirectory(`${dataDir}/sessions/${id}`);
        const { layer, operationCount: counted } = failingFiles(files, (_operation, count) =>
          count === failAt || (isForever && count > failAt) ? "EIO" : undefined,
        );
        const run = mode === "archive" ? archiveSession : restoreSession;
        const outcome = run(layer, dataDir, id, segments, 1);
        operationCount = Math.max(operationCount, counted());
        const told = `${mode}: operation ${failAt} fails`;
        assert.equal(readBack(files, dataDir, id, outcome.segments).entries.size, 300, told);
        for (const survivor of [files.afterKill(), files.afterPowerLoss(diceOf(failAt))]) {
          const found = recoverSession(survivor, dataDir, id, { sameBoot: false, syncedBeforeMs: 0 });
          const { entries, gaps } = readBack(survivor, dataDir, id, found.segments);
          assert.deepEqual([gaps, entries.size, found.tail.head, found.warnings], [[], 300, 300, []], told);
          const done = run(survivor, dataDir, id, found.segments, 1);
          assert.deepEqual([done.failure, done.refused], [undefined, []], told);
          assert.equal(readBack(survivor, dataDir, id, done.segments).entries.size, 300, told);
          states++;
        }
      }
    }
  }
  context.diagnostic(`${states} interrupted archives and restores`);
});

test("S7: damage in an archive is reported and passed over, never served as good, and a damaged segment is not archived", () => {
  const { files, published } = someSession();
  const { segments } = archiveSession(files, dataDir, id, published.segments, 1);
  const [first, second] = segments;
  assert.ok(first !== undefined && second !== undefined);
  const path = `${dataDir}/sessions/${id}/${String(first.firstSeq).padStart(20, "0")}.log.lz4`;
  const content = files.content(path);
  const middle = Math.floor(content.length / 2);
  content[middle] = (content[middle] as number) ^ 4;
  const { entries, gaps } = readBack(files, dataDir, id, segments);
  assert.deepEqual(gaps, [{ from: 1, to: first.lastSeq }]);
  assert.equal(entries.size, 300 - first.lastSeq);
  assert.ok(verifyDataDirectory(files, dataDir).findings.some((finding) => finding.startsWith(path)));
  const restored = restoreSession(files, dataDir, id, segments, 1);
  assert.equal(restored.refused.length, 1);
  assert.deepEqual(
    restored.segments.map((segment) => segment.archived),
    segments.map((_, index) => index === 0),
  );
  assert.equal(readBack(files, dataDir, id, restored.segments).entries.size, 300 - first.lastSeq);
});

test("an archive of many entries is read from any cursor by inflating few blocks", () => {
  const files = newDisk();
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 2 ** 30, descriptorCountMax: 2 });
  writer.adopt(id, newTail);
  const published = new Published();
  while (published.head < 100_000) published.add(mustAppend(writer, id, textsFrom(published.head + 1, 500, 120)));
  writer.close();
  const { segments, bytesBefore, bytesAfter } = archiveSession(files, dataDir, id, published.segments, 1);
  assert.ok(bytesAfter * 8 < bytesBefore);
  const reader = new SegmentReader({ files, dataDir });
  for (const cursor of [0, 1, 49_999, 99_998]) {
    let blockCount = 0;
    let isFound = false;
    const view = new BlockView();
    const visitor = {
      block: (bytes: Uint8Array, offset: number) => {
        blockCount++;
        isFound = view.openBlock(bytes, offset).indexAfter(cursor) < view.count;
        return false;
      },
      gap: () => assert.fail("there is no gap"),
    };
    reader.readForward(id, segments, cursor, visitor);
    assert.deepEqual([isFound, blockCount], [true, 1]);
  }
});

test("S7: a long session of mixed entries is archived and restored entry for entry", (context) =>
  withDataDir((directory) => {
    const wanted = process.env["TAILRACE_LONG"] === "1" ? 1_000_000 : 20_000;
    const segmentSizeBytes = 4 * 1024 * 1024;
    const writer = new SegmentWriter({ files: systemFiles, dataDir: directory, segmentSizeBytes, descriptorCountMax: 2 });
    writer.adopt(id, newTail);
    const published = new Published();
    const batches = fc.sample(fc.array(entryArbitrary, { minLength: 1, maxLength: 200 }), { numRuns: 100, seed: 7 });
    for (let batch = 0; published.head < wanted; batch++) {
      appendEntries(writer, published, batches[(batch * 37) % batches.length] as ModelEntry[]);
    }
    writer.close();
    const before = digestOf(directory, published.segments);
    const archived = archiveSession(systemFiles, directory, id, published.segments, 1);
    assert.deepEqual([archived.failure, archived.refused], [undefined, []]);
    assert.equal(digestOf(directory, archived.segments), before);
    const restored = restoreSession(systemFiles, directory, id, archived.segments, 1);
    assert.equal(digestOf(directory, restored.segments), before);
    context.diagnostic(`${published.head} entries, ${archived.bytesBefore} bytes plain, ${archived.bytesAfter} archived`);
  }));

/** A hash over every member of every entry, made from the entries as they are read. */
function digestOf(directory: string, segments: readonly SegmentInfo[]): string {
  const hash = createHash("sha256");
  const view = new BlockView();
  const visitor = {
    block: (bytes: Uint8Array, offset: number) => {
      view.openBlock(bytes, offset);
      for (let index = 0; index < view.count; index++) {
        const { timeNs, ...entry } = entryOf(view, index);
        hash.update(`${view.seq(index)} ${timeNs} ${JSON.stringify(entry)}`);
      }
      return true;
    },
    gap: () => assert.fail("there is no gap"),
  };
  const reader = new SegmentReader({ files: systemFiles, dataDir: directory });
  assert.equal(reader.readForward(id, segments, 0, visitor), undefined);
  return hash.digest("hex");
}
