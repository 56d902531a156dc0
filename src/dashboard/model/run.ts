/** A run: the matching entries of one unbroken stretch of the stream, bounded in number, growing at both ends. */
import type { EntryObject, Gap } from "../../wire/api.ts";
import { isStackFrame } from "./stack-trace.ts";

/** An entry as the list shows it; made once, when it comes in. */
export interface EntryRow {
  readonly kind: "entry";
  readonly key: number;
  readonly entry: EntryObject;
  /** A line that a stack trace consists of. */
  readonly isFrame: boolean;
  /** Lines of the message. */
  readonly lineCount: number;
  /** Frames of the unfolded trace that begins here. */
  readonly frameCount?: number;
}

/** Returns the row of `entry`. */
export function rowOf(entry: EntryObject): EntryRow {
  return { kind: "entry", key: entry.seq, entry, isFrame: isStackFrame(entry.message), lineCount: countLines(entry.message) };
}

/**
 * Every entry with `low` < seq ≤ `high` that matches is in `rows`, in order of seq, except where a gap says that it is
 * not kept or was not sent.
 */
export class Run {
  rows: EntryRow[] = [];
  gaps: Gap[] = [];
  low = 0;
  high = 0;

  /** Empties the run and places it after `cursor`. */
  reset(cursor: number): void {
    this.rows = [];
    this.gaps = [];
    this.low = cursor;
    this.high = cursor;
  }

  /** Takes over what `other` holds. */
  copyOf(other: Run): void {
    this.rows = other.rows.slice();
    this.gaps = other.gaps.slice();
    this.low = other.low;
    this.high = other.high;
  }

  /** Adds rows after `high`; those at or before it are known and skipped. */
  append(rows: readonly EntryRow[], cursor: number): void {
    for (const row of rows) if (row.key > this.high) this.rows.push(row);
    this.high = Math.max(this.high, cursor, rows.at(-1)?.key ?? 0);
  }

  /** Adds rows up to `low`; `low` moves to `cursor`, the seq before the oldest one scanned. */
  prepend(rows: readonly EntryRow[], cursor: number): void {
    this.rows = [...rows.filter((row) => row.key <= this.low), ...this.rows];
    this.low = Math.min(this.low, cursor);
  }

  /** Remembers entries that are missing; they count as seen. */
  addGap(gap: Gap): void {
    if (gap.to < gap.from || this.gaps.some(({ from, to }) => from <= gap.from && gap.to <= to)) return;
    this.gaps = [...this.gaps.filter(({ from, to }) => from < gap.from || to > gap.to), gap].sort(
      (one, other) => one.from - other.from,
    );
    if (gap.from <= this.high + 1) this.high = Math.max(this.high, gap.to);
    if (gap.to >= this.low) this.low = Math.min(this.low, gap.from - 1);
  }

  /** Forgets the oldest rows over `countMax`; returns how many. */
  trimOldest(countMax: number): number {
    const count = this.rows.length - countMax;
    if (count <= 0) return 0;
    const removed = this.rows.splice(0, count);
    this.low = removed.at(-1)!.key;
    this.gaps = this.gaps.filter((gap) => gap.to > this.low);
    return count;
  }

  /** Forgets the newest rows over `countMax`; returns how many. */
  trimNewest(countMax: number): number {
    const count = this.rows.length - countMax;
    if (count <= 0) return 0;
    const removed = this.rows.splice(countMax, count);
    this.high = removed[0]!.key - 1;
    this.gaps = this.gaps.filter((gap) => gap.from <= this.high);
    return count;
  }

  /** Returns the index of the first row with seq ≥ `seq`; the row count when there is none. */
  indexOf(seq: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.rows[middle]!.key < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function countLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < text.length - 1; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
