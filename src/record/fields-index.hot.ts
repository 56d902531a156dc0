/**
 * Where the members of an entry's `fields` lie. A container is looked through when it is first asked for, and only its own
 * members: what lies deeper is stepped over. So each byte is looked at once per level above it at most.
 */
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn } from "../base/bytes.ts";
import { appendUnescaped } from "./json-text.hot.ts";
import { OffsetMap } from "./offset-map.hot.ts";

const quote = 0x22;
const dollar = 0x24;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** What rule 7 makes of a container. */
export const containerKinds = { object: 0, array: 1, text: 2, format: 3, localized: 4 } as const;

/** Numbers per member or item; a row is known by the place of its first number. */
const rowStride = 6;
const rowKeyStart = 0;
const rowKeyEnd = 1;
/** Length, first and last byte of the name: different ones are different names. */
const rowKeyMark = 2;
const rowValueStart = 3;
const rowValueEnd = 4;
const rowFlags = 5;
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
  #end = 0;
  #rows = new Int32Array(64 * rowStride);
  #rowsLength = 0;
  #containers = new Int32Array(16 * containerStride);
  #containersLength = 0;
  readonly #containerByOffset = new OffsetMap();
  readonly #keys = new ByteColumn(256);
  #slots = new Int32Array(0);
  #slotsLength = 0;
  readonly #hashSeed: number;
  #stringEscaped = false;

  /** @param hashSeed a number that clients cannot know, so that they cannot choose names that collide. */
  constructor(hashSeed: number) {
    this.#hashSeed = hashSeed | 0;
  }

  /** Forgets the entry before. Everything below speaks of the valid compact JSON in `bytes`, which ends at `end`. */
  begin(bytes: AnyBytes, end: number): void {
    assert(end <= bytes.length, "the fields lie in the source");
    this.#bytes = bytes;
    this.#end = end;
    this.#rowsLength = 0;
    this.#containersLength = 0;
    this.#containerByOffset.clear();
    this.#keys.length = 0;
    this.#slotsLength = 0;
  }

  /** Returns the container whose bracket stands at `offset`; the same one when asked again. */
  containerAt(offset: number): number {
    const slot = this.#containerByOffset.find(offset);
    if (slot >= 0) return this.#containerByOffset.first(slot);
    const container = this.#containersLength;
    if (container + containerStride > this.#containers.length) this.#containers = doubled(this.#containers);
    this.#containersLength += containerStride;
    this.#containerByOffset.set(offset, container, 0);
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
      assert(this.#bytes[offset] === openBracket, "a container starts at the offset");
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
      let keyStart = at + 1;
      let keyEnd = this.#stringEnd(at) - 1;
      at = keyEnd + 2;
      let flags = 0;
      if (this.#stringEscaped) {
        flags = flagKeyDecoded;
        const decodedStart = this.#keys.length;
        appendUnescaped(this.#keys, bytes, keyStart, keyEnd);
        keyStart = decodedStart;
        keyEnd = this.#keys.length;
      }
      const row = this.#addRow();
      const rows = this.#rows;
      const keys = flags === 0 ? bytes : this.#keys.bytes;
      if (keys[keyStart] === dollar && keyStart < keyEnd) hasDollar = true;
      rows[row + rowKeyStart] = keyStart;
      rows[row + rowKeyEnd] = keyEnd;
      rows[row + rowKeyMark] = markOf(keys, keyStart, keyEnd);
      rows[row + rowValueStart] = at;
      at = this.#valueEnd(at);
      rows[row + rowValueEnd] = at;
      rows[row + rowFlags] = this.#stringEscaped ? flags | flagEscaped : flags;
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
      const rows = this.#rows;
      rows[row + rowKeyStart] = 0;
      rows[row + rowKeyEnd] = 0;
      rows[row + rowKeyMark] = 0;
      rows[row + rowValueStart] = at;
      at = this.#valueEnd(at);
      rows[row + rowValueEnd] = at;
      rows[row + rowFlags] = this.#stringEscaped ? flagEscaped : 0;
      if (bytes[at] === comma) at++;
    }
    this.workCount += at - offset;
  }

  #addRow(): number {
    const row = this.#rowsLength;
    if (row + rowStride > this.#rows.length) this.#rows = doubled(this.#rows);
    this.#rowsLength = row + rowStride;
    return row;
  }

  /** Returns the offset behind the value at `start`; `#stringEscaped` tells whether it is a string with escapes. */
  #valueEnd(start: number): number {
    const bytes = this.#bytes;
    const first = bytes[start]!;
    if (first === quote) return this.#stringEnd(start);
    if (first === openBrace || first === openBracket) {
      const at = this.#containerEnd(start);
      this.#stringEscaped = false;
      return at;
    }
    this.#stringEscaped = false;
    let at = start + 1;
    while (at < this.#end) {
      const byte = bytes[at]!;
      if (byte === comma || byte === closeBrace || byte === closeBracket) break;
      at++;
    }
    return at;
  }

  #containerEnd(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let depth = 1;
    let at = start + 1;
    while (at < end && depth > 0) {
      const byte = bytes[at]!;
      if (byte === quote) {
        at = this.#stringEnd(at);
        continue;
      }
      if (byte === openBrace || byte === openBracket) depth++;
      else if (byte === closeBrace || byte === closeBracket) depth--;
      at++;
    }
    return at;
  }

  /** Returns the offset behind the closing quote of the string at `start`. */
  #stringEnd(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let escaped = false;
    let at = start + 1;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte === quote) break;
      if (byte === backslash) {
        escaped = true;
        at++;
      }
      at++;
    }
    this.#stringEscaped = escaped;
    return at + 1;
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
