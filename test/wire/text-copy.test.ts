/** Copies of stored bytes into answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { copyBytes } from "#src/wire/text-copy.hot.ts";

test("bytes are copied as they are, also those that are a NaN when eight of them are moved at once", () => {
  const source = new Uint8Array(96);
  const target = new Uint8Array(128);
  const words = new DataView(source.buffer);
  const targetWords = new DataView(target.buffer);
  // Often enough that the code that is measured is the code that is optimized.
  for (let round = 0; round < 30_000; round++) {
    const start = round % 8;
    const end = 40 + ((round * 7) % 56);
    // Quiet and signalling ones of both signs, with payloads.
    for (let at = 0; at < source.length; at += 8) {
      words.setUint32(at, (round * 2_654_435_761) >>> 0, true);
      words.setUint32(at + 4, ((round & 1 ? 0xfff00000 : 0x7ff00000) | (round & 0xfffff)) >>> 0, true);
    }
    const behind = copyBytes(source, words, start, end, target, targetWords, 16 + start);
    assert.equal(behind, 16 + end);
    if (Buffer.compare(target.subarray(16 + start, behind), source.subarray(start, end)) !== 0) assert.fail(`round ${round}`);
  }
});
