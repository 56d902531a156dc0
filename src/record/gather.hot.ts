/** Collects chosen entries of blocks in columns, to be encoded again: parts of blocks, filtered entries, merged blocks. */
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { EntryColumns } from "./columns.hot.ts";
import { encodePayload, payloadSizeBytes } from "./encode-payload.hot.ts";
import type { BlockView } from "./scan.hot.ts";

const capacityInitial = 1024;
/** What an entry costs beside its text and fields: time, seq, ends, level and indexes. */
const entryCostBytes = 8 + 8 + 4 + 4 + 4 + 4 + 1;

/** Reusable: `begin`, then `add`, then encode the columns or `encode`. */
export class Gatherer {
  readonly columns = new EntryColumns();
  #seqs = new Float64Array(capacityInitial);
  /** Index in our dictionary for each of the block's; 0: not met yet. */
  #loggers = new Uint32Array(capacityInitial);
  #templates = new Uint32Array(capacityInitial);
  #isDense = true;

  /** Forgets all entries. */
  begin(): void {
    this.columns.clear();
    this.#isDense = true;
  }

  get count(): number {
    return this.columns.count;
  }

  /** Seq of the first entry; 0 when there is none. */
  get firstSeq(): number {
    return this.columns.count === 0 ? 0 : (this.#seqs[0] as number);
  }

  /** True when the entries follow each other without a hole. */
  get isDense(): boolean {
    return this.#isDense;
  }

  /**
   * Adds the entries `indexes[from, to)` of `view` (without `indexes`: entries from…to - 1), until they take about
   * `sizeBytesMax` bytes or more. Returns where it stopped: `to`, or the next one to add.
   */
  add(view: BlockView, indexes: Uint32Array | undefined, from: number, to: number, sizeBytesMax: number): number {
    assert(from >= 0 && from <= to && to <= (indexes === undefined ? view.count : indexes.length), "the entries exist");
    this.#reserve(view, to - from);
    let next = from;
    while (next < to && this.#sizeBytes() < sizeBytesMax) {
      this.#addEntry(view, indexes === undefined ? next : indexes[next]!);
      next++;
    }
    return next;
  }

  /** Returns the exact size of the payload of all entries. */
  payloadSizeBytes(): number {
    return payloadSizeBytes(this.columns, !this.#isDense);
  }

  /** Writes the payload of all entries at `offset` of `target` and returns its size. Seqs are in it when they have holes. */
  encode(target: AnyBytes, offset: number): number {
    return encodePayload(this.columns, this.firstSeq, this.#isDense ? undefined : this.#seqs, target, offset);
  }

  #sizeBytes(): number {
    return this.columns.text.length + this.columns.fields.length + this.columns.count * entryCostBytes;
  }

  #reserve(view: BlockView, more: number): void {
    this.columns.reserveEntries(more);
    const needed = this.columns.count + more;
    if (needed > this.#seqs.length) {
      const seqs = new Float64Array(Math.max(needed, this.#seqs.length * 2));
      seqs.set(this.#seqs);
      this.#seqs = seqs;
    }
    this.#loggers = cleared(this.#loggers, view.loggerCount + 1);
    this.#templates = cleared(this.#templates, view.templateCount + 1);
  }

  #addEntry(view: BlockView, index: number): void {
    const columns = this.columns;
    const bytes = view.bytes;
    const seq = view.seq(index);
    const count = columns.count;
    if (count > 0 && seq !== this.#seqs[count - 1]! + 1) this.#isDense = false;
    this.#seqs[count] = seq;
    columns.text.append(bytes, view.textStart(index), view.textEnd(index));
    columns.fields.append(bytes, view.fieldsStart(index), view.fieldsEnd(index));
    const logger = this.#loggerOf(view, view.loggerIndex(index));
    const template = this.#templateOf(view, view.templateIndex(index));
    columns.finishEntry(view.timeLow(index), view.timeHigh(index), view.level(index), logger, template);
  }

  #loggerOf(view: BlockView, index: number): number {
    if (index === 0) return 0;
    const known = this.#loggers[index]!;
    if (known > 0) return known;
    const interned = this.columns.loggers.intern(view.bytes, view.loggerStart(index), view.loggerEnd(index));
    this.#loggers[index] = interned;
    return interned;
  }

  #templateOf(view: BlockView, index: number): number {
    if (index === 0) return 0;
    const known = this.#templates[index]!;
    if (known > 0) return known;
    const interned = this.columns.templates.intern(view.bytes, view.templateStart(index), view.templateEnd(index));
    this.#templates[index] = interned;
    return interned;
  }
}

/** Returns memory with `count` zeros at its beginning. */
function cleared(map: Uint32Array<ArrayBuffer>, count: number): Uint32Array<ArrayBuffer> {
  if (count > map.length) return new Uint32Array(count * 2);
  return map.fill(0, 0, count);
}
