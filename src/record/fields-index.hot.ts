/**
 * Where the members of an entry's `fields` lie. A container is looked through when it is first asked for, and only its own
 * members: what lies deeper is stepped over. So each byte is looked at once per level above it at most.
 */
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn } from "../base/bytes.ts";
import { appendUnescaped } from "./json-text.hot.ts";
import { stringEnd, valueEnd } from "./json-walk.hot.ts";

const quote = 0x22;
const dollar = 0x24;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;

/** What rule 7 makes of a container. */
export const containerKinds = { object: 0, array: 1, text: 2, format: 3, localized: 4 } as const;

/** Numbers per member or item; a row is known by the place of its first number. */
const rowStride = 7;
const rowKeyStart = 0;
const rowKeyEnd = 1;
/** Length, first and last byte of the name: different ones are different names. */
const rowKeyMark = 2;
const rowValueStart = 3;
const rowValueEnd = 4;
const rowFlags = 5;
/** The container that the value is, once it was looked through; -1 before. */
const rowContainer = 6;
/** The name had escapes: it lies decoded in `#keys`. */
const flagKeyDecoded = 1;
/** The value is a string with escapes. */
const flagEscaped = 2;

const containerStride = 7;
const containerKind = 0;
const containerRowStart = 1;
const containerRowEnd = 2;
/** The row of the `$` member that decides. */
const containerMain = 3;
const containerLookups = 4;
/** Where its hash slots begin, and their number less one; -1: none yet. */
const containerSlotStart = 5;
const containerSlotMask = 6;

/** Fewer members or look-ups than this are not worth a hash table. */
const hashMemberCountMin = 16;
const hashLookupCountMin = 8;

const dollarText = bytesOf("$text");
const dollarFormat = bytesOf("$format");
const dollarLocformat = bytesOf("$locformat");
const dollarLocns = bytesOf("$locns");
const dollarLockey = bytesOf("$lockey");

export class FieldsIndex {
  /** Bytes looked at, rows passed and names compared so far: what hostile input costs. */
  workCount = 0;
  #bytes: AnyBytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #rows = new Int32Array(64 * rowStride);
  #rowsLength = 0;
  #containers = new Int32Array(16 * containerStride);
  #containersLength = 0;
  readonly #keys = new ByteColumn(256);
  #slots = new Int32Array(0);
  #slotsLength = 0;
  readonly #hashSeed: number;

  /** @param hashSeed a number that clients cannot know, so that they cannot choose names that collide. */
  constructor(hashSeed: number) {
    this.#hashSeed = hashSeed | 0;
  }

  /** Forgets the entry before. Everything below speaks of the valid compact JSON in `bytes[start, end)`. */
  begin(bytes: AnyBytes, start: number, end: number): void {
    assert(start < end && end <= bytes.length, "the fields lie in the source");
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#rowsLength = 0;
    this.#containersLength = 0;
    if (this.#keys.length > 0) this.#keys.length = 0;
    this.#slotsLength = 0;
  }

  /** Returns the fields themselves, an object. */
  root(): number {
    assert(this.#containersLength === 0, "the root is asked for once");
    return this.#open(this.#start);
  }

  /** Returns the container that the value of `row` is, or -1 when it is a scalar. */
  containerOf(row: number): number {
    const known = this.#rows[row + rowContainer]!;
    if (known >= 0) return known;
    const offset = this.valueStart(row);
    const first = this.#bytes[offset];
    if (first !== openBrace && first !== openBracket) return -1;
    const container = this.#open(offset);
    this.#rows[row + rowContainer] = container;
    return container;
  }

  #open(offset: number): number {
    const container = this.#containersLength;
    if (container + containerStride > this.#containers.length) this.#containers = doubled(this.#containers);
    this.#containersLength = container + containerStride;
    const containers = this.#containers;
    containers[container + containerKind] = containerKinds.object;
    containers[container + containerRowStart] = this.#rowsLength;
    containers[container + containerMain] = -1;
    containers[container + containerLookups] = 0;
    containers[container + containerSlotStart] = -1;
    containers[container + containerSlotMask] = 0;
    if (this.#bytes[offset] === openBrace) {
      const hasDollar = this.#indexObject(offset);
      containers[container + containerRowEnd] = this.#rowsLength;
      if (hasDollar) this.#decideKind(container);
    } else {
      containers[container + containerKind] = containerKinds.array;
      this.#indexArray(offset);
      containers[container + containerRowEnd] = this.#rowsLength;
    }
    return container;
  }

  /** One of `containerKinds`. */
  kind(container: number): number {
    return this.#containers[container + containerKind]!;
  }

  /** The row of the `$` member that decided over the kind. */
  mainRow(container: number): number {
    return this.#containers[container + containerMain]!;
  }

  /** Rows of a container in order as sent, names twice when sent twice: rowStart, nextRow … until rowEnd. */
  rowStart(container: number): number {
    return this.#containers[container + containerRowStart]!;
  }

  rowEnd(container: number): number {
    return this.#containers[container + containerRowEnd]!;
  }

  nextRow(row: number): number {
    return row + rowStride;
  }

  valueStart(row: number): number {
    return this.#rows[row + rowValueStart]!;
  }

  valueEnd(row: number): number {
    return this.#rows[row + rowValueEnd]!;
  }

  /** Whether the value is a string with escapes in it. */
  isEscaped(row: number): boolean {
    return (this.#rows[row + rowFlags]! & flagEscaped) !== 0;
  }

  keyStart(row: number): number {
    return this.#rows[row + rowKeyStart]!;
  }

  keyEnd(row: number): number {
    return this.#rows[row + rowKeyEnd]!;
  }

  /** Where [keyStart, keyEnd) lies; a name that was sent with escapes is kept decoded, elsewhere. */
  keyBytes(row: number): AnyBytes {
    return this.isKeyDecoded(row) ? this.#keys.bytes : this.#bytes;
  }

  isKeyDecoded(row: number): boolean {
    return (this.#rows[row + rowFlags]! & flagKeyDecoded) !== 0;
  }

  /** Returns the row of item `index` of an array, or -1. */
  item(container: number, index: number): number {
    if (this.kind(container) !== containerKinds.array) return -1;
    const rowStart = this.rowStart(container);
    return index < (this.rowEnd(container) - rowStart) / rowStride ? rowStart + index * rowStride : -1;
  }

  /** Returns the row of the last member with the name `names[start, end)`, or -1. */
  find(container: number, names: AnyBytes, start: number, end: number): number {
    if (this.kind(container) === containerKinds.array) return -1;
    const rowStart = this.rowStart(container);
    const rowEnd = this.rowEnd(container);
    if (rowEnd - rowStart > hashMemberCountMin * rowStride) {
      if (++this.#containers[container + containerLookups]! > hashLookupCountMin) {
        return this.#findHashed(container, names, start, end);
      }
    }
    this.workCount += rowEnd - rowStart;
    const mark = markOf(names, start, end);
    const rows = this.#rows;
    for (let row = rowEnd - rowStride; row >= rowStart; row -= rowStride) {
      if (rows[row + rowKeyMark] === mark && this.#keyEquals(row, names, start, end)) return row;
    }
    return -1;
  }

  #findHashed(container: number, names: AnyBytes, start: number, end: number): number {
    if (this.#containers[container + containerSlotStart]! < 0) this.#hashRows(container);
    const slotStart = this.#containers[container + containerSlotStart]!;
    const mask = this.#containers[container + containerSlotMask]!;
    for (let slot = this.#hash(names, start, end) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slotStart + slot]! - 1;
      if (row < 0 || this.#keyEquals(row, names, start, end)) return row;
    }
  }

  /** Later rows take the place of earlier ones of the same name. */
  #hashRows(container: number): void {
    const rowStart = this.rowStart(container);
    const rowEnd = this.rowEnd(container);
    let slotCount = 64;
    while (slotCount < ((rowEnd - rowStart) / rowStride) * 2) slotCount *= 2;
    const slotStart = this.#slotsLength;
    this.#slotsLength += slotCount;
    while (this.#slotsLength > this.#slots.length) this.#slots = doubled(this.#slots);
    this.#slots.fill(0, slotStart, this.#slotsLength);
    this.#containers[container + containerSlotStart] = slotStart;
    this.#containers[container + containerSlotMask] = slotCount - 1;
    for (let row = rowStart; row < rowEnd; row += rowStride) {
      const keys = this.keyBytes(row);
      let slot = this.#hash(keys, this.keyStart(row), this.keyEnd(row)) & (slotCount - 1);
      for (;;) {
        const other = this.#slots[slotStart + slot]! - 1;
        if (other < 0 || this.#keyEquals(other, keys, this.keyStart(row), this.keyEnd(row))) break;
        slot = (slot + 1) & (slotCount - 1);
      }
      this.#slots[slotStart + slot] = row + 1;
    }
  }

  #hash(names: AnyBytes, start: number, end: number): number {
    let hash = this.#hashSeed;
    for (let at = start; at < end; at++) {
      hash = Math.imul(hash ^ names[at]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash ^ (hash >>> 13);
  }

  #keyEquals(row: number, names: AnyBytes, start: number, end: number): boolean {
    this.workCount++;
    const keyStart = this.keyStart(row);
    if (this.keyEnd(row) - keyStart !== end - start) return false;
    const keys = this.keyBytes(row);
    for (let at = keyStart, other = start; other < end; at++, other++) if (keys[at] !== names[other]) return false;
    return true;
  }

  /** Returns whether a name begins with `$`. */
  #indexObject(offset: number): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let hasDollar = false;
    let at = offset + 1;
    while (at < end && bytes[at] === quote) {
      const row = this.#addRow();
      at = this.#indexKey(row, at);
      if ((this.#rows[row + rowKeyMark]! & 0xff00) === dollar << 8) hasDollar = true;
      at = this.#indexValue(row, at);
      if (bytes[at] === comma) at++;
    }
    this.workCount += at - offset;
    return hasDollar;
  }

  #indexArray(offset: number): void {
    const bytes = this.#bytes;
    let at = offset + 1;
    while (at < this.#end && bytes[at] !== closeBracket) {
      const row = this.#addRow();
      this.#rows[row + rowFlags] = 0;
      at = this.#indexValue(row, at);
      if (bytes[at] === comma) at++;
    }
    this.workCount += at - offset;
  }

  /** Returns where the value starts: behind the colon. */
  #indexKey(row: number, start: number): number {
    const rows = this.#rows;
    const next = stringEnd(this.#bytes, start, this.#end);
    if (next > 0) {
      rows[row + rowKeyStart] = start + 1;
      rows[row + rowKeyEnd] = next - 1;
      rows[row + rowKeyMark] = markOf(this.#bytes, start + 1, next - 1);
      rows[row + rowFlags] = 0;
      return next + 1;
    }
    const keyStart = this.#keys.length;
    appendUnescaped(this.#keys, this.#bytes, start + 1, -next - 1);
    rows[row + rowKeyStart] = keyStart;
    rows[row + rowKeyEnd] = this.#keys.length;
    rows[row + rowKeyMark] = markOf(this.#keys.bytes, keyStart, this.#keys.length);
    rows[row + rowFlags] = flagKeyDecoded;
    return -next + 1;
  }

  /** Returns the offset behind the value. */
  #indexValue(row: number, start: number): number {
    const rows = this.#rows;
    let next = valueEnd(this.#bytes, start, this.#end);
    if (next < 0) {
      next = -next;
      rows[row + rowFlags]! |= flagEscaped;
    }
    rows[row + rowValueStart] = start;
    rows[row + rowValueEnd] = next;
    rows[row + rowContainer] = -1;
    return next;
  }

  #addRow(): number {
    const row = this.#rowsLength;
    if (row + rowStride > this.#rows.length) this.#rows = doubled(this.#rows);
    this.#rowsLength = row + rowStride;
    return row;
  }

  /** Rule 7: the first that applies of text, format and localized format. */
  #decideKind(container: number): void {
    let main = this.#findDollar(container, dollarText);
    let kind: number = containerKinds.text;
    if (main < 0) {
      main = this.#findDollar(container, dollarFormat);
      kind = containerKinds.format;
    }
    if (main < 0 && this.#findDollar(container, dollarLocns) >= 0 && this.#findDollar(container, dollarLockey) >= 0) {
      main = this.#findDollar(container, dollarLocformat);
      kind = containerKinds.localized;
    }
    if (main < 0) return;
    this.#containers[container + containerKind] = kind;
    this.#containers[container + containerMain] = main;
  }

  /**
   * Returns the row of a string member with this name in any letter case, or -1. Of several spellings the first counts, of
   * one spelling the last.
   */
  #findDollar(container: number, name: AnyBytes): number {
    const rowEnd = this.rowEnd(container);
    let found = -1;
    for (let row = this.rowStart(container); row < rowEnd; row += rowStride) {
      if (!this.#keyEqualsAnyCase(row, name)) continue;
      const isString = this.#bytes[this.valueStart(row)] === quote;
      if (found < 0) {
        if (isString) found = row;
      } else if (this.#keyEquals(found, this.keyBytes(row), this.keyStart(row), this.keyEnd(row))) {
        found = isString ? row : -1;
      }
    }
    return found;
  }

  #keyEqualsAnyCase(row: number, name: AnyBytes): boolean {
    const keyStart = this.keyStart(row);
    if (this.keyEnd(row) - keyStart !== name.length) return false;
    const keys = this.keyBytes(row);
    if (keys[keyStart] !== dollar) return false;
    for (let index = 1; index < name.length; index++) if ((keys[keyStart + index]! | 0x20) !== name[index]) return false;
    return true;
  }
}

function markOf(names: AnyBytes, start: number, end: number): number {
  return start === end ? 0 : (((end - start) & 0x7fff) << 16) | (names[start]! << 8) | names[end - 1]!;
}

function doubled(source: Int32Array): Int32Array<ArrayBuffer> {
  const target = new Int32Array(Math.max(64, source.length * 2));
  target.set(source);
  return target;
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}
