/** Numbers of a field over time; where they stand closer than pixels, their mean, lowest and highest. */
import type { EntryObject } from "../../wire/api.ts";
import { leavesOf, numberAtPath } from "./fields.ts";

/** Columns of equal length; times in seconds since the epoch. */
export interface Series {
  readonly times: number[];
  readonly means: number[];
  readonly lows: number[];
  readonly highs: number[];
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

/** Returns the numbers at `path` in at most `columnCount` steps of equal time. */
export function seriesOf(entries: readonly EntryObject[], path: string, columnCount: number): Series {
  const points: { time: number; value: number }[] = [];
  for (const entry of entries) {
    const value = numberAtPath(entry.fields, path);
    if (value !== undefined) points.push({ time: Date.parse(entry.timestamp) / 1000, value });
  }
  points.sort((one, other) => one.time - other.time);
  const series: Series = { times: [], means: [], lows: [], highs: [], count: points.length };
  const from = points[0]?.time ?? 0;
  const step = points.length <= columnCount ? 0 : ((points.at(-1)?.time ?? 0) - from) / columnCount;
  for (let start = 0; start < points.length; ) {
    let end = start + 1;
    const column = Math.floor((points[start]!.time - from) / step);
    // The very last point belongs to the last step and is none of its own.
    const stepEnd = column >= columnCount - 1 ? Number.POSITIVE_INFINITY : from + (column + 1) * step;
    while (step > 0 && end < points.length && points[end]!.time < stepEnd) end++;
    addColumn(series, points.slice(start, end));
    start = end;
  }
  return series;
}

function addColumn(series: Series, points: readonly { time: number; value: number }[]): void {
  const values = points.map(({ value }) => value);
  series.times.push(points[0]!.time);
  series.means.push(values.reduce((sum, value) => sum + value, 0) / values.length);
  series.lows.push(Math.min(...values));
  series.highs.push(Math.max(...values));
}
