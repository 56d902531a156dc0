/**
 * Takes entries from blocks for one answer, oldest block first or newest block first, until enough are there. Pages of a read
 * and deltas of a subscription are made by this one piece of code, from the ring as from files.
 */
import { assert } from "../base/assert.ts";
import { ByteColumn, type OwnedBytes } from "../base/bytes.ts";
import type { Filter } from "../record/filter.hot.ts";
import type { BlockView } from "../record/scan.hot.ts";
import type { EntryWriter } from "./answer.hot.ts";

/** Entries that are filtered at once: a page from the middle of a large block need not look at all of it. */
const sliceCountMax = 4096;
/** Text and fields of a slice that is written backwards, where only whole slices are counted. */
const backwardSliceSizeBytes = 256 * 1024;
const columnSizeBytesInitial = 64 * 1024;
/** A column that grew larger is let go after its answer, so that one large page does not hold memory for ever. */
const columnSizeBytesKept = 8 * 1024 * 1024;

/** What an answer is to hold. */
export interface CollectRequest {
  readonly writer: EntryWriter;
  /** Absent: every entry. */
  readonly filter: Filter | undefined;
  readonly countMax: number;
  /** The answer is full when it holds so much; the entry that fills it may go beyond. */
  readonly sizeBytesMax: number;
}

/** What was collected. */
export interface Collected {
  /** The entries as their writer wrote them. In memory of their own if some was given, else valid until the next answer. */
  readonly entries: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** Seqs of the first and the last entry in it; 0 when it is empty. */
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Reusable; one answer at a time. */
export class Collector {
  readonly #column = new ByteColumn(columnSizeBytesInitial);
  /** The column's memory belongs to the answer in it. */
  #isGivenMemory = false;
  /** Ends of the pieces in the column, when they were taken newest first. */
  #pieceEnds: number[] = [];
  readonly #indexes = new Uint32Array(sliceCountMax);
  #request: CollectRequest | undefined;
  #count = 0;
  #firstSeq = 0;
  #lastSeq = 0;
  #scannedSeq = 0;

  /** Begins an answer. @param memory where it goes, as far as it fits; absent: memory that the next answer uses again. */
  begin(request: CollectRequest, memory?: OwnedBytes): void {
    const column = this.#column;
    if (memory !== undefined) column.adopt(memory);
    else if (this.#isGivenMemory || column.bytes.length > columnSizeBytesKept)
      column.adopt(new Uint8Array(columnSizeBytesInitial));
    this.#isGivenMemory = memory !== undefined;
    column.length = 0;
    this.#pieceEnds.length = 0;
    this.#request = request;
    this.#count = 0;
    this.#firstSeq = 0;
    this.#lastSeq = 0;
  }

  get isFull(): boolean {
    const request = this.#request as CollectRequest;
    return this.#count >= request.countMax || this.#column.length >= request.sizeBytesMax;
  }

  get count(): number {
    return this.#count;
  }

  /** Seq of the last entry that the last `addForward` looked at: the answer's cursor so far. */
  get scannedSeq(): number {
    return this.#scannedSeq;
  }

  /** Takes the entries of `view` behind `cursor`; the blocks before it were added already. Returns false when full. */
  addForward(view: BlockView, cursor: number): boolean {
    assert(view.isDense(), "blocks have no holes");
    const { filter } = this.#request as CollectRequest;
    let index = view.indexAfter(cursor);
    this.#scannedSeq = Math.max(cursor, view.firstSeq + index - 1);
    while (index < view.count && !this.isFull) {
      const end = Math.min(view.count, index + sliceCountMax);
      index =
        filter === undefined || filter.isEmpty ? this.#takeAll(view, index, end) : this.#takeChosen(view, filter, index, end);
      this.#scannedSeq = view.seq(index - 1);
    }
    return !this.isFull;
  }

  /** Takes the entries of `view` before seq `before`; the blocks behind it were added already. Returns false when full. */
  addBackward(view: BlockView, before: number): boolean {
    assert(view.isDense(), "blocks have no holes");
    const { filter } = this.#request as CollectRequest;
    let end = view.indexAfter(before - 1);
    while (end > 0 && !this.isFull) {
      if (filter === undefined || filter.isEmpty) {
        this.#takeBack(view, undefined, 0, end);
        break;
      }
      const start = Math.max(0, end - sliceCountMax);
      this.#takeBack(view, this.#indexes, 0, filter.select(view, start, end, this.#indexes));
      end = start;
    }
    return !this.isFull;
  }

  /** Ends the answer. */
  finish(): Collected {
    const { writer } = this.#request as CollectRequest;
    const column = this.#column;
    const isBackward = this.#pieceEnds.length > 0;
    const entries = isBackward
      ? joinReversed(column, this.#pieceEnds, writer.separator)
      : column.bytes.subarray(0, column.length);
    return { entries, count: this.#count, firstSeq: this.#firstSeq, lastSeq: this.#lastSeq };
  }

  /** Takes entries start…end - 1 as far as there is room; returns the next one to look at. */
  #takeAll(view: BlockView, start: number, end: number): number {
    const request = this.#request as CollectRequest;
    const stop = Math.min(end, start + request.countMax - this.#count);
    const next = request.writer.append(view, undefined, start, stop, this.#column, request.sizeBytesMax);
    this.#took(next - start, view.seq(start), view.seq(next - 1));
    return next;
  }

  #takeChosen(view: BlockView, filter: Filter, start: number, end: number): number {
    const request = this.#request as CollectRequest;
    const indexes = this.#indexes;
    const count = filter.select(view, start, end, indexes);
    if (count === 0) return end;
    const stop = Math.min(count, request.countMax - this.#count);
    const next = request.writer.append(view, indexes, 0, stop, this.#column, request.sizeBytesMax);
    this.#took(next, view.seq(indexes[0]!), view.seq(indexes[next - 1]!));
    // A full answer ends at its last entry, so that its cursor does not depend on how entries lie in blocks.
    return next === count && !this.isFull ? end : indexes[next - 1]! + 1;
  }

  /** Takes `indexes[start, end)` (or entries start…end - 1) from their end, in pieces that each lie in order. */
  #takeBack(view: BlockView, indexes: Uint32Array | undefined, start: number, end: number): void {
    const request = this.#request as CollectRequest;
    let to = end;
    while (to > start && !this.isFull) {
      const least = Math.max(start, to - (request.countMax - this.#count));
      const from = backwardSliceStart(view, indexes, least, to);
      this.#appendPiece(view, indexes, from, to);
      this.#took(
        to - from,
        view.seq(indexes === undefined ? from : indexes[from]!),
        view.seq(indexes === undefined ? to - 1 : indexes[to - 1]!),
      );
      to = from;
    }
  }

  #appendPiece(view: BlockView, indexes: Uint32Array | undefined, from: number, to: number): void {
    const { writer } = this.#request as CollectRequest;
    const column = this.#column;
    const start = column.length;
    const written = writer.append(view, indexes, from, to, column, Number.POSITIVE_INFINITY);
    assert(written === to, "a piece is written whole");
    assert(column.length > start, "a piece has bytes");
    this.#pieceEnds.push(column.length);
  }

  #took(count: number, firstSeq: number, lastSeq: number): void {
    if (count === 0) return;
    this.#count += count;
    this.#firstSeq = this.#firstSeq === 0 ? firstSeq : Math.min(this.#firstSeq, firstSeq);
    this.#lastSeq = Math.max(this.#lastSeq, lastSeq);
  }
}

/** Returns where a piece that ends before `to` begins: not before `least`, and at least one entry. */
function backwardSliceStart(view: BlockView, indexes: Uint32Array | undefined, least: number, to: number): number {
  let from = to;
  let sizeBytes = 0;
  while (from > least && sizeBytes < backwardSliceSizeBytes) {
    from--;
    const index = indexes === undefined ? from : indexes[from]!;
    sizeBytes += view.textEnd(index) - view.textStart(index) + view.fieldsEnd(index) - view.fieldsStart(index);
  }
  return from;
}

/** Puts the pieces of a column in the reverse order. All but the first begin with the separator, if there is one. */
function joinReversed(column: ByteColumn, ends: readonly number[], separator: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(column.length);
  const separatorSizeBytes = separator === 0 || ends.length === 1 ? 0 : 1;
  let at = 0;
  for (let index = ends.length - 1; index > 0; index--) {
    // The last piece comes first now and gives its separator to the first one.
    const start = (ends[index - 1] as number) + (index === ends.length - 1 ? separatorSizeBytes : 0);
    joined.set(column.bytes.subarray(start, ends[index] as number), at);
    at += (ends[index] as number) - start;
  }
  if (separatorSizeBytes > 0) joined[at++] = separator;
  joined.set(column.bytes.subarray(0, ends[0] as number), at);
  return joined;
}
