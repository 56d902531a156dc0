import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#src/config.ts";
import { IntakeSlab } from "#src/handoff/slab.ts";

const page = limits.slabPageSizeBytes;

test("H1: room that is handed out never overlaps, and all of it comes back", () => {
  const sizes = fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 5 * page }));
  const steps = fc.array(fc.record({ sizeBytes: sizes, release: fc.integer({ min: 0, max: 3 }) }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (plan) => {
      const slab = new IntakeSlab(16 * page);
      const held: { offset: number; sizeBytes: number }[] = [];
      for (const { sizeBytes, release } of plan) {
        const offset = slab.reserve(sizeBytes);
        if (offset >= 0) {
          assert.ok(offset + sizeBytes <= slab.bytes.length);
          for (const other of held) {
            assert.ok(
              offset + sizeBytes <= other.offset ||
                other.offset + other.sizeBytes <= offset ||
                sizeBytes === 0 ||
                other.sizeBytes === 0,
            );
          }
          held.push({ offset, sizeBytes });
        }
        for (let count = 0; count < release && held.length > 0; count++) {
          const [gone] = held.splice(held.length >> 1, 1);
          if (gone !== undefined) slab.release(gone.offset, gone.sizeBytes);
        }
      }
      for (const { offset, sizeBytes } of held) slab.release(offset, sizeBytes);
      assert.ok(slab.usedSizeBytes <= page, "only the open page stays");
      assert.ok(slab.reserve(16 * page) >= 0, "and gives way to a body that needs all of the slab");
    }),
  );
});

test("a full slab says so and goes on when room comes back", () => {
  const slab = new IntakeSlab(2 * page);
  const first = slab.reserve(2 * page);
  assert.equal(first, 0);
  assert.equal(slab.reserve(1), -1);
  assert.equal(slab.reserve(page), -1);
  slab.release(first, 2 * page);
  assert.ok(slab.reserve(1) >= 0);
});

test("a body lies in the slab as it was put there, whatever its size and alignment, and nothing beside it changes", () => {
  const slab = new IntakeSlab(8 * page);
  const mixed = Uint8Array.from({ length: 3 * page }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
  // Eight of them are a number that is none, of a kind that some machines change on the way.
  const signalling = new Uint8Array(new BigUint64Array((3 * page) / 8).fill(0x7ff0_0000_0000_0001n).buffer);
  for (const source of [mixed, signalling]) checkBodies(slab, source);
});

function checkBodies(slab: IntakeSlab, source: Uint8Array<ArrayBuffer>): void {
  for (const size of [0, 1, 3, 4, 7, 170, 512, 513, 4000, page - 1, page, page + 5, 2 * page + 9]) {
    for (const start of [0, 1, 3, 8]) {
      slab.bytes.fill(0xaa);
      const offset = slab.reserve(size);
      slab.put(offset, new DataView(source.buffer), start, start + size);
      assert.ok(Buffer.from(slab.bytes.subarray(offset, offset + size)).equals(source.subarray(start, start + size)));
      assert.ok(slab.bytes.subarray(0, offset).every((byte) => byte === 0xaa));
      assert.ok(slab.bytes.subarray(offset + size).every((byte) => byte === 0xaa));
      slab.release(offset, size);
    }
  }
}
