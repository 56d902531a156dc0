/** Writes times (int64 nanoseconds as two words) as text; the text of the last second is kept, so that most cost a few digits. */
import type { AnyBytes } from "../base/bytes.ts";

const nanosPerSecond = 1e9;
const secondsPerDay = 86_400;
/** `2026-11-20T10:00:00.` */
export const timePrefixSizeBytes = 20;

/** Three decimals and a byte to be overwritten, by number: one store writes them. */
const threeDigits = new Int32Array(1000);
for (let value = 0; value < 1000; value++) {
  const hundreds = Math.floor(value / 100);
  const tens = Math.floor(value / 10) % 10;
  threeDigits[value] = (0x30 + hundreds) | ((0x30 + tens) << 8) | ((0x30 + (value % 10)) << 16);
}

/** The text of times; remembers the second it wrote last. */
export class TimeText {
  /** Date and time of the remembered second up to the decimal point. */
  readonly prefix = new Uint8Array(timePrefixSizeBytes);
  /** int64 words of the start of that second. */
  #baseLow = 0;
  #baseHigh = 0;
  #isEmpty = true;
  readonly #separator: number;

  /** @param separator the byte between date and time: `T` or a space. */
  constructor(separator: number) {
    this.#separator = separator;
  }

  /** Returns the nanoseconds of a time within the remembered second, or -1 when it lies in another. */
  nanosWithin(timeLow: number, timeHigh: number): number {
    const nanos = (timeHigh - this.#baseHigh) * 4294967296 + ((timeLow >>> 0) - (this.#baseLow >>> 0));
    return this.#isEmpty || nanos < 0 || nanos >= nanosPerSecond ? -1 : nanos;
  }

  /** Remembers the second of a time and writes `prefix`; returns the nanoseconds within it. */
  turnTo(timeLow: number, timeHigh: number): number {
    // 2^32 = 4 * 1e9 + 294967296 and 2^48 - 4 * 2^16 * 1e9 = 19330 * 1e9 + 976710656: every product stays exact.
    const upper = timeHigh >> 16;
    const rest = upper * 976_710_656 + (timeHigh & 0xffff) * 294_967_296 + (timeLow >>> 0);
    const carry = Math.floor(rest / nanosPerSecond);
    const nanos = rest - carry * nanosPerSecond;
    const seconds = timeHigh * 4 + upper * 19_330 + carry;
    const low = timeLow >>> 0;
    this.#baseLow = (low - nanos) | 0;
    this.#baseHigh = low >= nanos ? timeHigh : timeHigh - 1;
    this.#isEmpty = false;
    this.#writeSecond(seconds);
    return nanos;
  }

  #writeSecond(seconds: number): void {
    const prefix = this.prefix;
    const days = Math.floor(seconds / secondsPerDay);
    const second = seconds - days * secondsPerDay;
    // Days since 0000-03-01, in eras of 400 years: the civil calendar without a table.
    const shifted = days + 719_468;
    const era = Math.floor(shifted / 146_097);
    const dayOfEra = shifted - era * 146_097;
    const yearOfEra = ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0;
    const dayOfYear = dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0));
    const shiftedMonth = ((5 * dayOfYear + 2) / 153) | 0;
    const day = dayOfYear - (((153 * shiftedMonth + 2) / 5) | 0) + 1;
    const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
    const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
    writeTwo((year / 100) | 0, prefix, 0);
    writeTwo(year % 100, prefix, 2);
    prefix[4] = 0x2d;
    writeTwo(month, prefix, 5);
    prefix[7] = 0x2d;
    writeTwo(day, prefix, 8);
    prefix[10] = this.#separator;
    writeTwo((second / 3600) | 0, prefix, 11);
    prefix[13] = 0x3a;
    writeTwo(((second / 60) | 0) % 60, prefix, 14);
    prefix[16] = 0x3a;
    writeTwo(second % 60, prefix, 17);
    prefix[19] = 0x2e;
  }
}

function writeTwo(value: number, target: AnyBytes, at: number): void {
  const tens = (value / 10) | 0;
  target[at] = 0x30 + tens;
  target[at + 1] = 0x30 + value - tens * 10;
}

/** Writes 3, 6 or 9 decimals, as many as `nanos` needs, and a byte more at `at`; returns the offset behind the decimals. */
export function writeDecimals(nanos: number, words: DataView, at: number): number {
  const millis = (nanos / 1e6) | 0;
  words.setInt32(at, threeDigits[millis]!, true);
  if (millis * 1e6 === nanos) return at + 3;
  const micros = (nanos / 1000) | 0;
  words.setInt32(at + 3, threeDigits[micros - millis * 1000]!, true);
  if (micros * 1000 === nanos) return at + 6;
  words.setInt32(at + 6, threeDigits[nanos - micros * 1000]!, true);
  return at + 9;
}

/** Writes milliseconds, the rest cut, and a byte more at `at`; returns the offset behind them. */
export function writeMillis(nanos: number, words: DataView, at: number): number {
  words.setInt32(at, threeDigits[(nanos / 1e6) | 0]!, true);
  return at + 3;
}
