/** Finds a text without regard to case in a long run of bytes, at some gigabytes a second in every script. */
import { isAscii } from "node:buffer";
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { type FoldPattern, foldPatternOf } from "./fold-pattern.ts";

/** Bytes from common to rare in logs; letters stand for both cases. What is not listed counts as rarest. */
const commonFirst = " etaoinsrhldcu01m2fpg3wyb4567v89k./:-_=,x\"jqz()[]'";
/** First bytes of characters outside ASCII are as common as the script is; of the others there are more. */
const rarityOfLead = 3;
const rarityOfTrail = 20;
const highBits = 0x80808080 | 0;
const eachByte = 0x01010101;

/** A text to search for: `look` at a run of bytes, then `find` in any part of it. `matchEnd` is of the last match. */
export class Needle {
  /** Offset behind the last match. */
  matchEnd = 0;
  readonly #pattern: FoldPattern;
  readonly #foreignWays: readonly Buffer[];
  readonly #masked: MaskedNeedle;
  readonly #ways: WaysNeedle;
  /** Whether a match may have another length than usual in the run at hand. */
  #hasForeign = true;

  /** @param text at least one character. */
  constructor(text: string) {
    assert(text.length > 0, "a needle has a character");
    this.#pattern = foldPatternOf(text);
    this.#foreignWays = this.#pattern.foreignWays.map((way) => Buffer.from(way));
    this.#ways = new WaysNeedle(this.#pattern);
    this.#masked = new MaskedNeedle(this.#pattern, this.#ways);
  }

  /** Chooses the way to search parts of `bytes[start, end)`. */
  look(bytes: AnyBytes, start: number, end: number): void {
    this.#hasForeign = false;
    if (this.#foreignWays.length === 0) return;
    const range = bytes.subarray(start, end);
    if (isAscii(range)) return;
    const buffer = Buffer.from(range.buffer, range.byteOffset, range.byteLength);
    for (let index = 0; index < this.#foreignWays.length; index++) {
      if (buffer.indexOf(this.#foreignWays[index]!) >= 0) this.#hasForeign = true;
    }
  }

  /** Returns the offset of the first match that lies in `bytes[start, end)`, or -1. */
  find(bytes: AnyBytes, start: number, end: number): number {
    assert(start >= 0 && start <= end && end <= bytes.length, "the range lies in the bytes");
    if (this.#hasForeign) {
      const at = this.#ways.find(bytes, start, end);
      this.matchEnd = this.#ways.matchEnd;
      return at;
    }
    const at = this.#masked.find(bytes, start, end);
    this.matchEnd = at + this.#pattern.bytes.length;
    return at;
  }
}

/**
 * Matches of usual length. Looks at eight positions at once for two rare neighbours of the text, bits that tell cases apart
 * put aside, and compares the whole text only where both may stand.
 */
class MaskedNeedle {
  readonly #bytes: AnyBytes;
  readonly #masks: AnyBytes;
  /** Decides where the masks can not. */
  readonly #ways: WaysNeedle | undefined;
  /** Where the rare pair begins. */
  readonly #pairStart: number;
  #source: AnyBytes = new Uint8Array(0);
  #words = new Int32Array(0);

  constructor(pattern: FoldPattern, ways: WaysNeedle) {
    this.#bytes = pattern.bytes;
    this.#masks = pattern.masks;
    this.#ways = pattern.isExact ? undefined : ways;
    this.#pairStart = rarestPair(pattern.bytes);
  }

  find(bytes: AnyBytes, start: number, end: number): number {
    if (bytes !== this.#source) this.#lookAt(bytes);
    const words = this.#words;
    const origin = bytes.byteOffset;
    const pairStart = this.#pairStart;
    const last = end - this.#bytes.length;
    // Words are counted from the start of the memory, positions from the start of `bytes`.
    let index = Math.floor((origin + start + pairStart) / 4);
    const stop = Math.min(Math.floor((origin + last + pairStart) / 4), words.length - 1) - 1;
    if (index < stop) {
      const hasSecond = this.#bytes.length > 1;
      const first = (this.#bytes[pairStart]! * eachByte) | 0;
      const firstMask = (this.#masks[pairStart]! * eachByte) | 0;
      const second = hasSecond ? (this.#bytes[pairStart + 1]! * eachByte) | 0 : 0;
      const secondMask = hasSecond ? (this.#masks[pairStart + 1]! * eachByte) | 0 : 0;
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

  #lookAt(bytes: AnyBytes): void {
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
    return this.#ways === undefined || this.#ways.match(bytes, at, at + needle.length) >= 0;
  }
}

/** Returns where the two neighbours begin that together are rarest. */
function rarestPair(bytes: AnyBytes): number {
  let best = 0;
  let bestRarity = -1;
  for (let index = 0; index + 1 < bytes.length; index++) {
    const rarity = rarityOf(bytes[index]!) + rarityOf(bytes[index + 1]!);
    if (rarity > bestRarity) {
      best = index;
      bestRarity = rarity;
    }
  }
  return best;
}

function rarityOf(byte: number): number {
  if (byte >= 0xc0) return rarityOfLead;
  if (byte >= 0x80) return rarityOfTrail;
  const rank = commonFirst.indexOf(String.fromCharCode(byte).toLowerCase());
  return rank < 0 ? commonFirst.length : rank;
}

/** Matches of any length: compares character by character, each against all ways to write it. */
class WaysNeedle {
  matchEnd = 0;
  readonly #characterCount: number;
  /** The ways of all characters: way `w` is `#ways[#wayStarts[w], #wayStarts[w + 1])`. */
  readonly #ways: AnyBytes;
  readonly #wayStarts: Uint32Array;
  /** The ways of character `c` are #characterStarts[c]…#characterStarts[c + 1] - 1. */
  readonly #characterStarts: Uint32Array;
  readonly #canBegin = new Uint8Array(256);

  constructor(pattern: FoldPattern) {
    const ways: number[] = [];
    const wayStarts = [0];
    const characterStarts = [0];
    for (const character of pattern.characters) {
      for (const way of character) {
        for (const byte of way) ways.push(byte);
        wayStarts.push(ways.length);
      }
      characterStarts.push(wayStarts.length - 1);
    }
    this.#characterCount = pattern.characters.length;
    this.#ways = new Uint8Array(ways);
    this.#wayStarts = new Uint32Array(wayStarts);
    this.#characterStarts = new Uint32Array(characterStarts);
    for (const way of pattern.characters[0] ?? []) this.#canBegin[way[0] ?? 0] = 1;
  }

  find(bytes: AnyBytes, start: number, end: number): number {
    const canBegin = this.#canBegin;
    for (let at = start; at < end; at++) {
      if (canBegin[bytes[at]!]! === 0) continue;
      const matchEnd = this.match(bytes, at, end);
      if (matchEnd >= 0) {
        this.matchEnd = matchEnd;
        return at;
      }
    }
    return -1;
  }

  /** Returns the offset behind the text when it begins at `start`, or -1. No way is the beginning of another. */
  match(bytes: AnyBytes, start: number, end: number): number {
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
