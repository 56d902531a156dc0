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

/** Returns an ISO time as it is typed: `2026-11-20 10:00:00.123`; "" for none. */
export function typedTime(time: string, isUtc: boolean): string {
  if (time === "") return "";
  return isoInZone(new Date(time), isUtc)
    .slice(0, 23)
    .replace("T", " ")
    .replace(/\.000$/, "");
}

/**
 * Returns the ISO time that `text` spells, "" for none, undefined when it spells nothing: `2026-11-20 10:00[:00[.123]]`,
 * `10:00` for today, `-15m` for so long before now.
 */
export function tryParseTime(text: string, isUtc: boolean, nowMs: number): string | undefined {
  const plain = text.trim();
  if (plain === "") return "";
  const back = /^-?\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)$/.exec(plain);
  if (back !== null) return new Date(nowMs - Number(back[1]) * unitMs[back[2]!]!).toISOString();
  const today = isoInZone(new Date(nowMs), isUtc).slice(0, 10);
  const dated = /^\d{1,2}:\d{2}/.test(plain)
    ? `${today} ${plain.padStart(plain.indexOf(":") === 1 ? plain.length + 1 : 0, "0")}`
    : plain;
  const iso = dated.replace(" ", "T");
  if (!/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?(?:Z|[+-]\d{2}:\d{2})?$/.test(iso)) return undefined;
  const whole = iso.length === 10 ? `${iso}T00:00` : iso;
  const timeMs = Date.parse(isUtc && !/(?:Z|[+-]\d{2}:\d{2})$/.test(whole.slice(10)) ? `${whole}Z` : whole);
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs).toISOString();
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

function isoInZone(date: Date, isUtc: boolean): string {
  return isUtc ? date.toISOString() : new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString();
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
  const iso = isoInZone(date, isUtc);
  if (stepSeconds >= 86_400) return iso.slice(5, 10);
  if (stepSeconds >= 60) return iso.slice(11, 16) === "00:00" ? iso.slice(5, 10) : iso.slice(11, 16);
  return stepSeconds >= 1 ? iso.slice(11, 19) : iso.slice(11, 23);
}
