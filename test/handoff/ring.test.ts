import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { align8 } from "#src/base/bytes.ts";
import { type RingBlock, RingIndex, RingWriter } from "#src/handoff/ring.ts";

interface TestBlock extends RingBlock {
  readonly stamp: number;
}

test("H2: what is resident reads back as it was written, through wrap and eviction, against a plain array", () => {
  const jobs = fc.array(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 80,
  });
  fc.assert(
    fc.property(jobs, fc.integer({ min: 64, max: 2000 }), (plan, ringSizeBytes) => {
      const index = new RingIndex(ringSizeBytes);
      const writer = new RingWriter(index.buffer);
      const model: TestBlock[] = [];
      const owner = {
        dropOldestResident(block: RingBlock) {
          assert.equal(model.shift(), block, "eviction goes oldest first");
        },
      };
      let stamp = 0;
      for (const sizes of plan) {
        writer.enter(index.grant(sizes.reduce((sum, size) => sum + size, 0)));
        const written: TestBlock[] = [];
        for (const sizeBytes of sizes) {
          stamp = (stamp + 1) % 251;
          const position = writer.put(new Uint8Array(sizeBytes).fill(stamp));
          if (position < 0) continue;
          written.push({ position, sizeBytes, owner, stamp });
        }
        for (const block of written) {
          index.publish(block);
          model.push(block);
        }
        for (const block of model) {
          const offset = index.offsetOf(block.position);
          assert.ok(
            index.bytes.subarray(offset, offset + block.sizeBytes).every((byte) => byte === block.stamp),
            "a resident block is whole",
          );
        }
        assert.equal(index.blockCount, model.length);
        assert.ok(model.reduce((sum, block) => sum + align8(block.sizeBytes), 0) <= index.bytes.length);
      }
    }),
  );
});

test("a block larger than the ring is refused, and so is one that does not fit its grant", () => {
  const index = new RingIndex(256);
  const writer = new RingWriter(index.buffer);
  writer.enter(index.grant(8));
  assert.equal(writer.put(new Uint8Array(257)), -1);
  assert.equal(writer.put(new Uint8Array(256)), 0);
  assert.equal(writer.put(new Uint8Array(8)), -1);
});

test("a job that is run again writes over what its dead worker wrote", () => {
  const index = new RingIndex(256);
  const writer = new RingWriter(index.buffer);
  const grant = index.grant(64);
  writer.enter(grant);
  assert.equal(writer.put(new Uint8Array(64)), 0);
  writer.enter(grant);
  assert.equal(writer.put(new Uint8Array(64)), 0);
});
