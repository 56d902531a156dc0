import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { textOf, utf8 } from "#src/base/bytes.ts";
import { isFailure } from "#src/storage/failure.ts";
import { tryUnlink } from "#src/storage/file-tools.ts";
import { segmentName, sidecarName } from "#src/storage/paths.ts";
import { recoverSession } from "#src/storage/recover.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { append, blockOf, idOf, mustAppend, Published, readBack, textsFrom } from "./blocks.ts";
import { failingFiles } from "./failing-files.ts";
import { diceOf, MemoryFiles } from "./memory-files.ts";

const dataDir = "data";
const id = idOf(1);
const path = `${dataDir}/sessions/${id}/${segmentName(1, false)}`;
const otherBoot = { sameBoot: false, syncedBeforeMs: 0 };
const sameBoot = { sameBoot: true, syncedBeforeMs: 0 };
const isLong = process.env["TAILRACE_LONG"] === "1";

interface Written {
  files: MemoryFiles;
  published: Published;
  /** Where each block begins, and where the last ends. */
  positions: number[];
  texts: string[];
}

/** A session with one segment of blocks with these many entries of this size. */
function written(counts: readonly number[], sizeBytes: number): Written {
  const files = new MemoryFiles();
  files.makeDirectory(dataDir);
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 2 ** 30, descriptorCountMax: 2 });
  writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
  const published = new Published();
  const positions = [64];
  const texts: string[] = [];
  for (const count of counts) {
    const more = textsFrom(published.head + 1, count, sizeBytes);
    texts.push(...more);
    published.add(mustAppend(writer, id, more));
    positions.push(published.segments[0]?.sizeBytes ?? 0);
  }
  writer.close();
  return { files, published, positions, texts };
}

/** Everything that can be read is right, and what can not be read is a gap. */
function checkReadable({ texts }: Written, found: ReturnType<typeof readBack>, head: number, told: string): void {
  for (const [seq, text] of found.entries) assert.equal(text, texts[seq - 1], told);
  const missing = found.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  assert.equal(found.entries.size + missing, head, told);
}

test("S2: a tail torn at any byte, with the rest missing, zero, random or of an older block, is cut at the last good block", (context) => {
  const all = written([3, 4, 2, 5], 30);
  const whole = all.files.content(path).slice();
  const [, , third = 0, fourth = 0, end = 0] = all.positions;
  const older = whole.slice(all.positions[0], all.positions[1]);
  const dice = diceOf(1);
  const random = Uint8Array.from({ length: end }, () => Math.floor(dice() * 256));
  const fillers = [undefined, new Uint8Array(end), random, older];
  let states = 0;
  for (let cut = third; cut < end; cut++) {
    for (const filler of fillers) {
      for (const trust of [sameBoot, otherBoot]) {
        const bytes = whole.slice(0, filler === undefined ? cut : end);
        if (filler !== undefined) for (let at = cut; at < end; at++) bytes[at] = filler[(at - cut) % filler.length] as number;
        if (Buffer.compare(bytes, whole) === 0) continue;
        all.files.setContent(path, bytes);
        const recovered = recoverSession(all.files, dataDir, id, trust);
        const told = `cut at ${cut}`;
        assert.equal(recovered.tail.head, cut < fourth ? 7 : 9, told);
        assert.deepEqual(recovered.tail.endPosition, cut < fourth ? third : fourth, told);
        assert.equal(all.files.content(path).length, recovered.tail.endPosition, told);
        assert.equal(recovered.cutBytes, bytes.length - recovered.tail.endPosition, told);
        const found = readBack(all.files, dataDir, id, recovered.segments);
        assert.deepEqual(found.gaps, [], told);
        checkReadable(all, found, recovered.tail.head, told);
        states++;
      }
    }
  }
  context.diagnostic(`${states} torn tails`);
});

test("S3: a flipped bit anywhere in a file costs at most its own block, never a wrong entry and never an exception", (context) => {
  const all = written([5, 5, 5], 1040);
  const whole = all.files.content(path).slice();
  assert.ok(whole.length > 14_000 && whole.length < 18_000, `${whole.length}`);
  let lost = 0;
  const bitCount = whole.length * 8;
  for (let bit = 0; bit < bitCount; bit++) {
    const position = bit >> 3;
    const bytes = all.files.content(path);
    bytes[position] = (bytes[position] as number) ^ (1 << (bit & 7));
    const told = `bit ${bit}`;
    // Flipped while the server runs: readers find it, but for one that has the block in memory.
    const reader = new SegmentReader({ files: all.files, dataDir });
    const found = readBack(all.files, dataDir, id, all.published.segments, { cursor: 0 }, reader);
    checkReadable(all, found, 15, told);
    const hit =
      position < 64
        ? 0
        : all.positions.findIndex((start, block) => position >= start && position < (all.positions[block + 1] ?? 0));
    assert.ok(found.entries.size >= (position < 64 ? 15 : 10), told);
    if (found.entries.size < 15) {
      lost++;
      assert.deepEqual(found.gaps, [{ from: hit * 5 + 1, to: hit * 5 + 5 }], told);
    }
    if (bit % 5 !== 0 && !isLong) {
      bytes[position] = whole[position] as number;
      continue;
    }
    const backward = readBack(all.files, dataDir, id, all.published.segments, { before: 16 }, reader);
    assert.deepEqual(
      [...backward.entries.keys()].sort((a, b) => a - b),
      [...found.entries.keys()],
      told,
    );
    // Flipped while it was down: the start finds it and goes on behind.
    const recovered = recoverSession(all.files, dataDir, id, otherBoot);
    checkReadable(all, readBack(all.files, dataDir, id, recovered.segments), recovered.tail.head, told);
    assert.equal(recovered.tail.head, hit === 2 ? (found.entries.size === 15 ? 15 : 10) : 15, told);
    all.files.setContent(path, whole);
    // A start that finds damage closes the segment: the next one is to find it open again.
    tryUnlink(all.files, `${dataDir}/sessions/${id}/${sidecarName(1)}`);
  }
  assert.ok(lost > 0);
  context.diagnostic(`${bitCount} flipped bits, ${lost} of them cost a block`);
});

test("S3: behind damage a new segment is begun, the damaged file stays as it is, both sides are read with a gap between", () => {
  const all = written([5, 5, 5], 40);
  const bytes = all.files.content(path).slice();
  bytes.fill(0xff, (all.positions[1] ?? 0) + 10, (all.positions[1] ?? 0) + 300);
  all.files.setContent(path, bytes);
  const recovered = recoverSession(all.files, dataDir, id, otherBoot);
  assert.deepEqual(recovered.damage, [{ from: 6, to: 10 }]);
  assert.deepEqual(recovered.tail, { head: 15, segmentFirstSeq: 0, endPosition: 0 });
  assert.equal(recovered.warnings.length, 1);
  const writer = new SegmentWriter({ files: all.files, dataDir, segmentSizeBytes: 2 ** 30, descriptorCountMax: 2 });
  writer.adopt(id, recovered.tail);
  const appended = mustAppend(writer, id, textsFrom(16, 3));
  assert.deepEqual([appended.rolled, appended.segment.firstSeq], [true, 16]);
  writer.close();
  assert.deepEqual(all.files.content(path), bytes);
  for (const trust of [otherBoot, sameBoot]) {
    const again = recoverSession(all.files, dataDir, id, trust);
    assert.equal(again.tail.segmentFirstSeq, 16);
    const { entries, gaps } = readBack(all.files, dataDir, id, again.segments);
    assert.deepEqual(gaps, [{ from: 6, to: 10 }]);
    assert.equal(entries.size, 13);
    assert.equal(entries.get(18), "entry 18");
  }
});

test("S3: a block forged in a log line does not fool the search for the next good one", () => {
  const all = written([1], 10);
  const files = all.files;
  const recovered = recoverSession(files, dataDir, id, sameBoot);
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 2 ** 30, descriptorCountMax: 2 });
  writer.adopt(id, recovered.tail);
  // The best that can be sent: a block that is right in everything but the salt, at every alignment.
  const forged = blockOf(["forged"], { firstSeq: 2, saltLow: 1, saltHigh: 2, previousCrc: 0 });
  const line = Array.from({ length: 9 }, (_, shift) => " ".repeat(shift) + Buffer.from(forged).toString("latin1")).join("");
  const hostile = Array.from({ length: 20 }, () => line);
  assert.ok(textOf(utf8(hostile[0] ?? "")).includes("TRB1"));
  mustAppend(writer, id, hostile);
  const last = mustAppend(writer, id, ["last"]);
  const bytes = files.content(path).slice();
  bytes[(all.positions[1] ?? 0) + 20] = 0xee;
  files.setContent(path, bytes);
  const { entries, gaps } = readBack(files, dataDir, id, [last.segment]);
  assert.deepEqual(
    [...entries],
    [
      [1, "entry 1..."],
      [22, "last"],
    ],
  );
  assert.deepEqual(gaps, [{ from: 2, to: 21 }]);
});

test("S3: a file without a readable header and without a good block is set aside, never wiped", () => {
  for (const content of [utf8("not a segment at all".repeat(20)), new Uint8Array(63), new Uint8Array(5000)]) {
    const files = new MemoryFiles();
    files.makeDirectory(dataDir);
    files.makeDirectory(`${dataDir}/sessions`);
    files.makeDirectory(`${dataDir}/sessions/${id}`);
    files.setContent(path, content);
    const recovered = recoverSession(files, dataDir, id, sameBoot);
    assert.deepEqual(recovered.segments, []);
    assert.equal(recovered.warnings.length, 1);
    assert.deepEqual(files.content(`${path}.damaged`), content);
    const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 2 ** 30, descriptorCountMax: 2 });
    writer.adopt(id, recovered.tail);
    assert.equal(mustAppend(writer, id, ["one"]).tail.head, 1);
  }
});

test("S6: a segment of a later version is neither appended to nor removed, and what lies before it stays readable", () => {
  const all = written([2, 2], 10);
  const files = all.files;
  const later = files.content(path).slice();
  const before = recoverSession(files, dataDir, id, sameBoot);
  // The same header with an unknown flag and a right checksum, as the next segment.
  const header = laterHeader(later.slice(0, 64), 5);
  const laterPath = `${dataDir}/sessions/${id}/${segmentName(5, false)}`;
  files.setContent(laterPath, header);
  const recovered = recoverSession(files, dataDir, id, sameBoot);
  assert.match(recovered.tail.readOnly ?? "", /later version/);
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 2 ** 30, descriptorCountMax: 2 });
  writer.adopt(id, before.tail);
  const refused = append(writer, id, ["no"]);
  assert.ok(isFailure(refused) && refused.code === "ETAILRACE");
  assert.deepEqual(files.content(laterPath), header);
  assert.equal(readBack(files, dataDir, id, recovered.segments).entries.size, 4);
});

test("S6: files that can not be read at start are not touched until a start that can read them", () => {
  const { files } = written([2, 2], 10);
  const { layer } = failingFiles(files, (operation) => (operation === "read" ? "EIO" : undefined));
  const before = files.content(path).slice();
  const blind = recoverSession(layer, dataDir, id, sameBoot);
  assert.match(blind.tail.readOnly ?? "", /EIO/);
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 2 ** 30, descriptorCountMax: 2 });
  writer.adopt(id, blind.tail);
  assert.ok(isFailure(append(writer, id, ["no"])));
  assert.deepEqual(files.content(path), before);
  assert.equal(recoverSession(files, dataDir, id, sameBoot).tail.head, 4);
});

test("S6: a block with an unknown flag is passed over as a gap, never cut, and appending goes on in a new segment", () => {
  const all = written([2, 2], 10);
  const files = all.files;
  const bytes = files.content(path).slice();
  const offset = all.positions[1] ?? 0;
  bytes[offset + 8] = 0x80;
  refreshBlock(bytes, offset);
  files.setContent(path, bytes);
  for (const trust of [sameBoot, otherBoot]) {
    const recovered = recoverSession(files, dataDir, id, trust);
    assert.deepEqual(recovered.tail, { head: 4, segmentFirstSeq: 0, endPosition: 0 });
    assert.deepEqual(files.content(path), bytes);
    assert.deepEqual(readBack(files, dataDir, id, recovered.segments).gaps, [{ from: 3, to: 4 }]);
  }
});

function laterHeader(header: Uint8Array, firstSeq: number): Uint8Array {
  const data = new DataView(header.buffer, header.byteOffset, 64);
  data.setUint32(8, 0x10, true);
  data.setUint32(40, firstSeq, true);
  data.setUint32(60, crc32(header.subarray(0, 60)), true);
  return header;
}

/** Renews the checksums of a block's header and trailer. */
function refreshBlock(bytes: Uint8Array, offset: number): void {
  const data = new DataView(bytes.buffer, bytes.byteOffset);
  const crc = crc32(bytes.subarray(offset, offset + 92));
  data.setUint32(offset + 92, crc, true);
  data.setUint32(bytes.length - 4, crc, true);
}
