/** Time stamps as intake spells them to int64 nanoseconds since the epoch (two words). */
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";

const wordRange = 4_294_967_296;
const nanosecondsPerSecond = 1_000_000_000;
const secondsPerDay = 86_400;
/** int64 holds the seconds between these two whole, and of these two a part. */
const secondsMax = 9_223_372_036;
const secondsMin = -9_223_372_037;
const nanosecondsOfSecondsMax = 854_775_807;
const nanosecondsOfSecondsMin = 145_224_192;

const hyphen = 0x2d;
const plus = 0x2b;
const colon = 0x3a;
const dot = 0x2e;
const space = 0x20;
const letterT = 0x54;
const letterZ = 0x5a;
const letterE = 0x45;
/** "2026-11-20T10:00:00" */
const secondLength = 19;

/**
 * Reads one time stamp at a time into `low` and `high`, which hold until the next read.
 * It remembers the last second it read, because the entries of a batch tend to share it.
 */
export class TimeReader {
  /** The words of the int64, as signed 32-bit integers. */
  low = 0;
  high = 0;
  /** "2026-11-20T10:00:00" as words, the last of them one byte back. */
  #memo0 = 0;
  #memo1 = 0;
  #memo2 = 0;
  #memo3 = 0;
  #memo4 = 0;
  #memoSeconds = 0;
  #memoLow = 0;
  #memoHigh = 0;
  /** The memo's second lies in int64 whole. */
  #memoWhole = false;

  /**
   * Reads a time in UTC within the remembered second, which is what most are.
   * @param view can be read past `start` for as long as there are digits, and at least 20 bytes.
   * @returns the offset behind its `Z`, or -1 when something else stands there.
   */
  tryReadKnown(view: DataView, start: number): number {
    if (!this.#memoWhole || !this.#isMemo(view, start)) return -1;
    let at = start + secondLength;
    let nanoseconds = 0;
    if (view.getUint8(at) === dot) {
      let scale = 100_000_000;
      let digit = view.getUint8(++at) - 0x30;
      if (digit >>> 0 > 9) return -1;
      do {
        nanoseconds += digit * scale;
        scale = scale > 1 ? (scale / 10) | 0 : 0;
        digit = view.getUint8(++at) - 0x30;
      } while (digit >>> 0 <= 9);
    }
    if (view.getUint8(at) !== letterZ) return -1;
    this.#setInMemo(nanoseconds);
    return at + 1;
  }

  /**
   * Reads RFC 3339 text (`T`, `t` or a space between date and time; `Z` or an offset; decimals beyond nine are cut; second 60
   * is the first second of the next minute) or decimal digits, which are nanoseconds.
   * @returns false when it is neither, or outside int64.
   */
  readText(bytes: AnyBytes, start: number, end: number): boolean {
    assert(start >= 0 && start <= end && end <= bytes.length, "the text lies in the bytes");
    if (end - start > secondLength && bytes[start + 4] === hyphen) return this.#readDate(bytes, start, end);
    const digits = bytes[start] === hyphen ? start + 1 : start;
    if (digits === end) return false;
    for (let at = digits; at < end; at++) if ((bytes[at]! - 0x30) >>> 0 > 9) return false;
    return this.#readDecimal(bytes, start, end, 0);
  }

  /** Reads a JSON number literal, which is milliseconds; what lies beyond the nanosecond is cut. */
  readNumber(bytes: AnyBytes, start: number, end: number): boolean {
    assert(start < end && end <= bytes.length, "the number lies in the bytes");
    const size = end - start;
    if (size > 15) return this.#readDecimal(bytes, start, end, 6);
    // Nine digits at a time keep to small integers.
    const middle = start + Math.min(size, 9);
    const upper = digitsOf(bytes, start, middle);
    const lower = digitsOf(bytes, middle, end);
    if ((upper | lower) < 0) return this.#readDecimal(bytes, start, end, 6);
    return this.readMilliseconds(upper * powersOfTen[end - middle]! + lower);
  }

  /** Reads milliseconds since the epoch; a fraction is cut. */
  readMilliseconds(milliseconds: number): boolean {
    const within = Math.floor(milliseconds - this.#memoSeconds * 1000);
    if (this.#memoWhole && within >= 0 && within < 1000) return this.#setInMemo(within * 1_000_000);
    const seconds = Math.floor(milliseconds / 1000);
    this.#remember(seconds);
    // The words of the text are those of another second now: no text ends with zeros.
    this.#memo4 = 0;
    return this.#set(seconds, Math.floor(milliseconds - seconds * 1000) * 1_000_000);
  }

  #readDate(bytes: AnyBytes, start: number, end: number): boolean {
    if (!this.#readSecond(bytes, start)) return false;
    let at = start + secondLength;
    let nanoseconds = 0;
    if (bytes[at] === dot) {
      let scale = 100_000_000;
      const from = ++at;
      for (; at < end; at++) {
        const digit = bytes[at]! - 0x30;
        if (digit >>> 0 > 9) break;
        nanoseconds += digit * scale;
        scale = scale > 1 ? scale / 10 : 0;
      }
      if (at === from) return false;
    }
    if (at + 1 === end && (bytes[at]! & ~0x20) === letterZ) return this.#setInMemo(nanoseconds);
    const zone = zoneSeconds(bytes, at, end);
    return zone !== zoneInvalid && this.#set(this.#memoSeconds - zone, nanoseconds);
  }

  #isMemo(view: DataView, start: number): boolean {
    return (
      view.getInt32(start + 15, true) === this.#memo4 &&
      view.getInt32(start + 12, true) === this.#memo3 &&
      view.getInt32(start + 8, true) === this.#memo2 &&
      view.getInt32(start + 4, true) === this.#memo1 &&
      view.getInt32(start, true) === this.#memo0
    );
  }

  /** Reads "2026-11-20T10:00:00" into the memo. */
  #readSecond(bytes: AnyBytes, start: number): boolean {
    const century = twoDigits(bytes, start);
    const yearOfCentury = twoDigits(bytes, start + 2);
    const month = twoDigits(bytes, start + 5);
    const day = twoDigits(bytes, start + 8);
    const hour = twoDigits(bytes, start + 11);
    const minute = twoDigits(bytes, start + 14);
    const second = twoDigits(bytes, start + 17);
    if ((century | yearOfCentury | month | day | hour | minute | second) < 0) return false;
    const year = century * 100 + yearOfCentury;
    if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    const separator = bytes[start + 10]!;
    if (bytes[start + 7] !== hyphen || bytes[start + 13] !== colon || bytes[start + 16] !== colon) return false;
    if ((separator & ~0x20) !== letterT && separator !== space) return false;
    const seconds = daysFromDate(year, month, day) * secondsPerDay + hour * 3600 + minute * 60 + second;
    this.#remember(seconds);
    this.#memo0 = wordAt(bytes, start);
    this.#memo1 = wordAt(bytes, start + 4);
    this.#memo2 = wordAt(bytes, start + 8);
    this.#memo3 = wordAt(bytes, start + 12);
    this.#memo4 = wordAt(bytes, start + 15);
    return true;
  }

  #remember(seconds: number): void {
    this.#memoSeconds = seconds;
    this.#memoWhole = seconds > secondsMin && seconds < secondsMax;
    if (!this.#memoWhole) return;
    this.#set(seconds, 0);
    this.#memoLow = this.low >>> 0;
    this.#memoHigh = this.high;
  }

  #setInMemo(nanoseconds: number): boolean {
    if (!this.#memoWhole) return this.#set(this.#memoSeconds, nanoseconds);
    const low = this.#memoLow + nanoseconds;
    this.low = low | 0;
    this.high = low < wordRange ? this.#memoHigh : this.#memoHigh + 1;
    return true;
  }

  /** Reads a number literal times 10 ^ shift as nanoseconds; the fraction is cut. */
  #readDecimal(bytes: AnyBytes, start: number, end: number, shift: number): boolean {
    const negative = bytes[start] === hyphen;
    const digits = negative ? start + 1 : start;
    let point = digits;
    while (point < end && (bytes[point]! - 0x30) >>> 0 <= 9) point++;
    let mantissaEnd = point;
    while (mantissaEnd < end && (bytes[mantissaEnd]! & ~0x20) !== letterE) mantissaEnd++;
    let left = point - digits + shift + exponentOf(bytes, mantissaEnd, end);
    let seconds = 0;
    let nanoseconds = 0;
    for (let at = digits; left > 0; at++) {
      if (at === point && at < mantissaEnd) at++;
      if (at >= mantissaEnd && seconds === 0 && nanoseconds === 0) break;
      nanoseconds = nanoseconds * 10 + (at < mantissaEnd ? bytes[at]! - 0x30 : 0);
      const carry = Math.floor(nanoseconds / nanosecondsPerSecond);
      nanoseconds -= carry * nanosecondsPerSecond;
      seconds = seconds * 10 + carry;
      if (seconds > secondsMax + 1) return false;
      left--;
    }
    if (!negative) return this.#set(seconds, nanoseconds);
    return nanoseconds === 0 ? this.#set(-seconds, 0) : this.#set(-seconds - 1, nanosecondsPerSecond - nanoseconds);
  }

  /** Sets the words; false when they do not hold it. Halves of 16 bits keep every product below 2 ^ 53. */
  #set(seconds: number, nanoseconds: number): boolean {
    assert(nanoseconds >= 0 && nanoseconds < nanosecondsPerSecond, "a fraction of a second");
    if (seconds > secondsMax || (seconds === secondsMax && nanoseconds > nanosecondsOfSecondsMax)) return false;
    if (seconds < secondsMin || (seconds === secondsMin && nanoseconds < nanosecondsOfSecondsMin)) return false;
    const upper = Math.floor(seconds / 65536);
    const upperProduct = upper * nanosecondsPerSecond;
    const upperHigh = Math.floor(upperProduct / 65536);
    const rest = (upperProduct - upperHigh * 65536) * 65536 + (seconds - upper * 65536) * nanosecondsPerSecond + nanoseconds;
    const carry = Math.floor(rest / wordRange);
    this.low = (rest - carry * wordRange) | 0;
    this.high = (upperHigh + carry) | 0;
    return true;
  }
}

const powersOfTen = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000] as const;

/** The number of at most nine digits, or -1 when there is something else among them. */
function digitsOf(bytes: AnyBytes, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit >>> 0 > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const zoneInvalid = 0x7fffffff;

/** Seconds of "+01:30", -5400 for "-01:30". */
function zoneSeconds(bytes: AnyBytes, at: number, end: number): number {
  if (end - at !== 6 || bytes[at + 3] !== colon) return zoneInvalid;
  const sign = bytes[at]!;
  const hour = twoDigits(bytes, at + 1);
  const minute = twoDigits(bytes, at + 4);
  if ((sign !== plus && sign !== hyphen) || (hour | minute) < 0 || hour > 23 || minute > 59) return zoneInvalid;
  const seconds = hour * 3600 + minute * 60;
  return sign === plus ? seconds : -seconds;
}

/** The number behind `e` at `at`, held within ±1000000; 0 when nothing is there. */
function exponentOf(bytes: AnyBytes, at: number, end: number): number {
  let exponent = 0;
  let negative = false;
  for (let index = at + 1; index < end; index++) {
    const byte = bytes[index]!;
    if (byte === hyphen) negative = true;
    else if (byte !== plus) exponent = Math.min(exponent * 10 + byte - 0x30, 1_000_000);
  }
  return negative ? -exponent : exponent;
}

function wordAt(bytes: AnyBytes, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Two decimal digits, or -1. */
function twoDigits(bytes: AnyBytes, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  if (tens >>> 0 > 9 || ones >>> 0 > 9) return -1;
  return tens * 10 + ones;
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01. Years begin in March here, so that the leap day is the last (H. Hinnant, days_from_civil). */
function daysFromDate(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}
