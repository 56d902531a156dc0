/** CRC-32 (the polynomial of zlib) over plain and shared memory. */
import { crc32 } from "node:zlib";
import { assert } from "./assert.ts";
import type { AnyBytes } from "./bytes.ts";

/** Returns the CRC-32 of `bytes[start, end)`; with `before`, of what `before` covers followed by these bytes. */
export function crc32Of(bytes: AnyBytes, start: number, end: number, before = 0): number {
  assert(start >= 0 && start <= end && end <= bytes.length, "the range lies in the bytes");
  return crc32(bytes.subarray(start, end), before);
}
