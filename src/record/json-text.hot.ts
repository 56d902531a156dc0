/** Turns the bytes of JSON strings, names and numbers into message text, without strings in between. */
import { assert } from "../base/assert.ts";
import type { AnyBytes, ByteColumn } from "../base/bytes.ts";

const quote = 0x22;
const backslash = 0x5c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
/** Decimals with so many digits differ as doubles, and an integer of so many is exact. */
const exactDigitCountMax = 15;
/** Zero, point, six zeros and another digit: the shortest decimal below 1e-6. */
const tinySizeBytesMin = 9;

/**
 * Appends the inside of a JSON string, `source[start, end)` without its quotes, with escapes resolved.
 * @returns whether a lone surrogate was written (as its three-byte form).
 */
export function appendUnescaped(target: ByteColumn, source: AnyBytes, start: number, end: number): boolean {
  assert(start <= end && end <= source.length, "the string lies in the source");
  // An escape is never shorter than what it stands for.
  target.reserve(end - start);
  const bytes = target.bytes;
  let to = target.length;
  let hasHalves = false;
  let at = start;
  while (at < end) {
    const byte = source[at++]!;
    if (byte !== backslash) {
      bytes[to++] = byte;
      continue;
    }
    const kind = source[at++]!;
    if (kind !== 0x75) {
      bytes[to++] = shortEscape(kind);
      continue;
    }
    let code = hex4(source, at);
    at += 4;
    if (code >= 0xd800 && code <= 0xdfff) {
      const low =
        code <= 0xdbff && at + 6 <= end && source[at] === backslash && source[at + 1] === 0x75 ? hex4(source, at + 2) : 0;
      if (low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      } else {
        hasHalves = true;
      }
    }
    if (code < 0x80) {
      bytes[to++] = code;
    } else if (code < 0x800) {
      bytes[to++] = 0xc0 | (code >> 6);
      bytes[to++] = 0x80 | (code & 0x3f);
    } else if (code < 0x10000) {
      bytes[to++] = 0xe0 | (code >> 12);
      bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
      bytes[to++] = 0x80 | (code & 0x3f);
    } else {
      bytes[to++] = 0xf0 | (code >> 18);
      bytes[to++] = 0x80 | ((code >> 12) & 0x3f);
      bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
      bytes[to++] = 0x80 | (code & 0x3f);
    }
  }
  target.length = to;
  return hasHalves;
}

/** Appends `source[start, end)`, text with escapes resolved, as the inside of a JSON string. */
export function appendEscaped(target: ByteColumn, source: AnyBytes, start: number, end: number): void {
  assert(start <= end && end <= source.length, "the text lies in the source");
  target.reserve((end - start) * 6);
  const bytes = target.bytes;
  let to = target.length;
  for (let at = start; at < end; at++) {
    const byte = source[at]!;
    if (byte === 0xed && source[at + 1]! >= 0xa0) {
      to = putHexEscape(bytes, to, 0xd000 | ((source[at + 1]! & 0x3f) << 6) | (source[at + 2]! & 0x3f));
      at += 2;
      continue;
    }
    const letter = byte < 0x20 || byte === quote || byte === backslash ? escapeLetter(byte) : byte;
    if (letter === 0) {
      to = putHexEscape(bytes, to, byte);
    } else {
      if (letter !== byte || byte === quote || byte === backslash) bytes[to++] = backslash;
      bytes[to++] = letter;
    }
  }
  target.length = to;
}

/**
 * Appends the number `source[start, end)` in shortest round-trip form, an integer of more than 15 digits as sent.
 * One that is no double (1e400) stays as sent too.
 */
export function appendNumber(target: ByteColumn, source: AnyBytes, start: number, end: number): void {
  assert(start < end && end <= source.length, "the number lies in the source");
  const first = source[start] === minus ? start + 1 : start;
  let at = first;
  while (at < end && isDigit(source[at]!)) at++;
  const pointAt = at;
  if (at < end && source[at] === dot) {
    at++;
    while (at < end && isDigit(source[at]!)) at++;
  }
  if (at < end || at - first > exactDigitCountMax + 1) {
    if (pointAt === end) target.append(source, start, end);
    else appendDouble(target, source, start, end);
    return;
  }
  let last = at;
  if (pointAt < end) {
    while (source[last - 1] === zero) last--;
    if (source[last - 1] === dot) last--;
  }
  if (last === first + 1 && source[first] === zero) {
    target.append(source, first, last);
  } else if (isTiny(source, first, last)) {
    appendDouble(target, source, start, end);
  } else {
    target.append(source, start, last);
  }
}

/** Makes one character of two surrogates, each in three bytes, wherever they stand side by side behind `start`. */
export function joinHalves(target: ByteColumn, start: number): void {
  const bytes = target.bytes;
  const end = target.length;
  let to = start;
  let at = start;
  while (at < end) {
    const isPair =
      bytes[at] === 0xed &&
      at + 5 < end &&
      bytes[at + 1]! >= 0xa0 &&
      bytes[at + 1]! < 0xb0 &&
      bytes[at + 3] === 0xed &&
      bytes[at + 4]! >= 0xb0;
    if (isPair) {
      const high = ((bytes[at + 1]! & 0x0f) << 6) | (bytes[at + 2]! & 0x3f);
      const low = ((bytes[at + 4]! & 0x0f) << 6) | (bytes[at + 5]! & 0x3f);
      const code = 0x10000 + (high << 10) + low;
      bytes[to++] = 0xf0 | (code >> 18);
      bytes[to++] = 0x80 | ((code >> 12) & 0x3f);
      bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
      bytes[to++] = 0x80 | (code & 0x3f);
      at += 6;
    } else {
      bytes[to++] = bytes[at++]!;
    }
  }
  target.length = to;
}

/**
 * Returns whether the decimal `source[start, end)`, which has a point, but neither sign nor exponent, is surely shown as it was
 * sent; false for some that are too.
 */
export function isShortestDecimal(source: AnyBytes, start: number, end: number): boolean {
  assert(start < end && end <= source.length, "the number lies in the source");
  if (end - start > exactDigitCountMax + 1 || source[end - 1] === zero) return false;
  return source[start] !== zero || end - start < tinySizeBytesMin;
}

/** Decimals below 1e-6 are written with an exponent. */
function isTiny(source: AnyBytes, first: number, last: number): boolean {
  if (last - first < 8 || source[first] !== zero) return false;
  for (let at = first + 2; at < first + 8; at++) if (source[at] !== zero) return false;
  return true;
}

/** The rare way, over strings: exponents and more digits than are surely exact. About 0.5 µs and 200 bytes. */
function appendDouble(target: ByteColumn, source: AnyBytes, start: number, end: number): void {
  let literal = "";
  for (let at = start; at < end; at++) literal += String.fromCharCode(source[at]!);
  const value = Number(literal);
  if (value - value !== 0) {
    target.append(source, start, end);
    return;
  }
  const text = String(value);
  target.reserve(text.length);
  for (let index = 0; index < text.length; index++) target.bytes[target.length++] = text.charCodeAt(index);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** What `\b`, `\f`, `\n`, `\r`, `\t` stand for; quote, backslash and slash for themselves. */
function shortEscape(kind: number): number {
  switch (kind) {
    case 0x62:
      return 8;
    case 0x66:
      return 12;
    case 0x6e:
      return 10;
    case 0x72:
      return 13;
    case 0x74:
      return 9;
    default:
      return kind;
  }
}

/** The letter behind the backslash; 0 when it takes four hex digits. */
function escapeLetter(byte: number): number {
  switch (byte) {
    case 8:
      return 0x62;
    case 12:
      return 0x66;
    case 10:
      return 0x6e;
    case 13:
      return 0x72;
    case 9:
      return 0x74;
    default:
      return byte < 0x20 ? 0 : byte;
  }
}

function hex4(source: AnyBytes, at: number): number {
  return (
    (hexDigit(source[at]!) << 12) |
    (hexDigit(source[at + 1]!) << 8) |
    (hexDigit(source[at + 2]!) << 4) |
    hexDigit(source[at + 3]!)
  );
}

function hexDigit(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

function putHexEscape(bytes: Uint8Array, at: number, code: number): number {
  bytes[at] = backslash;
  bytes[at + 1] = 0x75;
  bytes[at + 2] = hexLetter(code >> 12);
  bytes[at + 3] = hexLetter((code >> 8) & 15);
  bytes[at + 4] = hexLetter((code >> 4) & 15);
  bytes[at + 5] = hexLetter(code & 15);
  return at + 6;
}

function hexLetter(value: number): number {
  return value < 10 ? 0x30 + value : 0x57 + value;
}
