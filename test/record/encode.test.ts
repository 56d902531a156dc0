import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import * as flatbuffers from "flatbuffers";
import { utf8 } from "#src/base/bytes.ts";
import { blockAt, blockHeaderSizeBytes, blockMagic, blockTrailerSizeBytes, trailerAt } from "#src/record/block.ts";
import { hashOf } from "#src/record/dictionary.hot.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { encodePayload, payloadSizeBytes } from "#src/record/encode-payload.hot.ts";
import { LogBatch } from "#src/record/generated/log-batch.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { blockOf, columnsOf, entriesArbitrary, entriesOf, head, type ModelEntry, textOfWtf8, wtf8 } from "./entries.ts";

const runs = { numRuns: 300 };

test("R1: a block gives back the entries that were put in", () => {
  const view = new BlockView();
  fc.assert(
    fc.property(
      entriesArbitrary,
      fc.integer({ min: 1, max: 2 ** 53 - 100 }),
      fc.integer({ min: 0, max: 3 }),
      (entries, firstSeq, words) => {
        const bytes = blockOf(entries, firstSeq, words * 8);
        view.openBlock(bytes, words * 8);
        assert.equal(view.sizeBytes, bytes.length - words * 8);
        assert.equal(view.firstSeq, firstSeq);
        assert.deepEqual(entriesOf(view), entries);
        for (let index = 0; index < entries.length; index++) assert.equal(view.seq(index), firstSeq + index);
        assert.equal(view.lastSeq(), firstSeq + entries.length - 1);
      },
    ),
    runs,
  );
});

test("R1: the generated FlatBuffers reader sees the same columns", () => {
  fc.assert(
    fc.property(entriesArbitrary, (entries) => {
      const bytes = blockOf(entries, 9_007_199_254_740_000);
      const size = new DataView(bytes.buffer).getUint32(blockAt.payloadSize, true);
      const payload = bytes.slice(blockHeaderSizeBytes, blockHeaderSizeBytes + size);
      assert.deepEqual(readWithGenerated(payload), entries);
      assert.equal(batchOf(payload).firstSeq(), 9_007_199_254_740_000n);
    }),
    runs,
  );
});

test("a payload with seqs keeps them, also for the generated reader", () => {
  const entries = fc.sample(entriesArbitrary, { numRuns: 20, seed: 4 });
  const view = new BlockView();
  for (const batch of entries) {
    const columns = columnsOf(batch);
    const seqs = Float64Array.from(batch, (_, index) => 2 ** 40 + index * 7);
    const payload = new Uint8Array(payloadSizeBytes(columns, true) + 8);
    encodePayload(columns, seqs[0] ?? 5, seqs, payload, 8);
    view.openPayload(payload, 8, payload.length - 8);
    assert.deepEqual(entriesOf(view), batch);
    assert.equal(view.isDense(), false);
    for (let index = 0; index < batch.length; index++) {
      assert.equal(view.seq(index), seqs[index]);
      assert.equal(batchOf(payload.slice(8)).seqs(index), BigInt(seqs[index] as number));
      assert.equal(view.indexAfter((seqs[index] as number) - 1), index);
      assert.equal(view.indexAfter(seqs[index] as number), index + 1);
    }
  }
});

test("header and trailer say what the columns hold", () => {
  const entries: ModelEntry[] = [
    { timeNs: -5n, level: 3, logger: "LogHttp", text: "one" },
    { timeNs: 2n ** 40n + 3n, level: 0, text: "two" },
    { timeNs: 2n ** 40n, level: 6, logger: "LogNet", text: "three" },
  ];
  const columns = columnsOf(entries);
  const keys = utf8("keys section");
  const bytes = new Uint8Array(encodedSizeBytes(columns, keys.length)).fill(0xaa);
  assert.equal(encodeBlock(columns, { ...head, firstSeq: 41 }, keys, bytes, 0), bytes.length);
  const data = new DataView(bytes.buffer);
  const trailer = bytes.length - blockTrailerSizeBytes;
  const payloadSize = data.getUint32(blockAt.payloadSize, true);
  assert.equal(data.getUint32(blockAt.magic, true), blockMagic);
  assert.equal(data.getUint32(blockAt.rawSize, true), payloadSize);
  assert.equal(data.getUint32(blockAt.count, true), 3);
  assert.equal(data.getUint32(blockAt.levelSet, true), 0b1001001);
  assert.equal(data.getBigUint64(blockAt.firstSeq, true), 41n);
  assert.equal(data.getBigInt64(blockAt.timeMin, true), -5n);
  assert.equal(data.getBigInt64(blockAt.timeMax, true), 2n ** 40n + 3n);
  assert.equal(data.getUint32(blockAt.previousCrc, true), head.previousCrc);
  const loggerSet = 1 | bitOf("LogHttp") | bitOf("LogNet");
  assert.equal(data.getInt32(blockAt.loggerSet, true), loggerSet);
  assert.equal(data.getUint32(blockAt.keysSize, true), keys.length);
  const keysStart = blockHeaderSizeBytes + payloadSize;
  assert.deepEqual(bytes.slice(keysStart, keysStart + keys.length), keys);
  assert.ok(bytes.slice(keysStart + keys.length, trailer).every((byte) => byte === 0));
  assert.equal(data.getUint32(blockAt.payloadCrc, true), crc32(bytes.slice(blockHeaderSizeBytes, trailer)));
  const headerCrc = crc32(bytes.slice(0, blockAt.headerCrc));
  assert.equal(data.getUint32(blockAt.headerCrc, true), headerCrc);
  assert.equal(data.getUint32(trailer + trailerAt.headerCrc, true), headerCrc);
  assert.equal(data.getUint32(trailer + trailerAt.blockSize, true), bytes.length);
  assert.equal(data.getUint32(trailer + trailerAt.salt, true), head.saltLow);
  assert.equal(data.getUint32(trailer + trailerAt.salt + 4, true), head.saltHigh);
});

test("the same columns give the same bytes, whatever lay in the memory before", () => {
  const entries = fc.sample(entriesArbitrary, { numRuns: 50, seed: 7 });
  for (const batch of entries) {
    const columns = columnsOf(batch);
    const size = encodedSizeBytes(columns, 3);
    const clean = new Uint8Array(size);
    const dirty = new Uint8Array(new SharedArrayBuffer(size + 16)).fill(0xff);
    encodeBlock(columns, head, utf8("key"), clean, 0);
    encodeBlock(columns, head, utf8("key"), dirty, 8);
    assert.deepEqual(dirty.slice(8, 8 + size), Uint8Array.from(clean));
    assert.equal(dirty[8 + size], 0xff);
    assert.equal(dirty[7], 0xff);
  }
});

test("time range and level set of the header cover every entry", () => {
  const view = new BlockView();
  fc.assert(
    fc.property(entriesArbitrary, (entries) => {
      view.openBlock(blockOf(entries), 0);
      const times = entries.map((entry) => entry.timeNs).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      assert.equal((BigInt(view.timeMinHigh) << 32n) | BigInt(view.timeMinLow >>> 0), times[0] ?? 0n);
      assert.equal((BigInt(view.timeMaxHigh) << 32n) | BigInt(view.timeMaxLow >>> 0), times.at(-1) ?? 0n);
      assert.equal(
        view.levelSet,
        entries.reduce((set, entry) => set | (1 << entry.level), 0),
      );
    }),
    runs,
  );
});

test("a block without entries can be written and read", () => {
  const view = new BlockView().openBlock(blockOf([], 8), 0);
  assert.equal(view.count, 0);
  assert.equal(view.firstSeq, 8);
  assert.equal(view.lastSeq(), 7);
});

test("a payload that is cut or whose offsets leave it is not opened", () => {
  const bytes = blockOf([{ timeNs: 1n, level: 3, logger: "a", text: "hello" }]);
  const size = new DataView(bytes.buffer).getUint32(blockAt.payloadSize, true);
  const view = new BlockView();
  for (let cut = 0; cut < size - 7; cut++) {
    assert.throws(() => view.openPayload(bytes.slice(blockHeaderSizeBytes), 0, cut));
  }
});

function bitOf(logger: string): number {
  const bytes = utf8(logger);
  return 1 << (hashOf(bytes, 0, bytes.length) & 31);
}

function batchOf(payload: Uint8Array): LogBatch {
  const buffer = new flatbuffers.ByteBuffer(payload);
  assert.ok(LogBatch.bufferHasIdentifier(buffer));
  return LogBatch.getRootAsLogBatch(buffer);
}

function readWithGenerated(payload: Uint8Array): ModelEntry[] {
  const batch = batchOf(payload);
  const text = batch.textArray() ?? new Uint8Array(0);
  const fields = batch.fieldsArray() ?? new Uint8Array(0);
  const raw = flatbuffers.Encoding.UTF8_BYTES;
  return Array.from({ length: batch.count() }, (_, index) => {
    const entry: ModelEntry = {
      timeNs: batch.timestamps(index) as bigint,
      level: batch.levels(index) as number,
      text: textOfWtf8(text.slice(batch.textEnds(index) as number, batch.textEnds(index + 1) as number)),
    };
    const logger = batch.loggerIndexes(index) as number;
    if (logger > 0) entry.logger = textOfWtf8(batch.loggers(logger - 1, raw) as Uint8Array);
    const template = batch.templateIndexes(index) as number;
    if (template > 0) entry.template = textOfWtf8(batch.templates(template - 1, raw) as Uint8Array);
    const range = fields.slice(batch.fieldEnds(index) as number, batch.fieldEnds(index + 1) as number);
    if (range.length > 0) entry.fields = textOfWtf8(range);
    return entry;
  });
}

test("the test's own WTF-8 round trips", () => {
  assert.equal(textOfWtf8(wtf8("a\ud800b😀")), "a\ud800b😀");
});
