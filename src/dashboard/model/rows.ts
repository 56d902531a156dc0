/** The rows of the list: entries, gaps and folded stack traces of a run, in the order they are shown. */
import type { EntryObject, Gap } from "../../wire/api.ts";
import type { EntryRow, Run } from "./run.ts";

export interface GapRow {
  readonly kind: "gap";
  readonly key: string;
  readonly gap: Gap;
}

/** Consecutive frames of a stack trace, shown as one line. */
export interface FoldRow {
  readonly kind: "fold";
  readonly key: string;
  readonly seqFirst: number;
  readonly seqLast: number;
  readonly count: number;
  /** The first of them. */
  readonly entry: EntryObject;
}

export type Row = EntryRow | GapRow | FoldRow;

export type Order = "oldest" | "newest";

/** Frames that are worth a fold. */
const foldCountMin = 3;

/**
 * Returns the rows of `run`.
 * @param unfolded seqs of frames whose trace is open; any frame of a trace opens it.
 */
export function rowsOf(run: Run, order: Order, unfolded: ReadonlySet<number>): Row[] {
  const rows: Row[] = [];
  let gapIndex = 0;
  for (let index = 0; index < run.rows.length; index++) {
    const row = run.rows[index]!;
    while (gapIndex < run.gaps.length && run.gaps[gapIndex]!.from < row.key) rows.push(gapRowOf(run.gaps[gapIndex++]!));
    const end = row.isFrame ? endOfTrace(run.rows, index) : index + 1;
    const isTrace = end - index >= foldCountMin;
    if (isTrace && !isOpen(run.rows, index, end, unfolded)) {
      rows.push(foldRowOf(run.rows, index, end));
    } else {
      rows.push(isTrace ? { ...row, frameCount: end - index } : row);
      for (let frame = index + 1; frame < end; frame++) rows.push(run.rows[frame]!);
    }
    index = end - 1;
  }
  while (gapIndex < run.gaps.length) rows.push(gapRowOf(run.gaps[gapIndex++]!));
  return order === "oldest" ? rows : rows.reverse();
}

/** Returns the seqs that `row` stands for, both included. */
export function seqRangeOf(row: Row): { low: number; high: number } {
  if (row.kind === "entry") return { low: row.key, high: row.key };
  return row.kind === "gap" ? { low: row.gap.from, high: row.gap.to } : { low: row.seqFirst, high: row.seqLast };
}

/** Returns whether `row` shows the entry `seq`, or hides it in a fold or gap. */
export function holdsSeq(row: Row, seq: number): boolean {
  const { low, high } = seqRangeOf(row);
  return low <= seq && seq <= high;
}

/** Returns the seqs of the frames around the frame `seq`, both included; `seq` alone when it is none. */
export function traceAround(rows: readonly EntryRow[], seq: number): { low: number; high: number } {
  const index = rows.findIndex((row) => row.key === seq);
  if (rows[index]?.isFrame !== true) return { low: seq, high: seq };
  let start = index;
  while (start > 0 && rows[start - 1]!.isFrame && rows[start - 1]!.key === rows[start]!.key - 1) start--;
  return { low: rows[start]!.key, high: rows[endOfTrace(rows, index) - 1]!.key };
}

function endOfTrace(rows: readonly EntryRow[], start: number): number {
  let end = start + 1;
  while (end < rows.length && rows[end]!.isFrame && rows[end]!.key === rows[end - 1]!.key + 1) end++;
  return end;
}

function isOpen(rows: readonly EntryRow[], start: number, end: number, unfolded: ReadonlySet<number>): boolean {
  if (unfolded.size === 0) return false;
  for (let index = start; index < end; index++) if (unfolded.has(rows[index]!.key)) return true;
  return false;
}

function foldRowOf(rows: readonly EntryRow[], start: number, end: number): FoldRow {
  const seqFirst = rows[start]!.key;
  return {
    kind: "fold",
    key: `f${seqFirst}`,
    seqFirst,
    seqLast: rows[end - 1]!.key,
    count: end - start,
    entry: rows[start]!.entry,
  };
}

function gapRowOf(gap: Gap): GapRow {
  return { kind: "gap", key: `g${gap.from}`, gap };
}
