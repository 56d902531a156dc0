/** Byte views and the one growable buffer that the decode and encode stages share. */
import { assert } from "./assert.ts";

/** Memory that two threads can see; immutable once published. */
export type SharedBytes = Uint8Array<SharedArrayBuffer>;
/** Memory that only this thread can see. */
export type OwnedBytes = Uint8Array<ArrayBuffer>;
/** Either of the two: code that only reads does not care. */
export type AnyBytes = Uint8Array<ArrayBufferLike>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
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
