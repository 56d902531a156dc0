/**
 * Writes what entries begin with: number and time. The text of the entry before is kept; in a run of consecutive entries of
 * one second only the last digits change.
 */
import { assert } from "../base/assert.ts";
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import { copyBytes, writeNatural } from "./text-copy.hot.ts";
import { TimeText, timePrefixSizeBytes, writeDecimals, writeMillis } from "./time-text.hot.ts";

/** Digits of 2^53. */
const seqSizeBytesMax = 16;
const decimalsSizeBytesMax = 9;
const nine = 0x39;

/** `{"seq":101,"timestamp":"2026-11-20T10:00:00.123` for example. */
export class LineStart {
  /** What `write` may need at most. */
  readonly sizeBytesMax: number;
  readonly #line: OwnedBytes;
  readonly #words: DataView;
  readonly #before: OwnedBytes;
  readonly #between: OwnedBytes;
  readonly #time: TimeText;
  readonly #hasSeq: boolean;
  #length = 0;
  #lastSeq = -1;
  #digitsEnd = 0;

  /**
   * @param before what stands before the number (or before `between`, when there is no number).
   * @param between what stands between number and time.
   * @param separator the byte between date and time. With `T` the time has 3, 6 or 9 decimals, with another milliseconds.
   */
  constructor(before: OwnedBytes, hasSeq: boolean, between: OwnedBytes, separator: number) {
    this.#before = before;
    this.#between = between;
    this.#hasSeq = hasSeq;
    this.#time = new TimeText(separator);
    this.sizeBytesMax = before.length + seqSizeBytesMax + between.length + timePrefixSizeBytes + decimalsSizeBytesMax + 1;
    this.#line = new Uint8Array(this.sizeBytesMax);
    this.#words = new DataView(this.#line.buffer);
    this.#isMillis = separator !== 0x54;
  }
  readonly #isMillis: boolean;

  /** Writes the start of an entry without its first `skip` bytes at `at`; returns the offset behind the decimals. */
  write(seq: number, timeLow: number, timeHigh: number, skip: number, target: AnyBytes, words: DataView, at: number): number {
    assert(at + this.sizeBytesMax <= target.length, "the start of an entry fits the target");
    let nanos = this.#time.nanosWithin(timeLow, timeHigh);
    if (nanos < 0) {
      nanos = this.#time.turnTo(timeLow, timeHigh);
      this.#compose(seq);
    } else if (this.#hasSeq && !(seq === this.#lastSeq + 1 && this.#tryIncrement())) {
      this.#compose(seq);
    }
    this.#lastSeq = seq;
    const end = copyBytes(this.#line, this.#words, skip, this.#length, target, words, at);
    return this.#isMillis ? writeMillis(nanos, words, end) : writeDecimals(nanos, words, end);
  }

  /** Adds one to the number as text; false when it would get longer. */
  #tryIncrement(): boolean {
    const line = this.#line;
    let at = this.#digitsEnd - 1;
    while (line[at]! === nine) line[at--] = 0x30;
    if (at < this.#before.length) return false;
    line[at] = line[at]! + 1;
    return true;
  }

  #compose(seq: number): void {
    const line = this.#line;
    line.set(this.#before, 0);
    let at = this.#before.length;
    if (this.#hasSeq) at = writeNatural(seq, line, at);
    this.#digitsEnd = at;
    line.set(this.#between, at);
    at += this.#between.length;
    line.set(this.#time.prefix, at);
    this.#length = at + timePrefixSizeBytes;
  }
}
