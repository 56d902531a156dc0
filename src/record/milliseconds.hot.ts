/** Nanoseconds of two words as milliseconds. */

const nanosecondsPerMillisecond = 1_000_000;

/** Returns the whole milliseconds (rounded down) of int64 nanoseconds, exact for all of them. */
export function millisecondsOf(low: number, high: number): number {
  // 64 bits do not fit a number: the part of `high` that a million divides is kept out of the division.
  const millions = Math.floor(high / nanosecondsPerMillisecond);
  const rest = (high - millions * nanosecondsPerMillisecond) * 2 ** 32 + (low >>> 0);
  return millions * 2 ** 32 + Math.floor(rest / nanosecondsPerMillisecond);
}
