import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { millisecondsOf } from "#src/record/milliseconds.hot.ts";

function floorDiv(value: bigint, by: bigint): bigint {
  return value >= 0n || value % by === 0n ? value / by : value / by - 1n;
}

test("nanoseconds become the milliseconds that whole numbers give, whole ones above all", () => {
  const any = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const whole = fc.bigInt({ min: -9_223_372_036_854n, max: 9_223_372_036_854n }).map((ms) => ms * 1_000_000n);
  fc.assert(
    fc.property(fc.oneof(any, whole), (nanoseconds) => {
      const words = BigInt.asUintN(64, nanoseconds);
      const low = Number(words & 0xffffffffn) | 0;
      const high = Number(words >> 32n) | 0;
      assert.equal(millisecondsOf(low, high), Number(floorDiv(nanoseconds, 1_000_000n)));
    }),
    { numRuns: 5000 },
  );
});
