/** Finds a text without regard to case in a long run of bytes: several gigabytes a second for ASCII, any script otherwise. */
import { isAscii } from "node:buffer";
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { foldClassOf, wtf8Of } from "./fold.ts";

/** Bytes from common to rare in logs; letters stand for both cases. What is not listed counts as rarest. */
const commonFirst = " etaoinsrhldcu01m2fpg3wyb4567v89k./:-_=,x\"jqz()[]'";
const highBits = 0x80808080 | 0;
const eachByte = 0x01010101;
/** Non-ASCII characters that fold to ASCII letters: U+017F to s, U+212A to k. */
const longS = Buffer.from([0xc5, 0xbf]);
const kelvin = Buffer.from([0xe2, 0x84, 0xaa]);

/** A text to search for. `find` may be called for any ranges; `matchEnd` is of the last match. */
export class Needle {
  /** Offset behind the last match. */
  matchEnd = 0;
  readonly #ascii: AsciiNeedle | undefined;
  /** True when the text has an `s` or `k`, which two characters outside ASCII fold to. */
  readonly #hasForeignFold: boolean;
  readonly #text: string;
  #folded: FoldedNeedle | undefined;
  #isFolded = false;

  /** @param text at least one character. */
  constructor(text: string) {
    assert(text.length > 0, "a needle has a character");
    const bytes = wtf8Of(text.toLowerCase());
    this.#text = text;
    this.#ascii = isAscii(wtf8Of(text)) ? new AsciiNeedle(bytes) : undefined;
    this.#hasForeignFold = /[sk]/i.test(text);
    this.#isFolded = this.#ascii === undefined;
  }

  /** Chooses the way for ranges within `bytes[start, end)`; call it before `find` in other bytes. */
  look(bytes: AnyBytes, start: number, end: number): void {
    this.#isFolded = this.#ascii === undefined || (this.#hasForeignFold && hasForeignLetters(bytes, start, end));
  }

  /** Returns the offset of the first match that lies in `bytes[start, end)`, or -1. */
  find(bytes: AnyBytes, start: number, end: number): number {
    if (this.#isFolded || this.#ascii === undefined) return this.#findFolded(bytes, start, end);
    const at = this.#ascii.find(bytes, start, end);
    this.matchEnd = at + this.#ascii.sizeBytes;
    return at;
  }

  #findFolded(bytes: AnyBytes, start: number, end: number): number {
    this.#folded ??= new FoldedNeedle(this.#text);
    const at = this.#folded.find(bytes, start, end);
    this.matchEnd = this.#folded.matchEnd;
    return at;
  }
}

function hasForeignLetters(bytes: AnyBytes, start: number, end: number): boolean {
  const range = bytes.subarray(start, end);
  if (isAscii(range)) return false;
  const buffer = Buffer.from(range.buffer, range.byteOffset, range.byteLength);
  return buffer.indexOf(longS) >= 0 || buffer.indexOf(kelvin) >= 0;
}

/**
 * Looks at eight positions at once for two rare neighbours of the text, case put aside, and compares the whole text only
 * where both stand.
 */
class AsciiNeedle {
  readonly sizeBytes: number;
  readonly #bytes: AnyBytes;
  /** Per byte: which bits count; the one that tells the cases of a letter apart does not. */
  readonly #masks: AnyBytes;
  /** Where the rare pair begins. */
  readonly #pairStart: number;
  #source: AnyBytes = new Uint8Array(0);
  #words = new Int32Array(0);

  constructor(bytes: AnyBytes) {
    this.sizeBytes = bytes.length;
    this.#bytes = bytes;
    this.#masks = bytes.map((byte) => (byte >= 0x61 && byte <= 0x7a ? 0xdf : 0xff));
    this.#pairStart = rarestPair(bytes);
  }

  find(bytes: AnyBytes, start: number, end: number): number {
    assert(start >= 0 && start <= end && end <= bytes.length, "the range lies in the bytes");
    if (bytes !== this.#source) this.#look(bytes);
    const words = this.#words;
    const origin = bytes.byteOffset;
    const pairStart = this.#pairStart;
    const last = end - this.sizeBytes;
    // Words are counted from the start of the memory, positions from the start of `bytes`.
    let index = Math.floor((origin + start + pairStart) / 4);
    const stop = Math.min(Math.floor((origin + last + pairStart) / 4), words.length - 1) - 1;
    if (index < stop) {
      const first = this.#bytes[pairStart]! * eachByte;
      const second = this.#bytes[this.sizeBytes === 1 ? pairStart : pairStart + 1]! * eachByte;
      const firstMask = (this.#masks[pairStart]! * eachByte) | 0;
      // A text of one byte has no second: nothing of it counts.
      const secondMask = this.sizeBytes === 1 ? 0 : (this.#masks[pairStart + 1]! * eachByte) | 0;
      let word = words[index]!;
      while (index < stop) {
        const next = words[index + 1]!;
        const after = words[index + 2]!;
        const low = ((word ^ first) & firstMask) | ((((word >>> 8) | (next << 24)) ^ second) & secondMask);
        const high = ((next ^ first) & firstMask) | ((((next >>> 8) | (after << 24)) ^ second) & secondMask);
        const lowHits = (low - eachByte) & ~low & highBits;
        const highHits = (high - eachByte) & ~high & highBits;
        if ((lowHits | highHits) !== 0) {
          const at = this.#among(bytes, index * 4 - origin - pairStart, lowHits, highHits, start, last);
          if (at >= 0) return at;
        }
        word = after;
        index += 2;
      }
    }
    for (let at = Math.max(start, index * 4 - origin - pairStart); at <= last; at++) if (this.#matches(bytes, at)) return at;
    return -1;
  }

  #look(bytes: AnyBytes): void {
    this.#source = bytes;
    this.#words = new Int32Array(bytes.buffer as ArrayBuffer, 0, Math.floor(bytes.buffer.byteLength / 4));
  }

  /** Compares at those of eight positions that the hits name. */
  #among(bytes: AnyBytes, base: number, lowHits: number, highHits: number, start: number, last: number): number {
    for (let index = 0; index < 8; index++) {
      const hits = index < 4 ? lowHits : highHits;
      const at = base + index;
      if (((hits >>> ((index & 3) * 8)) & 0x80) !== 0 && at >= start && at <= last && this.#matches(bytes, at)) return at;
    }
    return -1;
  }

  #matches(bytes: AnyBytes, at: number): boolean {
    const needle = this.#bytes;
    const masks = this.#masks;
    for (let index = 0; index < needle.length; index++) {
      if (((bytes[at + index]! ^ needle[index]!) & masks[index]!) !== 0) return false;
    }
    return true;
  }
}

/** Returns where the two neighbours begin that together are rarest. */
function rarestPair(bytes: AnyBytes): number {
  let best = 0;
  let bestRank = -1;
  for (let index = 0; index + 1 < bytes.length; index++) {
    const rank = rarity(bytes[index]!) + rarity(bytes[index + 1]!);
    if (rank > bestRank) {
      best = index;
      bestRank = rank;
    }
  }
  return best;
}

function rarity(byte: number): number {
  const rank = commonFirst.indexOf(String.fromCharCode(byte));
  return rank < 0 ? commonFirst.length : rank;
}

/** Compares character by character, each against the bytes of all that fold to the same. */
class FoldedNeedle {
  matchEnd = 0;
  readonly #characterCount: number;
  /** The ways to write all characters: way `w` is `#ways[#wayStarts[w], #wayStarts[w + 1])`. */
  readonly #ways: AnyBytes;
  readonly #wayStarts: Uint32Array;
  /** The ways of character `c` are #characterStarts[c]…#characterStarts[c + 1] - 1. */
  readonly #characterStarts: Uint32Array;
  readonly #canBegin = new Uint8Array(256);

  constructor(text: string) {
    const ways: number[] = [];
    const wayStarts = [0];
    const characterStarts = [0];
    for (const character of text) {
      for (const same of foldClassOf(character)) {
        ways.push(...wtf8Of(same));
        wayStarts.push(ways.length);
      }
      characterStarts.push(wayStarts.length - 1);
    }
    this.#characterCount = characterStarts.length - 1;
    this.#ways = new Uint8Array(ways);
    this.#wayStarts = new Uint32Array(wayStarts);
    this.#characterStarts = new Uint32Array(characterStarts);
    for (let way = 0; way < (characterStarts[1] ?? 0); way++) this.#canBegin[ways[wayStarts[way] ?? 0] ?? 0] = 1;
  }

  find(bytes: AnyBytes, start: number, end: number): number {
    assert(start >= 0 && start <= end && end <= bytes.length, "the range lies in the bytes");
    const canBegin = this.#canBegin;
    for (let at = start; at < end; at++) {
      if (canBegin[bytes[at]!]! === 0) continue;
      const matchEnd = this.#match(bytes, at, end);
      if (matchEnd >= 0) {
        this.matchEnd = matchEnd;
        return at;
      }
    }
    return -1;
  }

  /** Returns the offset behind the text when it begins at `start`, or -1. No way is the beginning of another. */
  #match(bytes: AnyBytes, start: number, end: number): number {
    let at = start;
    for (let character = 0; character < this.#characterCount; character++) {
      let size = 0;
      const wayEnd = this.#characterStarts[character + 1]!;
      for (let way = this.#characterStarts[character]!; way < wayEnd && size === 0; way++)
        size = this.#sizeOfWay(way, bytes, at, end);
      if (size === 0) return -1;
      at += size;
    }
    return at;
  }

  /** Returns the size of a way that stands at `at`; 0 when it does not. */
  #sizeOfWay(way: number, bytes: AnyBytes, at: number, end: number): number {
    const start = this.#wayStarts[way]!;
    const size = this.#wayStarts[way + 1]! - start;
    if (at + size > end) return 0;
    for (let index = 0; index < size; index++) if (bytes[at + index]! !== this.#ways[start + index]!) return 0;
    return size;
  }
}
