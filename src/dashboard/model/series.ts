/** Numbers of a field over time, thinned so that a chart of any width shows every peak. */
import type { EntryObject } from "../../wire/api.ts";
import { leavesOf, numberAtPath } from "./fields.ts";

/** Values beside their times, in seconds since the epoch. */
export interface Series {
  readonly times: number[];
  readonly values: number[];
  /** Entries that had a number there. */
  readonly count: number;
}

/** Returns the paths of `entries` that hold numbers, most frequent first. */
export function numericPaths(entries: readonly EntryObject[]): string[] {
  const counts = new Map<string, number>();
  for (const entry of entries) {
    for (const { path } of leavesOf(entry.fields)) {
      if (numberAtPath(entry.fields, path) !== undefined) counts.set(path, (counts.get(path) ?? 0) + 1);
    }
  }
  return [...counts].sort((one, other) => other[1] - one[1]).map(([path]) => path);
}

/** Returns the numbers at `path`; of more than `pointCountMax` points each stretch keeps its lowest and highest. */
export function seriesOf(entries: readonly EntryObject[], path: string, pointCountMax: number): Series {
  const points: { time: number; value: number }[] = [];
  for (const entry of entries) {
    const value = numberAtPath(entry.fields, path);
    if (value !== undefined) points.push({ time: Date.parse(entry.timestamp) / 1000, value });
  }
  points.sort((one, other) => one.time - other.time);
  const kept = points.length <= pointCountMax ? points : thinned(points, pointCountMax);
  return { times: kept.map(({ time }) => time), values: kept.map(({ value }) => value), count: points.length };
}

function thinned<P extends { value: number }>(points: readonly P[], pointCountMax: number): P[] {
  const stretch = Math.ceil(points.length / (pointCountMax / 2));
  const kept: P[] = [];
  for (let from = 0; from < points.length; from += stretch) {
    const part = points.slice(from, from + stretch);
    const low = part.reduce((best, point) => (point.value < best.value ? point : best));
    const high = part.reduce((best, point) => (point.value > best.value ? point : best));
    kept.push(...(part.indexOf(low) <= part.indexOf(high) ? [low, high] : [high, low]).slice(0, low === high ? 1 : 2));
  }
  return kept;
}
