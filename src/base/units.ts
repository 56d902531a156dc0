/** Sizes and durations as people write them, in settings and on the command line. */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

const sizeUnits: Readonly<Record<string, number>> = { "": 1, B: 1, KiB, MiB, GiB, TiB: 1024 * GiB };
const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text);
  const factor = match === null ? undefined : units[match[2] ?? ""];
  return match === null || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
}

/** Returns bytes for `64KiB`, `50MiB`, `2GiB` or plain bytes. */
export function tryParseSize(text: string): number | undefined {
  return parseWithUnit(text, sizeUnits);
}

/** Returns milliseconds for `250ms`, `30s`, `15m`, `2h`, `7d`. */
export function tryParseDuration(text: string): number | undefined {
  return parseWithUnit(text, durationUnits);
}
