/**
 * The intake slab: bodies wait here between their arrival and their answer. The main thread allocates, writes and
 * releases; the worker only reads what a job names. One writer, and laying a job on the desk orders bytes before reading.
 *
 *   pages:  | a b c d . . | run of 3 pages: one large body | e f | free | free |
 *
 * Small bodies share a page, which is free again when the last of them is released; large ones take a run of pages.
 */
import { assert } from "../base/assert.ts";
import { align8, type SharedBytes } from "../base/bytes.ts";
import * as words from "../base/words.hot.ts";
import { limits } from "../config.ts";

// A constant of this module: imported functions are looked up at every call.
const { copyExactly } = words;
const pageSizeBytes = limits.slabPageSizeBytes;
/** Above this a body takes pages of its own. */
const sharedBodySizeBytesMax = pageSizeBytes / 4;
/** Up to here a loop over words beats making views. */
const wordsSizeBytesMax = 512;

export class IntakeSlab {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: SharedBytes;
  readonly #words: DataView<SharedArrayBuffer>;
  /** What goes to the slab in large pieces passes through here, see `put`. */
  readonly #passage = new Uint8Array(pageSizeBytes);
  /** Bodies in each page; 0: the page is free. A page of a run counts 1. */
  readonly #users: Uint16Array;
  /** Page that small bodies are put in, and where its next one goes; -1: none. */
  #openPage = -1;
  #openOffset = 0;
  /** No page before this one is free. */
  #lowestFree = 0;
  #usedPageCount = 0;

  constructor(sizeBytes: number) {
    const pageCount = Math.max(1, Math.floor(sizeBytes / pageSizeBytes));
    this.buffer = new SharedArrayBuffer(pageCount * pageSizeBytes);
    this.bytes = new Uint8Array(this.buffer);
    this.#words = new DataView(this.buffer);
    this.#users = new Uint16Array(pageCount);
  }

  get usedSizeBytes(): number {
    return this.#usedPageCount * pageSizeBytes;
  }

  /** Returns the offset of `sizeBytes` of room, which is the caller's until `release`; -1 when there is none. */
  reserve(sizeBytes: number): number {
    assert(sizeBytes >= 0 && Number.isInteger(sizeBytes), "a body has a size");
    return sizeBytes <= sharedBodySizeBytesMax ? this.#reserveShared(sizeBytes) : this.#reserveRun(sizeBytes);
  }

  /**
   * Copies `source[start, end)` to the room at `offset` (of `reserve`). Bytes that lie otherwise aligned than their target are
   * copied into shared memory one by one, eight times slower than between two private buffers: so they pass through one.
   */
  put(offset: number, source: DataView, start: number, end: number): void {
    assert(offset % 8 === 0 && offset + end - start <= this.bytes.length, "a body lies in the slab, on 8 bytes");
    if (end - start <= wordsSizeBytesMax) return copyExactly(this.#words, offset, source, start, end);
    const passage = this.#passage;
    for (let at = start; at < end; at += passage.length) {
      const size = Math.min(passage.length, end - at);
      passage.set(new Uint8Array(source.buffer, source.byteOffset + at, size));
      this.bytes.set(size === passage.length ? passage : passage.subarray(0, size), offset + at - start);
    }
  }

  /** Gives room back. Both numbers are those of its `reserve`. */
  release(offset: number, sizeBytes: number): void {
    const first = Math.floor(offset / pageSizeBytes);
    if (sizeBytes <= sharedBodySizeBytesMax) this.#leave(first);
    else for (let page = first, end = first + pagesOf(sizeBytes); page < end; page++) this.#leave(page);
  }

  #reserveShared(sizeBytes: number): number {
    if (this.#openPage < 0 || this.#openOffset + sizeBytes > pageSizeBytes) {
      if (this.#openPage >= 0) this.#leave(this.#openPage);
      this.#openPage = this.#findRun(1);
      if (this.#openPage < 0) return -1;
      // The open page counts itself as a user, so that it is not freed while bodies may still come.
      this.#enter(this.#openPage);
      this.#openOffset = 0;
    }
    const offset = this.#openPage * pageSizeBytes + this.#openOffset;
    this.#enter(this.#openPage);
    // Bodies begin on 8 bytes: copying from shared memory is several times slower off them. An empty one takes room too, so
    // that a page's user count is bounded.
    this.#openOffset += align8(Math.max(1, sizeBytes));
    return offset;
  }

  #reserveRun(sizeBytes: number): number {
    const count = pagesOf(sizeBytes);
    let first = this.#findRun(count);
    if (first < 0 && this.#closeEmpty()) first = this.#findRun(count);
    if (first < 0) return -1;
    for (let page = first; page < first + count; page++) this.#enter(page);
    return first * pageSizeBytes;
  }

  /** Gives up the open page when no body is in it: it may be all that stands between a large body and its room. */
  #closeEmpty(): boolean {
    if (this.#openPage < 0 || this.#users[this.#openPage] !== 1) return false;
    this.#leave(this.#openPage);
    this.#openPage = -1;
    return true;
  }

  #enter(page: number): void {
    const users = this.#users[page] as number;
    if (users === 0) this.#usedPageCount++;
    assert(users < 0xffff, "a page's user count fits");
    this.#users[page] = users + 1;
  }

  #leave(page: number): void {
    const users = this.#users[page] as number;
    assert(users > 0, "only what is in use is released");
    this.#users[page] = users - 1;
    if (users > 1) return;
    this.#usedPageCount--;
    if (page < this.#lowestFree) this.#lowestFree = page;
  }

  /**
   * Returns the first page of `count` free ones in a row, or -1 when there are none. The lowest are taken first, so that a
   * few bodies go round in few pages, which stay in the processor's caches.
   */
  #findRun(count: number): number {
    const users = this.#users;
    const pageCount = users.length;
    let page = this.#lowestFree;
    while (page < pageCount && users[page] !== 0) page++;
    this.#lowestFree = page;
    for (let free = 0; page < pageCount; page++) {
      free = users[page] === 0 ? free + 1 : 0;
      if (free === count) return page + 1 - count;
    }
    return -1;
  }
}

function pagesOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / pageSizeBytes);
}
