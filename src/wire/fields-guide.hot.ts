/**
 * Leads the scanner through fields that look like others before: what stands between their values is compared, not read.
 *
 *   {"user":"ada","asset":{"name":"x","tags":[1]},"ms":2}
 *   gaps:  {"user":   ,"asset":   {"name":   ,"tags":   },"ms":   }      one before each member of the outline, one behind
 *
 * Whatever does not fit is declined, and read from its beginning by the rules of JSON: a guide saves time and decides nothing.
 */
import { assert } from "../base/assert.ts";
import type { OwnedBytes } from "../base/bytes.ts";
import * as words from "../base/words.hot.ts";
import * as outlines from "../record/fields-outline.hot.ts";
import type { JsonScanner } from "./json-scan.hot.ts";

/** All gaps, each in whole words. */
const gapsSizeBytesMax = 1024;
/** So many fields in a row that do not fit are the new usual ones. */
const missCountMin = 2;

// Constants of this module: the compiler knows their values.
const lineFeed = 0x0a;
const space = 0x20;
const quote = 0x22;
const nine = 0x39;
const openBracket = 0x5b;
const openBrace = 0x7b;
const rowStride = outlines.outlineRowStride;
const depthMask = (1 << outlines.outlineDepthBits) - 1;
const same = words.sameWords;

/** Numbers per row, as many as an outline has: size of the gap before the value, nameKind, nameStart from there, is it an object. */
const stepName = 2;
const stepIsObject = 3;

let guideCount = 0;

export class FieldsGuide {
  /** Changes with what was learned, no two guides have the same; 0: nothing was learned. */
  number = 0;
  readonly #gaps = new DataView(new ArrayBuffer(gapsSizeBytesMax));
  readonly #steps = new Int32Array(outlines.outlineLastRow + rowStride);
  #lastRow = 0;
  #lastGapSizeBytes = 0;
  /** Levels of nesting that the gaps open. */
  #depth = 0;
  #memberCount = 0;
  /** White space stands in the gaps. */
  #isSpaced = false;
  /** How many fields did not fit since the last that did. */
  #missCount = 0;

  /** Skips the fields at `at` like `skipFields`, which fills the outline; returns -1 when they do not fit. */
  follow(scanner: JsonScanner, at: number): number {
    if (this.number === 0 || this.#depth > scanner.depthMax) return -1;
    const { bytes, view, outline } = scanner;
    const { rows } = outline;
    const gaps = this.#gaps;
    const steps = this.#steps;
    const lastRow = this.#lastRow;
    let isSpaced = this.#isSpaced;
    let gap = 0;
    for (let row = rowStride; row <= lastRow; row += rowStride) {
      const size = steps[row]!;
      if (!same(view, at, gaps, gap, size)) return this.#miss();
      gap += (size + 3) & ~3;
      at += size;
      rows[row] = at - steps[row + stepName]!;
      rows[row + 1] = steps[row + 1]!;
      rows[row + 2] = at;
      const byte = bytes[at]!;
      if (steps[row + stepIsObject] === 1) {
        rows[row + 3] = 0;
      } else if (byte === quote) {
        at = scanner.skipString(at + 1);
        rows[row + 3] = scanner.escaped ? -at : at;
      } else if (byte <= nine) {
        at = scanner.skipNumber(at);
        rows[row + 3] = scanner.isShortest ? at : -at;
      } else {
        at = byte === openBrace ? -1 : skipWithin(scanner, at, steps[row + 1]! & depthMask);
        rows[row + 3] = byte === openBracket ? 0 : at;
        if (scanner.spaced) isSpaced = true;
      }
      if (at < 0) return this.#miss();
    }
    if (!same(view, at, gaps, gap, this.#lastGapSizeBytes)) return this.#miss();
    this.#missCount = 0;
    outline.lastRow = lastRow;
    outline.isWhole = true;
    outline.guide = this.number;
    scanner.spaced = isSpaced;
    scanner.memberCount = this.#memberCount;
    return at + this.#lastGapSizeBytes;
  }

  #miss(): number {
    this.#missCount++;
    return -1;
  }

  /** Learns from the fields at [at, next), which the scanner skipped just now. A single stray does not make it learn anew. */
  learn(scanner: JsonScanner, at: number, next: number): void {
    if (this.number !== 0 && this.#missCount < missCountMin) return;
    const { outline, spaced, memberCount } = scanner;
    this.#missCount = 0;
    this.#memberCount = memberCount;
    this.number = outline.isWhole && this.#learnGaps(scanner, at, next) ? ++guideCount : 0;
    outline.guide = this.number;
    scanner.spaced = spaced;
    scanner.memberCount = memberCount;
  }

  /** Returns false when the gaps are too large or not white everywhere. */
  #learnGaps(scanner: JsonScanner, start: number, next: number): boolean {
    const { bytes, outline } = scanner;
    const { rows, lastRow } = outline;
    const steps = this.#steps;
    let at = start;
    let gap = 0;
    this.#depth = 1;
    this.#isSpaced = false;
    for (let row = rowStride; row <= lastRow; row += rowStride) {
      const nameKind = rows[row + 1]!;
      const valueStart = rows[row + 2]!;
      const isObject = bytes[valueStart] === openBrace ? 1 : 0;
      const depth = nameKind & depthMask;
      gap = this.#keepGap(bytes, at, valueStart, gap);
      if (gap < 0) return false;
      steps[row] = valueStart - at;
      steps[row + 1] = nameKind;
      steps[row + stepName] = valueStart - rows[row]!;
      steps[row + stepIsObject] = isObject;
      this.#depth = Math.max(this.#depth, depth + isObject);
      at = isObject === 1 ? valueStart : skipWithin(scanner, valueStart, depth);
      assert(at > 0, "what was read once is read again");
    }
    this.#lastRow = lastRow;
    this.#lastGapSizeBytes = next - at;
    return this.#keepGap(bytes, at, next, gap) >= 0;
  }

  /** Keeps `bytes[start, end)` at `gap`; returns where the next gap begins, or -1. A line feed is not white in every body. */
  #keepGap(bytes: OwnedBytes, start: number, end: number, gap: number): number {
    const next = gap + ((end - start + 3) & ~3);
    if (next > gapsSizeBytesMax) return -1;
    let isName = false;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === lineFeed) return -1;
      if (byte === quote) isName = !isName;
      else if (byte <= space && !isName) this.#isSpaced = true;
      this.#gaps.setUint8(gap + at - start, byte);
    }
    return next;
  }
}

/** Skips a value that stands within `depth` levels. */
function skipWithin(scanner: JsonScanner, at: number, depth: number): number {
  scanner.depthMax -= depth;
  const next = scanner.skipValue(at);
  scanner.depthMax += depth;
  return next;
}
