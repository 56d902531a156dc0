/**
 * The intake slab: bodies wait here between their arrival and their answer. The main thread allocates, writes and
 * releases; the worker only reads what a job names. One writer, and a job's message orders bytes before reading.
 *
 *   pages:  | a b c d . . | run of 3 pages: one large body | e f | free | free |
 *
 * Small bodies share a page, which is free again when the last of them is released; large ones take a run of pages.
 */
import { assert } from "../base/assert.ts";
import { align8, type SharedBytes } from "../base/bytes.ts";
import { limits } from "../config.ts";

const pageSizeBytes = limits.slabPageSizeBytes;
/** Above this a body takes pages of its own. */
const sharedBodySizeBytesMax = pageSizeBytes / 4;

export class IntakeSlab {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: SharedBytes;
  /** Bodies in each page; 0: the page is free. A page of a run counts 1. */
  readonly #users: Uint16Array;
  /** Page that small bodies are put in, and where its next one goes; -1: none. */
  #openPage = -1;
  #openOffset = 0;
  /** Where the search for free pages goes on (next fit). */
  #searchFrom = 0;
  #usedPageCount = 0;

  constructor(sizeBytes: number) {
    const pageCount = Math.max(1, Math.floor(sizeBytes / pageSizeBytes));
    this.buffer = new SharedArrayBuffer(pageCount * pageSizeBytes);
    this.bytes = new Uint8Array(this.buffer);
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
    const first = this.#findRun(count);
    if (first < 0) return -1;
    for (let page = first; page < first + count; page++) this.#enter(page);
    return first * pageSizeBytes;
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
    if (users === 1) this.#usedPageCount--;
  }

  /** Returns the first page of `count` free ones in a row, searching on from the last find; -1 when there are none. */
  #findRun(count: number): number {
    const pageCount = this.#users.length;
    for (let pass = 0, page = this.#searchFrom; pass < 2; pass++, page = 0) {
      for (let free = 0; page < pageCount; page++) {
        free = this.#users[page] === 0 ? free + 1 : 0;
        if (free < count) continue;
        this.#searchFrom = (page + 1) % pageCount;
        return page + 1 - count;
      }
    }
    return -1;
  }
}

function pagesOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / pageSizeBytes);
}
