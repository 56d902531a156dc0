/** Steps over values of valid compact JSON; every step ends at `end` at the latest, so that no bytes make it run on. */
import type { AnyBytes } from "../base/bytes.ts";

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Returns the offset behind the value at `start`, negative when it is a string with escapes. */
export function valueEnd(bytes: AnyBytes, start: number, end: number): number {
  const first = bytes[start]!;
  if (first === quote) return stringEnd(bytes, start, end);
  if (first === openBrace || first === openBracket) return containerEnd(bytes, start, end);
  let at = start + 1;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte === comma || byte === closeBrace || byte === closeBracket) break;
    at++;
  }
  return at;
}

/** Returns the offset behind the closing quote of the string at `start`, negative when escapes are in it. */
export function stringEnd(bytes: AnyBytes, start: number, end: number): number {
  let at = start + 1;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte === quote) return at + 1;
    if (byte === backslash) return -escapedStringEnd(bytes, at, end);
    at++;
  }
  return end;
}

function escapedStringEnd(bytes: AnyBytes, firstEscape: number, end: number): number {
  let at = firstEscape;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte === quote) return at + 1;
    at += byte === backslash ? 2 : 1;
  }
  return end;
}

function containerEnd(bytes: AnyBytes, start: number, end: number): number {
  let depth = 1;
  let at = start + 1;
  while (at < end && depth > 0) {
    const byte = bytes[at]!;
    if (byte === quote) {
      const next = stringEnd(bytes, at, end);
      at = next < 0 ? -next : next;
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth++;
    else if (byte === closeBrace || byte === closeBracket) depth--;
    at++;
  }
  return at;
}
