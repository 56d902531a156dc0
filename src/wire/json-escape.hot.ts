/** Escapes in JSON strings: checks them and writes the characters they stand for. */
import { assert } from "../base/assert.ts";
import type { AnyBytes, ByteColumn } from "../base/bytes.ts";

const backslash = 0x5c;
const letterU = 0x75;

/** What stands behind a backslash for which character; 0: nothing may. `u` is another matter. */
const characters = new Uint8Array(256);
for (const [name, character] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"]) {
  characters[(name as string).charCodeAt(0)] = (character as string).charCodeAt(0);
}

/** Returns the offset behind the escape whose backslash is at `at`, or -1 when it is none. */
export function skipEscape(bytes: AnyBytes, at: number): number {
  const name = bytes[at + 1]!;
  if (name === letterU) return hexOf(bytes, at + 2) < 0 ? -1 : at + 6;
  return characters[name] === 0 ? -1 : at + 2;
}

/**
 * Appends the character of the escape at `at` (never more bytes than the escape has), and that of a second escape when the
 * two are halves of one character. Returns the offset behind, or -1 when it is no escape.
 */
export function copyEscape(bytes: AnyBytes, at: number, target: ByteColumn): number {
  const name = bytes[at + 1]!;
  if (name !== letterU) {
    if (characters[name] === 0) return -1;
    target.bytes[target.length++] = characters[name]!;
    return at + 2;
  }
  const unit = hexOf(bytes, at + 2);
  if (unit < 0) return -1;
  const next = at + 6;
  if (unit >= 0xd800 && unit < 0xdc00 && bytes[next] === backslash && bytes[next + 1] === letterU) {
    const other = hexOf(bytes, next + 2);
    if (other >= 0xdc00 && other < 0xe000) {
      putCodePoint(target, 0x10000 + ((unit - 0xd800) << 10) + (other - 0xdc00));
      return next + 6;
    }
  }
  putCodePoint(target, unit);
  return next;
}

/** The number of four hexadecimal digits, or -1. */
function hexOf(bytes: AnyBytes, at: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) {
    const byte = bytes[at + index]!;
    const letter = byte | 0x20;
    if ((byte - 0x30) >>> 0 <= 9) value = value * 16 + byte - 0x30;
    else if (letter >= 0x61 && letter <= 0x66) value = value * 16 + letter - 0x57;
    else return -1;
  }
  return value;
}

/** Appends a code point in UTF-8, a surrogate like any other (WTF-8). */
function putCodePoint(target: ByteColumn, point: number): void {
  const bytes = target.bytes;
  let at = target.length;
  assert(at + 4 <= bytes.length, "room was reserved");
  if (point < 0x80) {
    bytes[at++] = point;
  } else if (point < 0x800) {
    bytes[at++] = 0xc0 | (point >> 6);
    bytes[at++] = 0x80 | (point & 0x3f);
  } else if (point < 0x10000) {
    bytes[at++] = 0xe0 | (point >> 12);
    bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
    bytes[at++] = 0x80 | (point & 0x3f);
  } else {
    bytes[at++] = 0xf0 | (point >> 18);
    bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
    bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
    bytes[at++] = 0x80 | (point & 0x3f);
  }
  target.length = at;
}
