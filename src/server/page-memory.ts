/**
 * Memory of pages. It goes to a thread with a task, comes back with the page in it, and is used again when the page was sent:
 * new memory for each would have the collector run many times a second, and the whole main thread wait for it.
 */
import type { OwnedBytes } from "../base/bytes.ts";
import { limits } from "../config.ts";

/** Grows with what is written into it, and stays as large. */
const sizeBytesInitial = 64 * 1024;

export class PageMemory {
  readonly #free: ArrayBuffer[] = [];

  /** Returns memory of any size for one page. */
  take(): OwnedBytes {
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(sizeBytesInitial));
  }

  /** Takes memory for later pages; what is too large or too much is let go. */
  give(memory: ArrayBuffer): void {
    if (memory.byteLength > limits.pageMemorySizeBytesMax || memory.byteLength < sizeBytesInitial) return;
    if (this.#free.length < limits.pageMemoryCountMax && !this.#free.includes(memory)) this.#free.push(memory);
  }
}
