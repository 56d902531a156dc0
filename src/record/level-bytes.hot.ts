/** Finds the level that bytes spell, without making a string of them. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, utf8 } from "../base/bytes.ts";
import { wordOf } from "../base/words.hot.ts";
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

const trac = wordOf("trac");
const debu = wordOf("debu");
const info = wordOf("info");
const warn = wordOf("warn");
const erro = wordOf("erro");
const letterE = 0x65;
const letterG = 0x67;
const letterR = 0x72;

/** Sizes of the names that `usualLevelAt` knows, by level. */
export const usualLevelSizeBytes = Uint8Array.of(0, 5, 5, 4, 4, 5);

/** Returns the level whose canonical name begins at `at` (the caller looks where it ends), 0 for all but the five usual ones. */
export function usualLevelAt(view: DataView, at: number): number {
  const word = view.getInt32(at, true);
  if (word === info) return 3;
  if (word === warn) return 4;
  const last = view.getUint8(at + 4);
  if (word === debu) return last === letterG ? 2 : 0;
  if (word === erro) return last === letterR ? 5 : 0;
  return word === trac && last === letterE ? 1 : 0;
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
