import assert from "node:assert/strict";
import { readdirSync, truncateSync } from "node:fs";
import { test } from "node:test";
import { systemFiles as files } from "#src/storage/files.ts";
import { listSessions, recoverSession } from "#src/storage/recover.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { idOf, mustAppend, Published, readBack, textsFrom } from "./blocks.ts";
import { withDataDir } from "./temporary.ts";

const sameBoot = { sameBoot: true, syncedBeforeMs: 0 };
const otherBoot = { sameBoot: false, syncedBeforeMs: 0 };
const newTail = { head: 0, segmentFirstSeq: 0, endPosition: 0 };
const id = idOf(1);

function writerOf(dataDir: string, segmentSizeBytes = 64 * 1024): SegmentWriter {
  return new SegmentWriter({ files, dataDir, segmentSizeBytes, descriptorCountMax: 4 });
}

test("what was appended is read back from any cursor, forward and backward, across rolled segments", () =>
  withDataDir((dataDir) => {
    const writer = writerOf(dataDir);
    const published = new Published();
    writer.adopt(id, newTail);
    for (let block = 0; block < 60; block++) published.add(mustAppend(writer, id, textsFrom(published.head + 1, 40, 100)));
    assert.ok(published.segments.length > 4, "the log was rolled");
    const reader = new SegmentReader({ files, dataDir });
    for (const cursor of [0, 1, 39, 40, 41, 777, 1200, 2398, 2399, 2400]) {
      const forward = readBack(files, dataDir, id, published.segments, { cursor }, reader);
      assert.deepEqual(forward.gaps, []);
      for (let seq = cursor + 1; seq <= 2400; seq++) assert.equal(forward.entries.get(seq), textsFrom(seq, 1, 100)[0]);
      const backward = readBack(files, dataDir, id, published.segments, { before: cursor }, reader);
      assert.deepEqual(backward.gaps, []);
      for (let seq = 1; seq < cursor; seq++) assert.equal(backward.entries.get(seq), textsFrom(seq, 1, 100)[0]);
    }
  }));

for (const trust of [sameBoot, otherBoot]) {
  test(`a restart finds the published tail (same boot: ${trust.sameBoot}) and appending goes on`, () =>
    withDataDir((dataDir) => {
      const first = writerOf(dataDir);
      const published = new Published();
      first.adopt(id, newTail);
      for (let block = 0; block < 20; block++) published.add(mustAppend(first, id, textsFrom(published.head + 1, 40, 100)));
      first.close();
      assert.deepEqual(listSessions(files, dataDir), [id]);
      const recovered = recoverSession(files, dataDir, id, trust);
      assert.deepEqual(recovered.segments, published.segments);
      assert.equal(recovered.tail.head, 800);
      assert.equal(recovered.first, 1);
      assert.equal(recovered.lastEntryTimeMs, 1800);
      assert.deepEqual(recovered.warnings, []);
      const second = writerOf(dataDir);
      second.adopt(id, recovered.tail);
      for (let block = 0; block < 20; block++) published.add(mustAppend(second, id, textsFrom(published.head + 1, 40, 100)));
      assert.equal(readBack(files, dataDir, id, published.segments).entries.size, 1600);
      assert.deepEqual(recoverSession(files, dataDir, id, otherBoot).segments, published.segments);
    }));
}

test("a session that is taken over at an older tail loses what lies behind it, across segments", () =>
  withDataDir((dataDir) => {
    const first = writerOf(dataDir);
    const published = new Published();
    first.adopt(id, newTail);
    const tails = [newTail];
    const kept: number[] = [0];
    for (let block = 0; block < 30; block++) {
      const appended = mustAppend(first, id, textsFrom(published.head + 1, 40, 100));
      published.add(appended);
      tails.push(appended.tail);
      kept.push(published.segments.length);
    }
    first.close();
    for (let block = 29; block >= 0; block -= 3) {
      const tail = tails[block] ?? newTail;
      const writer = writerOf(dataDir);
      writer.adopt(id, tail);
      const again = mustAppend(writer, id, textsFrom(tail.head + 1, 3));
      writer.close();
      const recovered = recoverSession(files, dataDir, id, otherBoot);
      assert.equal(recovered.tail.head, tail.head + 3);
      assert.deepEqual(recovered.tail, again.tail);
      assert.equal(readBack(files, dataDir, id, recovered.segments).entries.size, tail.head + 3);
    }
  }));

test("a torn last write is cut, counted and told", () =>
  withDataDir((dataDir) => {
    const writer = writerOf(dataDir);
    const published = new Published();
    writer.adopt(id, newTail);
    for (let block = 0; block < 3; block++) published.add(mustAppend(writer, id, textsFrom(published.head + 1, 10)));
    writer.close();
    const [name] = readdirSync(`${dataDir}/sessions/${id}`);
    const sizeBytes = published.segments[0]?.sizeBytes ?? 0;
    truncateSync(`${dataDir}/sessions/${id}/${name}`, sizeBytes - 5);
    const recovered = recoverSession(files, dataDir, id, sameBoot);
    assert.equal(recovered.tail.head, 20);
    assert.ok(recovered.cutBytes > 0);
    assert.equal(recovered.warnings.length, 1);
    assert.deepEqual(recoverSession(files, dataDir, id, sameBoot).warnings, []);
  }));

test("an unpublished part of a growing segment is not read", () =>
  withDataDir((dataDir) => {
    const writer = writerOf(dataDir);
    const published = new Published();
    writer.adopt(id, newTail);
    published.add(mustAppend(writer, id, textsFrom(1, 10)));
    mustAppend(writer, id, textsFrom(11, 10));
    const { entries, gaps } = readBack(files, dataDir, id, published.segments);
    assert.equal(entries.size, 10);
    assert.deepEqual(gaps, []);
  }));

test("more sessions than open files are appended to in turn and synced", () =>
  withDataDir(async (dataDir) => {
    const writer = writerOf(dataDir);
    const ids = Array.from({ length: 50 }, (_, number) => idOf(number + 1));
    for (const each of ids) writer.adopt(each, newTail);
    for (let round = 0; round < 3; round++) for (const each of ids) mustAppend(writer, each, textsFrom(round + 1, 1));
    const outcome = await writer.syncAll(ids);
    assert.deepEqual(
      [...outcome.values()],
      ids.map(() => undefined),
    );
    assert.deepEqual(writer.unsyncedIds(), []);
    for (const each of ids) assert.equal(recoverSession(files, dataDir, each, otherBoot).tail.head, 3);
  }));
