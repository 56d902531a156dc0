import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import type { SessionId } from "#src/base/ids.ts";
import { limits } from "#src/config.ts";
import { compileFilter } from "#src/record/filter.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import type { EntryObject } from "#src/wire/api.ts";
import { binaryLogFrame, type Delta, DeltaBuilder, deltaForm, jsonLogFrame, sseLogFrame } from "#src/wire/delta.ts";
import { entriesOfFrame } from "#src/wire/entry-objects.ts";
import { appendFrame, type DeltaFrame, readAppendFrame, readDeltaFrame } from "#src/wire/frame.ts";
import { blockOf, entriesArbitrary, type ModelEntry } from "../record/entries.ts";

const view = new BlockView();
const builder = new DeltaBuilder();

function blocksOf(entries: readonly ModelEntry[], sizes: readonly number[]): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  let start = 0;
  for (const size of [...sizes, entries.length]) {
    if (start < entries.length) blocks.push(blockOf(entries.slice(start, start + size), start + 1));
    start += size;
  }
  return blocks;
}

function deltaOf(blocks: readonly Uint8Array[], cursor: number, form: Delta["form"], levelMin: number): Delta {
  builder.begin(form, cursor, levelMin === 0 ? undefined : compileFilter({ levelMin }));
  for (const block of blocks) {
    view.openBlock(block, 0);
    if (view.lastSeq() > cursor && !builder.add(view)) break;
  }
  return builder.finish();
}

function objectsOf(delta: Delta, id: number, head: number): EntryObject[] {
  if (delta.form === deltaForm.json) {
    const message = JSON.parse(new TextDecoder().decode(jsonLogFrame(id, delta, head)));
    assert.deepEqual({ ...message, entries: [] }, { type: "log", id, cursor: delta.cursor, head, entries: [] });
    return message.entries;
  }
  const bytes = binaryLogFrame(id, delta, head).slice();
  const frame = readDeltaFrame(bytes) as DeltaFrame;
  assert.deepEqual({ ...frame, payloads: [] }, { id, from: delta.from, cursor: delta.cursor, head, payloads: [] });
  return entriesOfFrame(bytes, frame);
}

test("deltas from any cursor and any blocks hold every wanted entry once, in JSON and in binary", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 10 });
  fc.assert(
    fc.property(entriesArbitrary, sizes, fc.nat(60), fc.nat(6), (entries, blockSizes, start, levelMin) => {
      const blocks = blocksOf(entries, blockSizes);
      const cursor = Math.min(start, entries.length);
      const expected = entries.flatMap((entry, index) => (index >= cursor && entry.level >= levelMin ? [index + 1] : []));
      const json = deltaOf(blocks, cursor, deltaForm.json, levelMin);
      const binary = deltaOf(blocks, cursor, deltaForm.binary, levelMin);
      assert.deepEqual([json.count, json.from, json.cursor], [expected.length, cursor, entries.length]);
      assert.deepEqual([binary.count, binary.from, binary.cursor], [expected.length, cursor, entries.length]);
      const objects = objectsOf(json, 3, 2 ** 40);
      assert.deepEqual(
        objects.map((entry) => entry.seq),
        expected,
      );
      assert.deepEqual(objectsOf(binary, 3, 2 ** 40), objects);
    }),
    { numRuns: 300 },
  );
});

test("a delta is bounded in entries and in bytes, and the next one goes on behind it", () => {
  const many = Array.from({ length: limits.deltaEntryCountMax * 2 + 5 }, () => ({ timeNs: 0n, level: 0, text: "" }));
  const large = Array.from({ length: 40 }, () => ({ timeNs: 0n, level: 0, text: "x".repeat(50_000) }));
  for (const entries of [many, large]) {
    for (const form of [deltaForm.json, deltaForm.binary]) {
      const blocks = blocksOf(entries, [7, 30]);
      const seqs: number[] = [];
      for (let cursor = 0; cursor < entries.length; ) {
        const delta = deltaOf(blocks, cursor, form, 0);
        assert.ok(delta.cursor > cursor && delta.count <= limits.deltaEntryCountMax);
        assert.ok(delta.sizeBytes < limits.deltaSizeBytesMax + 60_000);
        seqs.push(...objectsOf(delta, 1, entries.length).map((entry) => entry.seq));
        cursor = delta.cursor;
      }
      assert.deepEqual(
        seqs,
        entries.map((_, index) => index + 1),
      );
    }
  }
});

test("a stored payload is sent as it is, byte for byte", () => {
  const block = blockOf([{ timeNs: 7n, level: 3, logger: "LogNet", text: "as stored" }]);
  view.openBlock(block, 0);
  const payload = block.slice(view.payloadStart, view.payloadStart + view.payloadSizeBytes);
  const delta = deltaOf([block], 0, deltaForm.binary, 0);
  assert.deepEqual(delta.entries.slice(8), payload);
  const frame = binaryLogFrame(1, delta, 1);
  assert.equal(readDeltaFrame(frame)?.payloads[0]?.offset, 56);
});

test("an event of server-sent events is one line of data with the cursor as its id", () => {
  const delta = deltaOf(
    [blockOf([{ timeNs: 0n, level: 0, text: "two\nlines\r\n", fields: '{"a":"\\n"}' }])],
    0,
    deltaForm.json,
    0,
  );
  const [id, event, data, ...rest] = new TextDecoder().decode(sseLogFrame(delta, 9)).split("\n");
  assert.deepEqual([id, event, rest], ["id: 1", "event: log", ["", ""]]);
  const parsed = JSON.parse((data as string).slice("data: ".length));
  assert.deepEqual([parsed.cursor, parsed.head, parsed.entries[0].message], [1, 9, "two\nlines\r\n"]);
});

test("append frames round trip", () => {
  const session = "0123456789abcdef01234567" as SessionId;
  const batch = utf8("a LogBatch");
  for (const key of ["", "p:1", "producer.with-long_name:18446744073709551615"]) {
    for (const synced of [false, true]) {
      const bytes = appendFrame({ ref: 2 ** 50, session, key, synced }, batch);
      const frame = readAppendFrame(bytes);
      assert.ok(frame !== undefined && frame.payloadStart % 8 === 0);
      assert.deepEqual([frame.ref, frame.session, frame.key, frame.synced], [2 ** 50, session, key, synced]);
      assert.deepEqual(bytes.slice(frame.payloadStart, frame.payloadEnd), batch);
    }
  }
});

test("bytes that are no frame are told apart, never an exception", () => {
  const good = appendFrame({ ref: 1, session: "0123456789abcdef01234567" as SessionId, key: "p:1" }, utf8("batch"));
  const delta = binaryLogFrame(1, deltaOf([blockOf([{ timeNs: 0n, level: 0, text: "x" }])], 0, deltaForm.binary, 0), 1).slice();
  assert.equal(readAppendFrame(delta), undefined);
  assert.equal(readDeltaFrame(good), undefined);
  for (let size = 0; size < 36; size++) assert.equal(readAppendFrame(good.slice(0, size)), undefined);
  for (let size = 0; size < delta.length; size++) if (size !== 48) assert.equal(readDeltaFrame(delta.slice(0, size)), undefined);
  fc.assert(
    fc.property(fc.constantFrom(good, delta), fc.nat(200), fc.nat(255), (frame, at, byte) => {
      const bytes = frame.slice();
      bytes[at % bytes.length] = byte;
      readAppendFrame(bytes);
      readDeltaFrame(bytes);
    }),
    { numRuns: 2000 },
  );
});
