/** Parsers of option values: what is wrong is said before anything is done (exit code 2). */
import { InvalidArgumentError } from "commander";
import { systemClock } from "../base/clock.ts";
import { tryParseDuration } from "../base/units.ts";
import { levelOfName } from "../record/levels.ts";

/** Returns a parser of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It is not a whole number ${range}.`);
  };
}

/** Returns milliseconds for `250ms`, `30s`, `15m`, `7d`. */
export function durationMs(text: string): number {
  const value = tryParseDuration(text);
  if (value === undefined || /^\d+$/.test(text)) throw new InvalidArgumentError("It is not like 250ms, 30s, 15m or 7d.");
  return value;
}

/** Returns the level's spelling when it is one. */
export function levelName(text: string): string {
  if (levelOfName(text) < 0) throw new InvalidArgumentError("It is not one of trace, debug, info, warn, error, critical.");
  return text.toLowerCase();
}

/** Returns an RFC 3339 time for itself, or for a duration: so long ago. */
export function timeOrAgo(text: string): string {
  const agoMs = /^\d+$/.test(text) ? undefined : tryParseDuration(text);
  if (agoMs !== undefined) return new Date(systemClock.nowMs() - agoMs).toISOString();
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text))) {
    return text.length === 10 ? `${text}T00:00:00Z` : text;
  }
  throw new InvalidArgumentError("It is neither a time like 2026-11-20T10:00:00Z nor a while ago like 15m or 2h.");
}
