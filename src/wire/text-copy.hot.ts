/**
 * Copies stored text (WTF-8) into answers, four bytes at a time: as it is, JSON-escaped, or made valid UTF-8.
 * Each function writes at `at` and returns the offset behind; the caller has made room: 6 bytes for each byte of source.
 */
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import * as words from "../base/words.hot.ts";

// A constant of this module: imported functions are looked up at every call.
const { bytesLike, copyWords } = words;

const quote = 0x22;
const backslash = 0x5c;
const letterU = 0x75;
/** First byte of U+D000…U+DFFF; a second byte from A0 makes it a surrogate, which text keeps when it stood alone. */
const surrogateLead = 0xed;
const surrogateLeads = 0xedededed | 0;
const hexDigits = new TextEncoder().encode("0123456789abcdef");

/** By byte: 0 copies as it is; `u` needs four hex digits; else the letter behind the backslash; ED may lead a surrogate. */
const escapeOf = new Uint8Array(256);
escapeOf.fill(letterU, 0, 0x20);
escapeOf[0x08] = 0x62;
escapeOf[0x09] = 0x74;
escapeOf[0x0a] = 0x6e;
escapeOf[0x0c] = 0x66;
escapeOf[0x0d] = 0x72;
escapeOf[quote] = quote;
escapeOf[backslash] = backslash;
escapeOf[surrogateLead] = surrogateLead;

/** Bytes that an answer may need for `count` bytes of text: `\u0000` for each. */
export const escapeFactor = 6;
/** From here on the platform's bulk copy beats a loop. */
const bulkSizeBytesMin = 256;
/** The high bit of each byte of a word. */
const highBits = 0x80808080 | 0;

/** Copies `source[start, end)` as it is. */
export function copyBytes(
  source: AnyBytes,
  sourceWords: DataView,
  start: number,
  end: number,
  target: AnyBytes,
  targetWords: DataView,
  at: number,
): number {
  const size = end - start;
  assert(start >= 0 && end <= source.length && at + size <= target.length, "the copy lies in source and target");
  if (size >= bulkSizeBytesMin) {
    target.set(source.subarray(start, end), at);
  } else if (size >= 8) {
    const last = end - 8;
    copyWords(targetWords, at, sourceWords, start, last);
    // The rest together with some bytes once more: no loop over single bytes.
    copyWords(targetWords, at + size - 8, sourceWords, last, end);
  } else {
    for (let index = 0; index < size; index++) target[at + index] = source[start + index]!;
  }
  return at + size;
}

/** Copies `source[start, end)` as the inside of a JSON string; surrogates that stand alone come out escaped, `\ud800` and the like. */
export function copyEscaped(
  source: AnyBytes,
  sourceWords: DataView,
  start: number,
  end: number,
  target: AnyBytes,
  targetWords: DataView,
  at: number,
): number {
  assert(start >= 0 && end <= source.length, "the text lies in the source");
  assert(at + (end - start) * escapeFactor <= target.length, "escaped text fits the target");
  const last = end - 8;
  let from = start;
  let to = at;
  while (from <= last) {
    const low = sourceWords.getInt32(from, true);
    const high = sourceWords.getInt32(from + 4, true);
    if (isPlainAscii(low, high) || isPlain(low, high)) {
      targetWords.setInt32(to, low, true);
      targetWords.setInt32(to + 4, high, true);
      from += 8;
      to += 8;
    } else {
      to = escapeBytes(source, from, from + 8, end, target, to);
      from = escapedEnd;
    }
  }
  if (from === end) return to;
  if (last >= start) {
    // The rest together with some bytes before it: when all are plain, they already lie where they are copied to again.
    const low = sourceWords.getInt32(last, true);
    const high = sourceWords.getInt32(last + 4, true);
    if (isPlainAscii(low, high)) {
      to += end - from;
      targetWords.setInt32(to - 8, low, true);
      targetWords.setInt32(to - 4, high, true);
      return to;
    }
  }
  return escapeBytes(source, from, end, end, target, to);
}

/** True when no byte of the two words is a control character, a quote, a backslash or above 0x7f. */
function isPlainAscii(low: number, high: number): boolean {
  const outside = (low - 0x20202020) | (high - 0x20202020) | low | high;
  const lowHits = ((low ^ 0x22222222) - 0x01010101) | ((low ^ 0x5c5c5c5c) - 0x01010101);
  const highHits = ((high ^ 0x22222222) - 0x01010101) | ((high ^ 0x5c5c5c5c) - 0x01010101);
  return ((outside | lowHits | highHits) & highBits) === 0;
}

/** The same with bytes above 0x7f allowed, but for the one that may lead a surrogate. */
function isPlain(low: number, high: number): boolean {
  return ((hitsOf(low) | hitsOf(high)) & highBits) === 0;
}

/** The high bit of a byte is set where it needs a look; that of a byte above such a one may be set wrongly. */
function hitsOf(word: number): number {
  const quotes = word ^ 0x22222222;
  const backslashes = word ^ 0x5c5c5c5c;
  const leads = word ^ (0xedededed | 0);
  return (
    ((word - 0x20202020) & ~word) |
    ((quotes - 0x01010101) & ~quotes) |
    ((backslashes - 0x01010101) & ~backslashes) |
    ((leads - 0x01010101) & ~leads)
  );
}

/** Where the last `escapeBytes` stopped in its source: `stop`, or up to two bytes behind it, within a surrogate. */
let escapedEnd = 0;

function escapeBytes(source: AnyBytes, start: number, stop: number, end: number, target: AnyBytes, at: number): number {
  let from = start;
  let to = at;
  while (from < stop) {
    const byte = source[from]!;
    const kind = escapeOf[byte]!;
    if (kind === 0 || (kind === surrogateLead && !isSurrogate(source, from, end))) {
      target[to++] = byte;
      from++;
    } else if (kind === surrogateLead) {
      to = writeUnicodeEscape(0xd000 | ((source[from + 1]! & 0x3f) << 6) | (source[from + 2]! & 0x3f), target, to);
      from += 3;
    } else if (kind === letterU) {
      to = writeUnicodeEscape(byte, target, to);
      from++;
    } else {
      target[to] = backslash;
      target[to + 1] = kind;
      to += 2;
      from++;
    }
  }
  escapedEnd = from;
  return to;
}

/** Copies `source[start, end)`; surrogates that stand alone come out as U+FFFD, so that the answer is UTF-8. */
export function copyUtf8(
  source: AnyBytes,
  sourceWords: DataView,
  start: number,
  end: number,
  target: AnyBytes,
  targetWords: DataView,
  at: number,
): number {
  assert(start >= 0 && end <= source.length && at + (end - start) <= target.length, "the copy lies in source and target");
  let from = start;
  while (from < end) {
    while (from + 4 <= end) {
      const word = sourceWords.getInt32(from, true);
      if (bytesLike(word, surrogateLeads) !== 0) break;
      targetWords.setInt32(at, word, true);
      from += 4;
      at += 4;
    }
    const stop = Math.min(from + 4, end);
    while (from < stop) {
      if (isSurrogate(source, from, end)) {
        at = writeReplacement(target, at);
        from += 3;
      } else {
        target[at++] = source[from++]!;
      }
    }
  }
  return at;
}

/** Copies `source[start, end)` like `copyUtf8`, with each quote doubled, as CSV has it. */
export function copyQuoted(source: AnyBytes, start: number, end: number, target: AnyBytes, at: number): number {
  assert(start >= 0 && end <= source.length && at + (end - start) * 2 <= target.length, "the copy lies in source and target");
  let from = start;
  let to = at;
  while (from < end) {
    const byte = source[from]!;
    if (byte === surrogateLead && isSurrogate(source, from, end)) {
      to = writeReplacement(target, to);
      from += 3;
    } else {
      target[to++] = byte;
      if (byte === quote) target[to++] = quote;
      from++;
    }
  }
  return to;
}

/** Writes the decimal digits of `value`, a natural number up to 2^53. */
export function writeNatural(value: number, target: AnyBytes, at: number): number {
  return writeDigits(value, digitCountOf(value), target, at);
}

/** Returns how many decimal digits `value` has, a natural number up to 2^53. */
export function digitCountOf(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound; bound *= 10) count++;
  return count;
}

/** Writes the last `count` decimal digits of `value`, a natural number up to 2^53. Returns where they end. */
export function writeDigits(value: number, count: number, target: AnyBytes, at: number): number {
  assert(value >= 0 && at + count <= target.length, "a number fits the target");
  let rest = value;
  let end = at + count;
  if (rest > 999_999_999) {
    const upper = Math.floor(rest / 1e9);
    rest -= upper * 1e9;
    writeWord(rest, end - 9, end, target);
    rest = upper;
    end -= 9;
  }
  writeWord(rest, at, end, target);
  return at + count;
}

/** Writes digits of a number below 10^9 to [start, end), the last ones last. */
function writeWord(value: number, start: number, end: number, target: AnyBytes): void {
  let rest = value | 0;
  for (let index = end - 1; index >= start; index--) {
    const quotient = (rest / 10) | 0;
    target[index] = 0x30 + rest - quotient * 10;
    rest = quotient;
  }
}

function isSurrogate(source: AnyBytes, at: number, end: number): boolean {
  return source[at] === surrogateLead && at + 2 < end && source[at + 1]! >= 0xa0;
}

/** Writes U+FFFD. */
function writeReplacement(target: AnyBytes, at: number): number {
  target[at] = 0xef;
  target[at + 1] = 0xbf;
  target[at + 2] = 0xbd;
  return at + 3;
}

function writeUnicodeEscape(unit: number, target: AnyBytes, at: number): number {
  target[at] = backslash;
  target[at + 1] = letterU;
  target[at + 2] = hexDigits[unit >> 12]!;
  target[at + 3] = hexDigits[(unit >> 8) & 15]!;
  target[at + 4] = hexDigits[(unit >> 4) & 15]!;
  target[at + 5] = hexDigits[unit & 15]!;
  return at + 6;
}
