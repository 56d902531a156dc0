/** How numbers, sizes and times are written. */

export type TimeMode = "local" | "utc" | "relative";

const compactUnits = [
  { limit: 1e9, divisor: 1e9, suffix: "G" },
  { limit: 1e6, divisor: 1e6, suffix: "M" },
  { limit: 1e4, divisor: 1e3, suffix: "k" },
] as const;

/** Returns `count` in at most five characters: 9999, 12.3k, 1.2M. */
export function compactCount(count: number): string {
  for (const { limit, divisor, suffix } of compactUnits) {
    if (count >= limit) return `${trimmed(count / divisor)}${suffix}`;
  }
  return String(count);
}

/** Returns `count` with thin groups of three digits. */
export function fullCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Returns `sizeBytes` in binary units. */
export function sizeText(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : trimmed(value)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

function trimmed(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
}

/** Returns how long, in its two largest units: `2d 4h`, `3m 20s`, `850ms`. */
export function durationText(durationMs: number): string {
  if (durationMs < 1000) return `${Math.max(0, Math.round(durationMs))}ms`;
  const seconds = Math.floor(durationMs / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const from = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(from, from + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => value + unit)
    .join(" ");
}

/** Returns how long ago, roughly: `just now`, `5 min ago`, `3 h ago`, `12 d ago`. */
export function agoText(timeMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - timeMs) / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Returns the whole time, date and zone included, for titles and details. */
export function fullTime(timestamp: string, mode: TimeMode): string {
  const fraction = /\.\d+/.exec(timestamp)?.[0] ?? "";
  if (mode === "utc") return `${timestamp.slice(0, 10)} ${timestamp.slice(11, 19)}${fraction} UTC`;
  const date = new Date(timestamp);
  return `${dateText(date)} ${clockText(date)}${fraction} ${zoneText(date)}`;
}

/** Returns date and time to the second. */
export function dateTimeText(timestamp: string, mode: TimeMode): string {
  if (mode === "utc") return `${timestamp.slice(0, 10)} ${timestamp.slice(11, 19)}`;
  const date = new Date(timestamp);
  return `${dateText(date)} ${clockText(date)}`;
}

/**
 * Returns the time of a row: 24 hours with milliseconds.
 * @param originMs start of the session, for relative times.
 * @param withDate month and day in front.
 */
export function rowTime(timestamp: string, mode: TimeMode, originMs: number, withDate: boolean): string {
  if (mode === "relative") return offsetText(Date.parse(timestamp) - originMs);
  const millis = timestamp.slice(19, 23);
  if (mode === "utc") return `${withDate ? `${timestamp.slice(5, 10)} ` : ""}${timestamp.slice(11, 19)}${millis}`;
  const date = new Date(timestamp);
  return `${withDate ? `${dateText(date).slice(5)} ` : ""}${clockText(date)}${millis}`;
}

/** Returns a time since the start of the session: `+0:03:20.123`. */
export function offsetText(offsetMs: number): string {
  const absolute = Math.abs(offsetMs);
  const seconds = Math.floor(absolute / 1000);
  const clock = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${offsetMs < 0 ? "−" : "+"}${clock}.${String(Math.floor(absolute % 1000)).padStart(3, "0")}`;
}

/** Returns the calendar day of `timestamp` as `mode` sees it. */
export function dayOf(timestamp: string, mode: TimeMode): string {
  return mode === "utc" ? timestamp.slice(0, 10) : dateText(new Date(timestamp));
}

function dateText(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function clockText(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function zoneText(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const absolute = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
