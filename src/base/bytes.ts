/** Byte views and the one growable buffer that the decode and encode stages share. */
import { assert } from "./assert.ts";

/** Memory that two threads can see; immutable once published. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>;
/** Memory that only this thread can see. */
export type OwnedBytes = Uint8Array<ArrayBuffer>;
/** Either of the two: code that only reads does not care. */
export type AnyBytes = Uint8Array<ArrayBufferLike>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const fatalDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the UTF-8 of `text` in new memory. */
export function utf8(text: string): OwnedBytes {
  return encoder.encode(text) as OwnedBytes;
}

/** Returns the text of `bytes[start, end)`; invalid sequences become U+FFFD. Copies shared memory first. */
export function textOf(bytes: AnyBytes, start = 0, end = bytes.length): string {
  return decoder.decode(bytes.slice(start, end));
}

/** Returns the text of `bytes[start, end)`, or undefined when it is not UTF-8. */
export function tryTextOf(bytes: AnyBytes, start = 0, end = bytes.length): string | undefined {
  try {
    return fatalDecoder.decode(bytes.slice(start, end));
  } catch {
    return undefined;
  }
}

/** Returns `value` rounded up to a multiple of 8: every block and vector of 64-bit values starts there. */
export function align8(value: number): number {
  return Math.ceil(value / 8) * 8;
}

/** Returns the little-endian u32 at `offset`, of any alignment. */
export function readUint32(bytes: AnyBytes, offset: number): number {
  assert(offset >= 0 && offset + 4 <= bytes.length, "the word lies in the bytes");
  const low = (bytes[offset] as number) | ((bytes[offset + 1] as number) << 8);
  return (low | ((bytes[offset + 2] as number) << 16) | ((bytes[offset + 3] as number) << 24)) >>> 0;
}

/** Returns the little-endian u64 at `offset` as a number, exact up to 2^53. */
export function readUint64(bytes: AnyBytes, offset: number): number {
  return readUint32(bytes, offset) + readUint32(bytes, offset + 4) * 2 ** 32;
}

/** Writes `value` as a little-endian u32 at `offset`. */
export function writeUint32(bytes: AnyBytes, offset: number, value: number): void {
  assert(offset >= 0 && offset + 4 <= bytes.length, "the word lies in the bytes");
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** Writes `value`, a whole number below 2^53, as a little-endian u64 at `offset`. */
export function writeUint64(bytes: AnyBytes, offset: number, value: number): void {
  writeUint32(bytes, offset, value % 2 ** 32);
  writeUint32(bytes, offset + 4, Math.floor(value / 2 ** 32));
}

/** A byte buffer that grows by doubling. `bytes` is replaced when it grows: do not keep a reference across `reserve`. */
export class ByteColumn {
  bytes: OwnedBytes;
  /** The same memory, for words at any offset; replaced together with `bytes`. */
  view: DataView<ArrayBuffer>;
  length = 0;

  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Goes on in `bytes`, empty. What it held before stays with whoever has it. */
  adopt(bytes: OwnedBytes): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = 0;
  }

  /** Makes room for `count` more bytes behind `length`. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    assert(needed < 2 ** 32, "a column stays below 4 GiB");
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** Appends one byte. */
  push(byte: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** Appends `source[start, end)`. Copied: the caller keeps it. */
  append(source: AnyBytes, start: number, end: number): void {
    const count = end - start;
    assert(start >= 0 && count >= 0 && end <= source.length, "the range lies in the source");
    this.reserve(count);
    if (count < 64) {
      const target = this.bytes;
      let at = this.length;
      for (let index = start; index < end; index++) target[at++] = source[index] as number;
    } else {
      this.bytes.set(source.subarray(start, end), this.length);
    }
    this.length += count;
  }
}
