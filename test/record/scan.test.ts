import assert from "node:assert/strict";
import { test } from "node:test";
import * as flatbuffers from "flatbuffers";
import { blockAt } from "#src/record/block.ts";
import { LogBatch } from "#src/record/generated/log-batch.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { blockOf, entriesOf } from "./entries.ts";

test("a payload of another writer is read, whatever columns it leaves out and wherever it lies", () => {
  const builder = new flatbuffers.Builder(16);
  const text = LogBatch.createTextVector(builder, new TextEncoder().encode("onetwo"));
  const ends = LogBatch.createTextEndsVector(builder, Uint32Array.of(0, 3, 6));
  LogBatch.startLogBatch(builder);
  LogBatch.addCount(builder, 2);
  LogBatch.addFirstSeq(builder, 9_007_199_254_740_000n);
  LogBatch.addText(builder, text);
  LogBatch.addTextEnds(builder, ends);
  LogBatch.finishLogBatchBuffer(builder, LogBatch.endLogBatch(builder));
  const payload = builder.asUint8Array();
  for (let offset = 0; offset < 9; offset++) {
    const bytes = new Uint8Array(offset + payload.length);
    bytes.set(payload, offset);
    const view = new BlockView().openPayload(bytes, offset, payload.length);
    assert.deepEqual(entriesOf(view), [
      { timeNs: 0n, level: 0, text: "one" },
      { timeNs: 0n, level: 0, text: "two" },
    ]);
    assert.equal(view.seq(1), 9_007_199_254_740_001);
  }
});

test("one view reads blocks of several memories in turn", () => {
  const one = blockOf([{ timeNs: 1n, level: 1, logger: "a", text: "one", fields: "{}" }], 1);
  const two = blockOf([{ timeNs: 2n, level: 2, template: "t", text: "two" }], 7, 16);
  const view = new BlockView();
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(entriesOf(view.openBlock(one, 0)), [{ timeNs: 1n, level: 1, logger: "a", text: "one", fields: "{}" }]);
    assert.deepEqual(entriesOf(view.openBlock(two, 16)), [{ timeNs: 2n, level: 2, template: "t", text: "two" }]);
    assert.equal(view.firstSeq, 7);
  }
});

test("seqs lead to indexes", () => {
  const view = new BlockView().openBlock(
    blockOf(
      Array.from({ length: 5 }, () => ({ timeNs: 0n, level: 0, text: "" })),
      100,
    ),
    0,
  );
  assert.deepEqual(
    [0, 99, 100, 103, 104, 200].map((cursor) => view.indexAfter(cursor)),
    [0, 0, 1, 4, 5, 5],
  );
});

test("a block that says it is compressed, or does not begin here, is not opened", () => {
  const block = blockOf([{ timeNs: 0n, level: 0, text: "x" }]);
  assert.throws(() => new BlockView().openBlock(block, 8));
  new DataView(block.buffer).setUint32(blockAt.incompatibleFlags, 1, true);
  assert.throws(() => new BlockView().openBlock(block, 0));
});
