/** Pieces of answers that many entries of one block share: made at first use, found again by number. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn } from "../base/bytes.ts";
import type { BlockView } from "../record/scan.hot.ts";
import { copyBytes, copyEscaped, copyUtf8, escapeFactor } from "./text-copy.hot.ts";

/** Numbered pieces of one block. Adding goes open, add…, close; then `copy` until the next `begin`. */
export class PieceCache {
  readonly #column = new ByteColumn(4096);
  #starts = new Uint32Array(64);
  #ends = new Uint32Array(64);
  /** A piece is of this block when its stamp is the current one: nothing needs clearing between blocks. */
  #stamps = new Uint32Array(64);
  #stamp = 0;
  #open = 0;

  /** Forgets all pieces; numbers below `count` may be used. */
  begin(count: number): void {
    if (count > this.#starts.length) {
      this.#starts = new Uint32Array(count * 2);
      this.#ends = new Uint32Array(count * 2);
      this.#stamps = new Uint32Array(count * 2);
      this.#stamp = 0;
    }
    if (this.#stamp === 0xffffffff) {
      this.#stamps.fill(0);
      this.#stamp = 0;
    }
    this.#stamp++;
    this.#column.length = 0;
  }

  has(key: number): boolean {
    return this.#stamps[key] === this.#stamp;
  }

  size(key: number): number {
    return this.#ends[key]! - this.#starts[key]!;
  }

  /** Begins piece `key`. */
  open(key: number): void {
    assert(key < this.#starts.length, "the piece has a number of this block");
    this.#open = key;
    this.#starts[key] = this.#column.length;
  }

  /** Ends the piece that was begun. */
  close(): void {
    this.#ends[this.#open] = this.#column.length;
    this.#stamps[this.#open] = this.#stamp;
  }

  add(piece: AnyBytes): void {
    this.#column.append(piece, 0, piece.length);
  }

  addByte(byte: number): void {
    this.#column.reserve(1);
    this.#column.bytes[this.#column.length++] = byte;
  }

  /** Adds a dictionary string as the inside of a JSON string. */
  addEscaped(view: BlockView, start: number, end: number): void {
    this.#column.reserve((end - start) * escapeFactor);
    const column = this.#column;
    column.length = copyEscaped(view.bytes, view.words, start, end, column.bytes, column.view, column.length);
  }

  /** Adds a dictionary string as UTF-8. */
  addUtf8(view: BlockView, start: number, end: number): void {
    this.#column.reserve(end - start);
    const column = this.#column;
    column.length = copyUtf8(view.bytes, view.words, start, end, column.bytes, column.view, column.length);
  }

  /** Copies piece `key` to `at`; returns the offset behind. */
  copy(key: number, target: AnyBytes, targetWords: DataView, at: number): number {
    assert(this.#stamps[key] === this.#stamp, "the piece was made");
    return copyBytes(this.#column.bytes, this.#column.view, this.#starts[key]!, this.#ends[key]!, target, targetWords, at);
  }
}
