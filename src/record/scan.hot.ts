/** Reads blocks and payloads where they lie: a view points into bytes and answers per entry without allocating. */
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { blockAt, blockHeaderSizeBytes, blockMagic, blockSizeBytes } from "./block.ts";
import { memberOf, wordFactor } from "./payload.ts";

const noBytes = new Uint8Array(0);
const everySet = 0xffffffff | 0;

/**
 * A reusable window on the entries of one block or payload. Answers are offsets into `bytes` and stay valid as long as the
 * bytes do; opening another block overwrites them. Entry indexes count from 0, dictionary indexes from 1 (0: none).
 */
export class BlockView {
  bytes: AnyBytes = noBytes;
  /** The same memory, for reads of more than a byte. */
  words = new DataView(noBytes.buffer as ArrayBufferLike);
  count = 0;
  firstSeq = 0;
  /** Bit n: an entry of level n may be in it. All bits of a bare payload. */
  levelSet = everySet;
  /** Bit hash(logger) & 31: such a logger may be in it; bit 0 also for "no logger". All bits of a bare payload. */
  loggerSet = everySet;
  hints = 0;
  /** int64 words of the oldest and newest time; the whole range of a bare payload. */
  timeMinLow = 0;
  timeMinHigh = 0;
  timeMaxLow = 0;
  timeMaxHigh = 0;
  /** Of the whole block with header and trailer; of a bare payload its own size. */
  sizeBytes = 0;
  /** Where the payload lies in `bytes`. */
  payloadStart = 0;
  payloadSizeBytes = 0;
  loggerCount = 0;
  templateCount = 0;
  /** Where the text of all entries lies, one message behind the other. */
  textBase = 0;
  textSizeBytes = 0;
  fieldsSizeBytes = 0;
  /** Where the column of levels lies, a byte an entry; -1: no entry has a level. */
  levelsBase = -1;
  #table = 0;
  #vtable = 0;
  #timestamps = -1;
  #seqs = -1;
  #textEnds = -1;
  #loggers = -1;
  #loggerIndexes = -1;
  #templates = -1;
  #templateIndexes = -1;
  #fieldsBase = -1;
  #fieldEnds = -1;
  #length = 0;

  /**
   * Opens the block at `offset`, whose checksums were checked before. `bytes` is kept until the next opening.
   */
  openBlock(bytes: AnyBytes, offset: number): this {
    this.#look(bytes);
    assert(offset >= 0 && offset + blockHeaderSizeBytes <= bytes.length, "a block's header lies in the bytes");
    const data = this.words;
    assert(data.getUint32(offset + blockAt.magic, true) === blockMagic, "a block begins here");
    assert(data.getUint32(offset + blockAt.incompatibleFlags, true) === 0, "the payload lies in the block as it is");
    this.#openHeader(data, offset);
    this.#openTable(
      offset + data.getUint16(offset + blockAt.headerSize, true),
      data.getUint32(offset + blockAt.payloadSize, true),
    );
    return this;
  }

  /** Opens the bare payload `bytes[offset, offset + sizeBytes)`, of a delta for example. */
  openPayload(bytes: AnyBytes, offset: number, sizeBytes: number): this {
    this.#look(bytes);
    this.levelSet = everySet;
    this.loggerSet = everySet;
    this.hints = 0;
    this.timeMinLow = 0;
    this.timeMinHigh = 0x80000000 | 0;
    this.timeMaxLow = -1;
    this.timeMaxHigh = 0x7fffffff;
    this.sizeBytes = sizeBytes;
    this.#openTable(offset, sizeBytes);
    return this;
  }

  seq(index: number): number {
    if (this.#seqs < 0) return this.firstSeq + index;
    return this.#uint64(this.#seqs + index * 8);
  }

  /** Seq of the last entry; firstSeq - 1 when there is none. */
  lastSeq(): number {
    return this.count === 0 ? this.firstSeq - 1 : this.seq(this.count - 1);
  }

  /** True when seqs are consecutive, so that an entry's index follows from its seq. */
  isDense(): boolean {
    return this.#seqs < 0;
  }

  /** Returns the index of the first entry with a seq > `cursor`; `count` when there is none. */
  indexAfter(cursor: number): number {
    if (this.#seqs < 0) return Math.max(0, Math.min(this.count, cursor + 1 - this.firstSeq));
    let index = 0;
    while (index < this.count && this.seq(index) <= cursor) index++;
    return index;
  }

  timeLow(index: number): number {
    return this.#timestamps < 0 ? 0 : this.words.getInt32(this.#timestamps + index * 8, true);
  }

  timeHigh(index: number): number {
    return this.#timestamps < 0 ? 0 : this.words.getInt32(this.#timestamps + index * 8 + 4, true);
  }

  level(index: number): number {
    return this.levelsBase < 0 ? 0 : this.bytes[this.levelsBase + index]!;
  }

  textStart(index: number): number {
    return this.#textEnds < 0 ? this.textBase : this.textBase + this.words.getUint32(this.#textEnds + index * 4, true);
  }

  textEnd(index: number): number {
    return this.#textEnds < 0 ? this.textBase : this.textBase + this.words.getUint32(this.#textEnds + index * 4 + 4, true);
  }

  /** Index of the entry's logger; 0: it has none. */
  loggerIndex(index: number): number {
    return this.#loggerIndexes < 0 ? 0 : this.words.getUint32(this.#loggerIndexes + index * 4, true);
  }

  /** Where the name of logger `loggerIndex` (1…loggerCount) begins. */
  loggerStart(loggerIndex: number): number {
    return this.#stringStart(this.#loggers, loggerIndex);
  }

  loggerEnd(loggerIndex: number): number {
    return this.#stringEnd(this.#loggers, loggerIndex);
  }

  /** Index of the entry's template; 0: a plain entry. */
  templateIndex(index: number): number {
    return this.#templateIndexes < 0 ? 0 : this.words.getUint32(this.#templateIndexes + index * 4, true);
  }

  /** Where the text of template `templateIndex` (1…templateCount) begins. */
  templateStart(templateIndex: number): number {
    return this.#stringStart(this.#templates, templateIndex);
  }

  templateEnd(templateIndex: number): number {
    return this.#stringEnd(this.#templates, templateIndex);
  }

  /** Where the entry's fields begin; at `fieldsEnd` when it has none. */
  fieldsStart(index: number): number {
    return this.#fieldEnds < 0 ? this.textBase : this.#fieldsBase + this.words.getUint32(this.#fieldEnds + index * 4, true);
  }

  fieldsEnd(index: number): number {
    return this.#fieldEnds < 0 ? this.textBase : this.#fieldsBase + this.words.getUint32(this.#fieldEnds + index * 4 + 4, true);
  }

  /** The words of the bytes: one view for as long as the same memory is opened, as with a ring. */
  #look(bytes: AnyBytes): void {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #openHeader(data: DataView, offset: number): void {
    this.levelSet = data.getInt32(offset + blockAt.levelSet, true);
    this.loggerSet = data.getInt32(offset + blockAt.loggerSet, true);
    this.hints = data.getUint32(offset + blockAt.hints, true);
    this.timeMinLow = data.getInt32(offset + blockAt.timeMin, true);
    this.timeMinHigh = data.getInt32(offset + blockAt.timeMin + 4, true);
    this.timeMaxLow = data.getInt32(offset + blockAt.timeMax, true);
    this.timeMaxHigh = data.getInt32(offset + blockAt.timeMax + 4, true);
    const payloadSize = data.getUint32(offset + blockAt.payloadSize, true);
    this.sizeBytes = blockSizeBytes(payloadSize, data.getUint32(offset + blockAt.keysSize, true));
  }

  #openTable(start: number, sizeBytes: number): void {
    assert(start >= 0 && sizeBytes >= 12 && start + sizeBytes <= this.bytes.length, "the payload lies in the bytes");
    const data = this.words;
    this.payloadStart = start;
    this.payloadSizeBytes = sizeBytes;
    const table = start + data.getUint32(start, true);
    assert(table + 4 <= start + sizeBytes, "the table lies in the payload");
    const vtable = table - data.getInt32(table, true);
    assert(vtable >= start && vtable + 4 <= start + sizeBytes, "the vtable lies in the payload");
    this.#table = table;
    this.#vtable = vtable;
    const count = this.#member(memberOf.count);
    const firstSeq = this.#member(memberOf.firstSeq);
    this.count = count < 0 ? 0 : data.getUint32(count, true);
    this.firstSeq = firstSeq < 0 ? 0 : this.#uint64(firstSeq);
    this.#openColumns(this.count);
  }

  #openColumns(count: number): void {
    this.#timestamps = this.#column(memberOf.timestamps, 8, count);
    this.#seqs = this.#column(memberOf.seqs, 8, count);
    this.levelsBase = this.#column(memberOf.levels, 1, count);
    this.#loggerIndexes = this.#column(memberOf.loggerIndexes, 4, count);
    this.#templateIndexes = this.#column(memberOf.templateIndexes, 4, count);
    this.#textEnds = this.#column(memberOf.textEnds, 4, count + 1);
    this.#fieldEnds = this.#column(memberOf.fieldEnds, 4, count + 1);
    this.#loggers = this.#vector(memberOf.loggers, 4);
    this.loggerCount = this.#length;
    this.#templates = this.#vector(memberOf.templates, 4);
    this.templateCount = this.#length;
    this.#fieldsBase = this.#vector(memberOf.fields, 1);
    this.fieldsSizeBytes = this.#length;
    const text = this.#vector(memberOf.text, 1);
    this.textBase = text < 0 ? this.payloadStart : text;
    this.textSizeBytes = this.#length;
    assert(this.#fieldsBase >= 0 || this.#fieldEnds < 0 || count === 0, "fields have bytes");
  }

  /** Returns where the member lies, or -1 when it is absent. */
  #member(member: number): number {
    const slot = 4 + member * 2;
    if (slot + 2 > this.words.getUint16(this.#vtable, true)) return -1;
    const inTable = this.words.getUint16(this.#vtable + slot, true);
    return inTable === 0 ? -1 : this.#table + inTable;
  }

  /** Returns where the elements of a vector begin, or -1; leaves their number in `#length`. */
  #vector(member: number, elementSizeBytes: number): number {
    const at = this.#member(member);
    this.#length = 0;
    if (at < 0) return -1;
    const vector = at + this.words.getUint32(at, true);
    const end = this.payloadStart + this.payloadSizeBytes;
    assert(vector + 4 <= end, "a vector begins in the payload");
    this.#length = this.words.getUint32(vector, true);
    assert(vector + 4 + this.#length * elementSizeBytes <= end, "a vector ends in the payload");
    return vector + 4;
  }

  #column(member: number, elementSizeBytes: number, count: number): number {
    const elements = this.#vector(member, elementSizeBytes);
    assert(elements < 0 || this.#length === count, "a column has a row for each entry");
    return elements;
  }

  #stringStart(vector: number, index: number): number {
    assert(index > 0 && vector >= 0, "the string exists");
    const slot = vector + (index - 1) * 4;
    return slot + this.words.getUint32(slot, true) + 4;
  }

  #stringEnd(vector: number, index: number): number {
    const start = this.#stringStart(vector, index);
    return start + this.words.getUint32(start - 4, true);
  }

  #uint64(at: number): number {
    return this.words.getUint32(at, true) + this.words.getUint32(at + 4, true) * wordFactor;
  }
}
