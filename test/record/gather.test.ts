import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { Gatherer } from "#src/record/gather.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { blockOf, entriesArbitrary, entriesOf, head } from "./entries.ts";

const unlimited = Number.POSITIVE_INFINITY;

test("several blocks merge into one that holds the same entries", () => {
  const gatherer = new Gatherer();
  const view = new BlockView();
  fc.assert(
    fc.property(fc.array(entriesArbitrary, { maxLength: 5 }), (batches) => {
      gatherer.begin();
      let firstSeq = 5;
      for (const entries of batches) {
        view.openBlock(blockOf(entries, firstSeq), 0);
        assert.equal(gatherer.add(view, undefined, 0, view.count, unlimited), view.count);
        firstSeq += entries.length;
      }
      assert.equal(gatherer.isDense, true);
      const merged = new Uint8Array(encodedSizeBytes(gatherer.columns, 0));
      encodeBlock(gatherer.columns, { ...head, firstSeq: 5 }, new Uint8Array(0), merged, 0);
      assert.deepEqual(entriesOf(view.openBlock(merged, 0)), batches.flat());
    }),
    { numRuns: 200 },
  );
});

test("chosen entries keep their seqs", () => {
  const gatherer = new Gatherer();
  const view = new BlockView();
  const source = new BlockView();
  fc.assert(
    fc.property(entriesArbitrary, fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), (entries, chosen) => {
      const indexes = entries.flatMap((_, index) => (chosen[index] ? [index] : []));
      source.openBlock(blockOf(entries, 1000), 0);
      gatherer.begin();
      gatherer.add(source, Uint32Array.from(indexes), 0, indexes.length, unlimited);
      const payload = new Uint8Array(gatherer.payloadSizeBytes());
      gatherer.encode(payload, 0);
      view.openPayload(payload, 0, payload.length);
      assert.deepEqual(
        entriesOf(view),
        indexes.map((index) => entries[index]),
      );
      assert.deepEqual(
        indexes.map((_, index) => view.seq(index)),
        indexes.map((index) => 1000 + index),
      );
    }),
    { numRuns: 200 },
  );
});

test("gathering stops at its size and goes on where it stopped", () => {
  const entries = Array.from({ length: 50 }, () => ({ timeNs: 0n, level: 1, text: "x".repeat(1000) }));
  const view = new BlockView().openBlock(blockOf(entries), 0);
  const gatherer = new Gatherer();
  gatherer.begin();
  const stopped = gatherer.add(view, undefined, 0, 50, 10_000);
  assert.ok(stopped > 8 && stopped <= 10);
  gatherer.begin();
  assert.equal(gatherer.add(view, undefined, stopped, 50, unlimited), 50);
  assert.equal(gatherer.firstSeq, 1 + stopped);
});
