/** Finds the level that bytes spell, without making a string of them. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, utf8 } from "../base/bytes.ts";
import { levelSpellings } from "./levels.ts";

/** Slots of the table: a power of two at which no two spellings meet, asserted below. */
const slotCount = 32;
const spellingBytes: Uint8Array[] = [];
const spellingLevels = new Uint8Array(slotCount);

for (let slot = 0; slot < slotCount; slot++) spellingBytes.push(new Uint8Array(0));
for (const [name, level] of levelSpellings) {
  const bytes = utf8(name);
  const slot = slotOf(bytes, 0, bytes.length);
  assert(spellingBytes[slot]?.length === 0, "level spellings do not meet in the table");
  spellingBytes[slot] = bytes;
  spellingLevels[slot] = level;
}

/** Returns the level that `bytes[start, end)` spell in any case, or -1. */
export function levelOfBytes(bytes: AnyBytes, start: number, end: number): number {
  assert(start <= end && end <= bytes.length, "the name lies in the bytes");
  if (end - start < 3) return -1;
  const slot = slotOf(bytes, start, end);
  const spelling = spellingBytes[slot]!;
  if (spelling.length !== end - start) return -1;
  // Setting bit 5 lowers letters, and makes no letter of anything else.
  for (let index = 0; index < spelling.length; index++) if ((bytes[start + index]! | 0x20) !== spelling[index]) return -1;
  return spellingLevels[slot]!;
}

function slotOf(bytes: AnyBytes, start: number, end: number): number {
  const first = bytes[start]! | 0x20;
  const second = bytes[start + 1]! | 0x20;
  const third = bytes[start + 2]! | 0x20;
  return (first + second + third + (end - start) * 4) & (slotCount - 1);
}
