/** Readers that come again: what they keep of a file in memory spares reads and never answers for another file. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type FileLayer, systemFiles } from "#src/storage/files.ts";
import { segmentPath } from "#src/storage/segment-file.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { idOf, mustAppend, Published, readBack, textsFrom } from "./blocks.ts";
import { withDataDir } from "./temporary.ts";

const id = idOf(1);

/** Writes one segment of blocks with so many entries each, of `sizeBytes` bytes. */
function written(dataDir: string, counts: readonly number[], sizeBytes: number): { published: Published; path: string } {
  const writer = new SegmentWriter({ files: systemFiles, dataDir, segmentSizeBytes: 1 << 30, descriptorCountMax: 4 });
  const published = new Published();
  writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
  for (const count of counts) published.add(mustAppend(writer, id, textsFrom(published.head + 1, count, sizeBytes)));
  writer.close();
  return { published, path: segmentPath(`${dataDir}/sessions/${id}`, 1, false) };
}

/** Reads behind `cursor` until at least `countMax` entries came; returns the seq of the last one. */
function readPage(reader: SegmentReader, { segments }: Published, cursor: number, countMax: number): number {
  let last = cursor;
  reader.readForward(id, segments, cursor, {
    block: (bytes, offset) => {
      // The header of a block: entries at 24, first seq at 32.
      const header = Buffer.from(bytes.buffer, bytes.byteOffset + offset, 40);
      last = Number(header.readBigUInt64LE(32)) + header.readUInt32LE(24) - 1;
      return last < cursor + countMax;
    },
    gap: () => assert.fail("nothing is missing"),
  });
  return Math.min(last, cursor + countMax);
}

for (const [kind, counts] of [
  ["large", Array.from({ length: 8 }, (_, index) => 1100 + index * 100)],
  ["small", Array.from({ length: 200 }, () => 50)],
] as const) {
  test(`pages one behind the other read their file once, from ${kind} blocks`, () =>
    withDataDir((dataDir) => {
      const { published, path } = written(dataDir, counts, 1000);
      let readBytes = 0;
      const files: FileLayer = {
        ...systemFiles,
        read: (...call) => {
          const count = systemFiles.read(...call);
          readBytes += count;
          return count;
        },
      };
      const reader = new SegmentReader({ files, dataDir });
      let cursor = readPage(reader, published, readPage(reader, published, 0, 300), 300);
      // The second page looked at all headers for the index.
      readBytes = 0;
      let pages = 0;
      for (; cursor < published.head; pages++) cursor = readPage(reader, published, cursor, 300);
      assert.ok(pages > 30, `${pages} pages`);
      // Beside the blocks, the header of the file for each page.
      const allowed = statSync(path).size * 1.1 + pages * 4096;
      assert.ok(readBytes < allowed, `${readBytes} bytes were read of ${statSync(path).size}`);
    }));
}

test("a file that took the place of another is not answered from memory", () =>
  withDataDir((dataDir) => {
    const reader = new SegmentReader({ files: systemFiles, dataDir });
    const first = written(dataDir, [5, 5], 100);
    assert.equal(readBack(systemFiles, dataDir, id, first.published.segments, { cursor: 0 }, reader).entries.get(7)?.length, 100);
    rmSync(`${dataDir}/sessions/${id}`, { recursive: true });
    const second = written(dataDir, [5, 5], 99);
    const found = readBack(systemFiles, dataDir, id, second.published.segments, { cursor: 0 }, reader);
    assert.deepEqual([found.entries.size, found.entries.get(7)?.length, found.gaps], [10, 99, []]);
  }));

test("damage is looked at anew with each read", () =>
  withDataDir((dataDir) => {
    const { published, path } = written(dataDir, [5, 5, 5], 100);
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged[whole.length >> 1] = (damaged[whole.length >> 1] as number) ^ 1;
    const reader = new SegmentReader({ files: systemFiles, dataDir });
    writeFileSync(path, damaged);
    const before = readBack(systemFiles, dataDir, id, published.segments, { cursor: 0 }, reader);
    assert.deepEqual([before.entries.size, before.gaps], [10, [{ from: 6, to: 10 }]]);
    writeFileSync(path, whole);
    const after = readBack(systemFiles, dataDir, id, published.segments, { cursor: 0 }, reader);
    assert.deepEqual([after.entries.size, after.gaps], [15, []]);
  }));
