/** Times as people type them, and ranges that are picked with one click. */

export interface QuickRange {
  readonly label: string;
  readonly backMs: number;
}

export const quickRanges: readonly QuickRange[] = [
  { label: "5 min", backMs: 5 * 60_000 },
  { label: "15 min", backMs: 15 * 60_000 },
  { label: "1 h", backMs: 3_600_000 },
  { label: "6 h", backMs: 6 * 3_600_000 },
  { label: "24 h", backMs: 24 * 3_600_000 },
];

/** Returns the value of a `datetime-local` input for an ISO time, "" for none. */
export function inputOfTime(time: string, isUtc: boolean): string {
  if (time === "") return "";
  if (isUtc) return time.slice(0, 23);
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 23);
}

/** Returns the ISO time that a `datetime-local` input holds, "" for none. */
export function timeOfInput(value: string, isUtc: boolean): string {
  const timeMs = Date.parse(isUtc && value !== "" ? `${value}Z` : value);
  return Number.isNaN(timeMs) ? "" : new Date(timeMs).toISOString();
}

/** Returns the ISO range of buckets `first` to `last`, both included. */
export function rangeOfBuckets(fromMs: number, bucketMs: number, first: number, last: number): { since: string; until: string } {
  return {
    since: new Date(fromMs + first * bucketMs).toISOString(),
    // The server takes both ends as included; the next bucket's first millisecond is not part of it.
    until: new Date(fromMs + (last + 1) * bucketMs - 1).toISOString(),
  };
}

/** Returns the label of a time axis whose ticks are `stepSeconds` apart. */
export function axisLabel(seconds: number, stepSeconds: number, isUtc: boolean): string {
  const date = new Date(seconds * 1000);
  const iso = isUtc ? date.toISOString() : new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString();
  if (stepSeconds >= 86_400) return iso.slice(5, 10);
  if (stepSeconds >= 60) return iso.slice(11, 16) === "00:00" ? iso.slice(5, 10) : iso.slice(11, 16);
  return stepSeconds >= 1 ? iso.slice(11, 19) : iso.slice(11, 23);
}
