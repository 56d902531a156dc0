import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#src/config.ts";
import type { BatchKey } from "#src/record/block.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { loadKeyWindow } from "#src/storage/key-load.ts";
import { KeyWindow } from "#src/storage/key-window.ts";
import { decodeKeys, encodeKeys } from "#src/storage/keys.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { idOf, mustAppend, Published, textsFrom } from "./blocks.ts";
import { withDataDir } from "./temporary.ts";

const hash = "00112233445566778899aabbccddeeff";

function keyOf(producer: string, sequence: bigint, first = Number(sequence), count = 1): BatchKey {
  return { producer, sequence, first, count, bodyHash: hash };
}

test("keys come out of their section as they went in", () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.record(
          {
            producer: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
            sequence: fc.bigInt(0n, (1n << 63n) - 1n),
            first: fc.nat(),
            count: fc.nat(),
            bodyHash: fc.stringMatching(/^[0-9a-f]{32}$/),
          },
          { noNullPrototype: true },
        ),
        { maxLength: 20 },
      ),
      (keys) => assert.deepEqual(decodeKeys(encodeKeys(keys)), keys),
    ),
  ));

test("a stored key is a duplicate, with another body a mismatch, and an unknown one is new in any order", () => {
  const window = new KeyWindow();
  window.add(keyOf("a", 7n, 70, 3));
  assert.deepEqual(window.lookup("a", 7n, hash), { kind: "duplicate", first: 70, count: 3 });
  assert.equal(window.lookup("a", 7n, hash.replace("0", "1")).kind, "mismatch");
  assert.equal(window.lookup("a", 6n, hash).kind, "new");
  assert.equal(window.lookup("b", 7n, hash).kind, "new");
  window.remove(keyOf("a", 7n));
  assert.equal(window.lookup("a", 7n, hash).kind, "new");
});

test("the window keeps the highest sequences of a producer, in whatever order they come", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 200 }), (extra, jitter) => {
      const window = new KeyWindow();
      const total = limits.idempotencyWindowCount + extra;
      const order = Array.from({ length: total }, (_, index) => index);
      for (let index = 0; index + jitter < total; index += jitter)
        order.splice(index, jitter, ...order.slice(index, index + jitter).reverse());
      for (const sequence of order) window.add(keyOf("a", BigInt(sequence)));
      assert.equal(window.count, limits.idempotencyWindowCount);
      assert.equal(window.lookup("a", BigInt(extra - 1), hash).kind, "old");
      assert.equal(window.lookup("a", BigInt(extra), hash).kind, "duplicate");
      assert.equal(window.lookup("a", BigInt(total - 1), hash).kind, "duplicate");
      assert.equal(window.lookup("a", BigInt(total), hash).kind, "new");
    }),
    { numRuns: 20 },
  ));

test("the producer that was silent the longest is forgotten over the limit", () => {
  const window = new KeyWindow();
  for (let index = 0; index <= limits.idempotencyProducerCountMax; index++) window.add(keyOf(`p${index}`, 1n));
  assert.equal(window.lookup("p0", 1n, hash).kind, "new");
  assert.equal(window.lookup("p1", 1n, hash).kind, "duplicate");
});

test("a session's keys are found again in its files: in sidecars of closed segments, in blocks of the open one", () =>
  withDataDir((dataDir) => {
    const id = idOf(1);
    const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 16 * 1024, descriptorCountMax: 4 });
    writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
    const published = new Published();
    const blockCount = 100;
    for (let block = 0; block < blockCount; block++) {
      const key = keyOf(`p${block % 3}`, BigInt(block), published.head + 1, 5);
      published.add(mustAppend(writer, id, textsFrom(published.head + 1, 5, 100), encodeKeys([key])));
    }
    assert.ok(published.segments.length > 3);
    for (const useSidecars of [true, false]) {
      if (!useSidecars) {
        for (const name of files.list(`${dataDir}/sessions/${id}`)) {
          if (name.endsWith(".idx")) files.unlink(`${dataDir}/sessions/${id}/${name}`);
        }
      }
      const window = loadKeyWindow(files, dataDir, id, published.segments);
      assert.ok(window instanceof KeyWindow);
      assert.equal(window.count, blockCount);
      for (let block = 0; block < blockCount; block++) {
        const expected = { kind: "duplicate", first: block * 5 + 1, count: 5 };
        assert.deepEqual(window.lookup(`p${block % 3}`, BigInt(block), hash), expected);
      }
    }
  }));
