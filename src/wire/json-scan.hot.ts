/**
 * Walks JSON (RFC 8259) in bytes: finds where things end, copies strings and values, and notes where the text is broken.
 *
 * Positions (`at`) are offsets in the scanner's own padded copy of the body. Behind the body stand zeros, which no rule of
 * JSON accepts, so loops need no look at the end. Methods return the position behind what they read, or -1 after a fault.
 */
import { isUtf8 } from "node:buffer";
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn, type OwnedBytes } from "../base/bytes.ts";
import * as words from "../base/words.hot.ts";
import { appendWords, wordOf, wordSlackBytes } from "../base/words.hot.ts";
import * as outlines from "../record/fields-outline.hot.ts";
import { isShortestDecimal } from "../record/json-text.hot.ts";
import type { FieldsGuide } from "./fields-guide.hot.ts";
import { copyEscape, skipEscape } from "./json-escape.hot.ts";

/** Zeros behind the body: what a look ahead (a word, the longest member name) may touch. */
const padSizeBytes = 32;
const capacityBytesInitial = 256 * 1024;
/** A larger copy is let go at the next body that does not need it. */
const keptSizeBytesMax = 16 * 1024 * 1024;
/** Up to so many bytes a copy and a look for ASCII here are cheaper than calls out. */
const smallSizeBytesMax = 1024;

/** Why scanning stopped. */
export const fault = { none: 0, syntax: 1, tooDeep: 2, tooLarge: 3 } as const;

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const space = 0x20;
const lineFeed = 0x0a;
const tab = 0x09;
const carriageReturn = 0x0d;
const plus = 0x2b;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const backslash = 0x5c;

const wordTrue = wordOf("true");
const wordFals = wordOf("fals");
const wordNull = wordOf("null");

/** Which levels are arrays is kept in the bits of a small integer. */
const depthLimit = 32;

// Constants of this module: imported functions are looked up at every call.
const { copyExactly, specialsOf, whichByte } = words;
const outlineStride = outlines.outlineRowStride;
const outlineDepthBits = outlines.outlineDepthBits;
const isShortest = isShortestDecimal;
const lastRowMax = outlines.outlineLastRow;

/** Text of a string: where it lies in the body, or written down when it had escapes. Valid until the span is read again. */
export class TextSpan {
  readonly written = new ByteColumn(256);
  bytes: OwnedBytes = this.written.bytes;
  view: DataView<ArrayBuffer> = this.written.view;
  start = 0;
  end = 0;
}

export class JsonScanner {
  /** The body lies at [begin, end). */
  bytes: OwnedBytes = new Uint8Array(capacityBytesInitial);
  view: DataView<ArrayBuffer> = new DataView(this.bytes.buffer);
  begin = 0;
  end = 0;
  /** Where the entry passes its limit: nothing is copied from here on. */
  stop = 0;
  /** Levels of nesting that `skipValue` takes; at most 32. */
  depthMax: number = depthLimit;
  /** Whether a line feed is white space; in NDJSON it ends the text. */
  lineFeedIsWhite = true;
  fault: number = fault.none;
  /** Offset in the body. */
  faultOffset = 0;
  /** White space was skipped since this was cleared. */
  spaced = false;
  /** The string that was skipped last has an escape. */
  escaped = false;
  /** The number that was skipped last is shown as it was sent; false for some that are too. */
  isShortest = false;
  /** Members of the object that was skipped last, nested ones not counted. */
  memberCount = 0;
  /** What `skipFields` saw last; its offsets are positions here, valid until the next body. */
  readonly outline = new outlines.FieldsOutline();
  readonly #otherOutline = new outlines.FieldsOutline();
  readonly #sourceWords = new words.LastWords();

  /** Takes a private copy of `body[start, end)`, so that nothing moves under the scanner. */
  load(body: AnyBytes, start: number, end: number): void {
    assert(start >= 0 && start <= end && end <= body.length, "the range lies in the body");
    // Many bytes are copied from shared memory eight times slower when the two sides are not aligned alike.
    const from = body.byteOffset + start;
    const begin = from & 7;
    const size = begin + end - start;
    const needed = size + padSizeBytes;
    if (needed > this.bytes.length || (this.bytes.length > keptSizeBytesMax && needed <= keptSizeBytesMax)) {
      this.bytes = new Uint8Array(Math.max(needed, capacityBytesInitial));
      this.view = new DataView(this.bytes.buffer);
    }
    if (size <= smallSizeBytesMax) copyExactly(this.view, begin, this.#sourceWords.of(body), start, end);
    else this.bytes.set(new Uint8Array(body.buffer, from - begin, size));
    for (let at = size; at < needed; at += 4) this.view.setInt32(at, 0, true);
    this.begin = begin;
    this.end = size;
    this.stop = size;
    this.fault = fault.none;
    this.outline.bytes = this.bytes;
    this.outline.view = this.view;
  }

  /** Whether the body is UTF-8. */
  isUtf8(): boolean {
    const { view, begin, end } = this;
    if (end - begin > smallSizeBytesMax) return isUtf8(this.bytes.subarray(begin, end));
    let seen = 0;
    for (let at = begin; at < end; at += 4) seen |= view.getInt32(at, true);
    return (seen & 0x80808080) === 0 || isUtf8(this.bytes.subarray(begin, end));
  }

  /** Notes a fault at `at`; returns -1. */
  fail(kind: number, at: number): number {
    this.fault = kind;
    this.faultOffset = Math.min(at, this.end) - this.begin;
    return -1;
  }

  /** Skips white space. */
  white(at: number): number {
    const bytes = this.bytes;
    const start = at;
    for (;;) {
      const byte = bytes[at]!;
      if (byte > space) break;
      if (byte !== space && byte !== tab && byte !== carriageReturn && (byte !== lineFeed || !this.lineFeedIsWhite)) break;
      at++;
    }
    if (at > start) this.spaced = true;
    return at;
  }

  /** Skips the colon at `at` and the white space around it. */
  colon(at: number): number {
    const bytes = this.bytes;
    if (bytes[at]! <= space) at = this.white(at);
    if (bytes[at] !== colon) return this.fail(fault.syntax, at);
    return bytes[at + 1]! <= space ? this.white(at + 1) : at + 1;
  }

  /** Skips the string whose first character is at `at`, and tells in `escaped` whether it has escapes. */
  skipString(at: number): number {
    const view = this.view;
    this.escaped = false;
    for (;;) {
      const special = specialsOf(view.getInt32(at, true));
      if (special === 0) {
        at += 4;
        continue;
      }
      at += whichByte(special);
      const byte = this.bytes[at]!;
      if (byte === quote) return at + 1;
      if (byte !== backslash) return this.fail(fault.syntax, at);
      const next = skipEscape(this.bytes, at);
      if (next < 0) return this.fail(fault.syntax, at);
      this.escaped = true;
      at = next;
    }
  }

  /** Finds the text of the string whose first character is at `at`; one with escapes is written down in the span. */
  readString(at: number, span: TextSpan): number {
    const next = this.skipString(at);
    if (next < 0) return -1;
    if (this.escaped) {
      const written = span.written;
      if (next > this.stop) return this.fail(fault.tooLarge, this.stop);
      written.length = 0;
      written.reserve(next - at + wordSlackBytes);
      this.copyString(at, written);
      span.bytes = written.bytes;
      span.view = written.view;
      span.start = 0;
      span.end = written.length;
    } else {
      if (span.bytes !== this.bytes) {
        span.bytes = this.bytes;
        span.view = this.view;
      }
      span.start = at;
      span.end = next - 1;
    }
    return next;
  }

  /**
   * Appends the text of the string whose first character is at `at`; a lone surrogate becomes its three-byte form.
   * @param target has room for the bytes from `at` up to `stop`, and `wordSlackBytes` more.
   */
  copyString(at: number, target: ByteColumn): number {
    const view = this.view;
    const out = target.view;
    const stop = this.stop;
    let to = target.length;
    while (at < stop) {
      const low = view.getInt32(at, true);
      const high = view.getInt32(at + 4, true);
      out.setInt32(to, low, true);
      out.setInt32(to + 4, high, true);
      const special = specialsOf(low);
      const later = specialsOf(high);
      if ((special | later) === 0) {
        at += 8;
        to += 8;
        continue;
      }
      const before = special !== 0 ? whichByte(special) : 4 + whichByte(later);
      at += before;
      target.length = to + before;
      const byte = this.bytes[at]!;
      if (byte === quote) return at + 1;
      if (byte !== backslash) return this.fail(fault.syntax, at);
      const next = copyEscape(this.bytes, at, target);
      if (next < 0) return this.fail(fault.syntax, at);
      at = next;
      to = target.length;
    }
    return this.fail(stop < this.end ? fault.tooLarge : fault.syntax, stop);
  }

  /** Appends the value at [at, next), which was skipped before, without white space outside strings. */
  copyValue(at: number, next: number, target: ByteColumn): void {
    if (!this.spaced) {
      appendWords(target, this, at, next);
      return;
    }
    target.reserve(next - at + wordSlackBytes);
    const bytes = this.bytes;
    while (at < next) {
      const byte = bytes[at]!;
      if (byte === quote) {
        const end = this.skipString(at + 1);
        appendWords(target, this, at, end);
        at = end;
      } else {
        if (byte > space) target.bytes[target.length++] = byte;
        at++;
      }
    }
  }

  /** Skips the value at `at`, without recursion; tells in `spaced` and `memberCount` what it saw. */
  skipValue(at: number): number {
    return this.#skip(at, this.#otherOutline);
  }

  /**
   * Skips the value like `skipValue`, and notes in `outline` where its members lie.
   * @param guide knows fields that these may look like.
   */
  skipFields(at: number, guide?: FieldsGuide): number {
    const followed = guide === undefined ? -1 : guide.follow(this, at);
    if (followed >= 0) return followed;
    this.fault = fault.none;
    this.outline.guide = 0;
    const next = this.#skip(at, this.outline);
    if (next >= 0 && guide !== undefined) guide.learn(this, at, next);
    return next;
  }

  #skip(at: number, outline: outlines.FieldsOutline): number {
    const bytes = this.bytes;
    const depthMax = this.depthMax;
    const rows = outline.rows;
    let row = 0;
    let depth = 0;
    /** Which of the levels are arrays. */
    let arrays = 0;
    let isNamed = false;
    this.spaced = false;
    this.memberCount = 0;
    outline.isWhole = true;
    for (;;) {
      if (isNamed) {
        const nameStart = at + 1;
        at = this.#skipName(at, depth);
        if (at < 0) return -1;
        if (arrays === 0) {
          if (this.escaped || row === lastRowMax) outline.isWhole = false;
          else row += outlineStride;
          rows[row] = nameStart;
          rows[row + 1] = ((at - 1 - nameStart) << outlineDepthBits) | depth;
          at = this.colon(at);
          rows[row + 2] = at;
        } else {
          at = this.colon(at);
        }
        if (at < 0) return -1;
      }
      // Here stands a value.
      const byte = bytes[at]!;
      if (byte === quote) {
        at = this.skipString(at + 1);
        if (arrays === 0) rows[row + 3] = this.escaped ? -at : at;
      } else if (byte === openBrace || byte === openBracket) {
        if (depth === depthMax) return this.fail(fault.tooDeep, at);
        const isArray = byte === openBracket;
        if (arrays === 0) rows[row + 3] = 0;
        if (isArray) arrays |= 1 << depth;
        depth++;
        at++;
        if (bytes[at]! <= space) at = this.white(at);
        if (bytes[at] !== (isArray ? closeBracket : closeBrace)) {
          isNamed = !isArray;
          continue;
        }
      } else {
        at = this.#skipScalar(at);
        if (arrays === 0) rows[row + 3] = byte > nine || this.isShortest ? at : -at;
      }
      if (at < 0) return -1;
      // Here a value is over: close what ends here, then go on to the next one.
      for (;;) {
        if (depth === 0) {
          outline.lastRow = row;
          return at;
        }
        if (bytes[at]! <= space) at = this.white(at);
        const bit = 1 << (depth - 1);
        const isArray = (arrays & bit) !== 0;
        const after = bytes[at]!;
        if (after === comma) {
          at++;
          if (bytes[at]! <= space) at = this.white(at);
          isNamed = !isArray;
          break;
        }
        if (after !== (isArray ? closeBracket : closeBrace)) return this.fail(fault.syntax, at);
        arrays &= ~bit;
        at++;
        depth--;
      }
    }
  }

  /** Skips the name at `at`. */
  #skipName(at: number, depth: number): number {
    if (this.bytes[at] !== quote) return this.fail(fault.syntax, at);
    if (depth === 1) this.memberCount++;
    return this.skipString(at + 1);
  }

  #skipScalar(at: number): number {
    const word = this.view.getInt32(at, true);
    if (word === wordTrue || word === wordNull) return at + 4;
    if (word === wordFals && this.bytes[at + 4] === 0x65) return at + 5;
    return this.skipNumber(at);
  }

  /** Skips the number at `at`, and tells in `isShortest` how it is shown. */
  skipNumber(at: number): number {
    const bytes = this.bytes;
    const isNegative = bytes[at] === minus;
    if (isNegative) at++;
    const start = at;
    const first = bytes[at]! - zero;
    if (first >>> 0 > 9) return this.fail(fault.syntax, at);
    at++;
    if (first > 0) while ((bytes[at]! - zero) >>> 0 <= 9) at++;
    // Of integers only -0 is shown otherwise.
    this.isShortest = first > 0 || !isNegative;
    if (bytes[at] === dot) {
      at = this.#skipDigits(at + 1);
      if (at < 0) return -1;
      this.isShortest = isShortest(bytes, start, at);
    }
    if ((bytes[at]! | 0x20) === 0x65) {
      at++;
      if (bytes[at] === plus || bytes[at] === minus) at++;
      at = this.#skipDigits(at);
      this.isShortest = false;
    }
    return at;
  }

  #skipDigits(at: number): number {
    const bytes = this.bytes;
    if ((bytes[at]! - zero) >>> 0 > 9) return this.fail(fault.syntax, at);
    while ((bytes[at]! - zero) >>> 0 <= 9) at++;
    return at;
  }
}
