/** Four bytes at once, copied and compared ones eight: what works on little-endian words at any offset. */
import { assert } from "./assert.ts";
import type { AnyBytes, ByteColumn, OwnedBytes } from "./bytes.ts";

/** What a copy of whole words may write behind its end; `reserve` this much more. */
export const wordSlackBytes = 8;

/**
 * Returns a mask that is 0 when no byte of `word` is below 0x20, a quote or a backslash: what ends the plain part of a JSON
 * string. The lowest bit of the mask tells the first such byte exactly; higher ones may be false.
 */
export function specialsOf(word: number): number {
  // Flipping bit 1 brings the quote (0x22) next to the control characters, so one comparison finds both.
  const controls = ((word ^ 0x02020202) - 0x21212121) | 0;
  const backslashes = ((word ^ 0x5c5c5c5c) - 0x01010101) | 0;
  return (controls | backslashes) & ~word & 0x80808080;
}

/** Returns a mask that is 0 when no byte of `word` is that of `four`, the byte four times; read it like that of `specialsOf`. */
export function bytesLike(word: number, four: number): number {
  const other = word ^ four;
  return (other - 0x01010101) & ~other & 0x80808080;
}

/** Returns which byte (0…3) the lowest bit of `mask` stands for. */
export function whichByte(mask: number): number {
  return (31 - Math.clz32(mask & -mask)) >>> 3;
}

/** Returns the word that four ASCII characters make. */
export function wordOf(text: string): number {
  assert(text.length === 4, "a word is four characters");
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24);
}

/** Memory that can be read in bytes and in words. Asking the view for its length would be a call. */
export interface WordSource {
  readonly bytes: OwnedBytes;
  readonly view: DataView<ArrayBuffer>;
}

/** The words of the bytes that were asked for last: a view of memory that is used again and again is made once. */
export class LastWords {
  #bytes: AnyBytes | undefined;
  #view = new DataView(new ArrayBuffer(0)) as DataView;

  of(bytes: AnyBytes): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#view;
  }
}

/**
 * Appends `source[start, end)`, text in UTF-8, in whole words, which beats `set` up to some hundred bytes.
 * @param source can be read seven bytes past `end`.
 */
export function appendWords(target: ByteColumn, source: WordSource, start: number, end: number): void {
  assert(start <= end && end + wordSlackBytes - 1 <= source.bytes.length, "whole words can be read");
  const count = end - start;
  target.reserve(count + wordSlackBytes);
  copyWords(target.view, target.length, source.view, start, end);
  target.length += count;
}

/**
 * Copies `source[start, end)`, text in UTF-8, to `to` of `target`, and up to seven bytes more.
 *
 * A double is the one kind of eight bytes that is moved at once. A NaN's bits may change on the way, but UTF-8 has none: its
 * last two bytes would be F0 or more before 7F or FF.
 */
export function copyWords(target: DataView, to: number, source: DataView, start: number, end: number): void {
  const distance = to - start;
  for (let at = start; at < end; at += 8) target.setFloat64(at + distance, source.getFloat64(at, true), true);
}

/** Copies `source[start, end)`, any bytes, to `to` of `target`, and nothing more. Both may lie in shared memory. */
export function copyExactly(target: DataView, to: number, source: DataView, start: number, end: number): void {
  const distance = to - start;
  let at = start;
  for (; at + 8 <= end; at += 8) copyEight(target, at + distance, source, at);
  // The rest together with some bytes once more: no loop over single bytes.
  if (at < end && end - start >= 8) copyEight(target, end - 8 + distance, source, end - 8);
  else for (; at < end; at++) target.setUint8(at + distance, source.getUint8(at));
}

function copyEight(target: DataView, to: number, source: DataView, at: number): void {
  const eight = source.getFloat64(at, true);
  target.setFloat64(to, eight, true);
  if (!Number.isNaN(eight)) return;
  target.setInt32(to, source.getInt32(at, true), true);
  target.setInt32(to + 4, source.getInt32(at + 4, true), true);
}

/**
 * Returns whether `size` bytes of text at `at` of `text` are those at `start` of `known`.
 * @param text in UTF-8; can be read three bytes past what is compared.
 * @param known in UTF-8 without zeros, so that no two doubles are equal whose bytes differ; the same holds for it.
 */
export function sameWords(text: DataView, at: number, known: DataView, start: number, size: number): boolean {
  const distance = at - start;
  let from = start;
  const end = start + size;
  for (; from + 8 <= end; from += 8) {
    if (text.getFloat64(from + distance, true) !== known.getFloat64(from, true)) return false;
  }
  if (from + 4 <= end) {
    if (text.getInt32(from + distance, true) !== known.getInt32(from, true)) return false;
    from += 4;
  }
  if (from === end) return true;
  // Of the last word only what belongs to the text counts.
  const difference = text.getInt32(from + distance, true) ^ known.getInt32(from, true);
  return difference << ((from + 4 - end) << 3) === 0;
}
