/**
 * Finds the columns of a client's LogBatch, checking every offset and length on the way: the flatbuffers runtime trusts its
 * input. Words are read at any alignment. Slots are those of schema/batch.fbs.
 */
import { assert } from "../base/assert.ts";

/** Offsets of the members within the vtable: 4 + 2 * their place in the schema. */
export const slot = {
  count: 4,
  timestamps: 6,
  levels: 8,
  loggers: 10,
  loggerIndexes: 12,
  text: 14,
  textEnds: 16,
  templates: 18,
  templateIndexes: 20,
  fields: 22,
  fieldEnds: 24,
} as const;

const offsetSizeBytes = 4;
const vtableHeaderSizeBytes = 4;

/** Where a vector lies; `at` is -1 when the batch has none. */
export class VectorRange {
  at = -1;
  count = 0;
}

export class BatchTable {
  #view!: DataView;
  #end = 0;
  #table = 0;
  #tableSize = 0;
  #vtable = 0;
  #vtableSize = 0;

  /** Takes the batch at [begin, end) of `view`; false when its root does not lie in it. */
  open(view: DataView, begin: number, end: number): boolean {
    assert(begin <= end && end <= view.byteLength, "the batch lies in the view");
    this.#view = view;
    this.#end = end;
    if (end - begin < 2 * offsetSizeBytes) return false;
    const table = begin + view.getUint32(begin, true);
    if (table < begin + offsetSizeBytes || table + offsetSizeBytes > end) return false;
    const vtable = table - view.getInt32(table, true);
    if (vtable < begin || vtable + vtableHeaderSizeBytes > end) return false;
    this.#vtableSize = view.getUint16(vtable, true);
    this.#tableSize = view.getUint16(vtable + 2, true);
    this.#vtable = vtable;
    this.#table = table;
    if (this.#vtableSize < vtableHeaderSizeBytes || (this.#vtableSize & 1) !== 0 || vtable + this.#vtableSize > end) return false;
    return this.#tableSize >= offsetSizeBytes && table + this.#tableSize <= end;
  }

  /** Returns where the member of `slotOffset` lies, 0 when it is absent, -1 when it lies outside of the table. */
  #member(slotOffset: number, sizeBytes: number): number {
    if (slotOffset + 2 > this.#vtableSize) return 0;
    const offset = this.#view.getUint16(this.#vtable + slotOffset, true);
    if (offset === 0) return 0;
    return offset >= offsetSizeBytes && offset + sizeBytes <= this.#tableSize ? this.#table + offset : -1;
  }

  /** Returns the number of entries; -1 when it lies outside of the table. */
  count(): number {
    const at = this.#member(slot.count, 4);
    return at <= 0 ? at : this.#view.getUint32(at, true);
  }

  /** Finds the vector of `slotOffset`; false when it does not lie in the batch. */
  vector(slotOffset: number, elementSizeBytes: number, range: VectorRange): boolean {
    range.at = -1;
    range.count = 0;
    const member = this.#member(slotOffset, offsetSizeBytes);
    if (member <= 0) return member === 0;
    return this.#range(member, elementSizeBytes, range);
  }

  /** Finds string `index` of the vector of strings `strings`; false when it does not lie in the batch. */
  string(strings: VectorRange, index: number, range: VectorRange): boolean {
    assert(index < strings.count, "the string is in the vector");
    return this.#range(strings.at + index * offsetSizeBytes, 1, range);
  }

  /** Follows the offset at `at`. */
  #range(at: number, elementSizeBytes: number, range: VectorRange): boolean {
    const start = at + this.#view.getUint32(at, true);
    if (start + offsetSizeBytes > this.#end) return false;
    range.count = this.#view.getUint32(start, true);
    range.at = start + offsetSizeBytes;
    return range.at + range.count * elementSizeBytes <= this.#end;
  }
}
