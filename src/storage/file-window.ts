/** A reusable buffer that shows a part of a file; it moves as the reader does. */
import { assert } from "../base/assert.ts";
import type { OwnedBytes } from "../base/bytes.ts";
import { readWhole } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";

/** Read at once when blocks follow one another. */
export const readAheadSizeBytes = 1024 * 1024;
/** A start looks at many files and reads a page or two of each. */
const firstSizeBytes = 16 * 1024;
/** A buffer that one large block made grow is given back over this. */
const keptSizeBytesMax = 8 * 1024 * 1024;

export class FileWindow {
  /** Valid until the next `load`, `loadBack` or `open`. */
  bytes: OwnedBytes = new Uint8Array(0);
  #files: FileLayer;
  #descriptor = -1;
  #limit = 0;
  /** Where in the file `bytes[0]` lies, a multiple of 8; how many bytes are valid. */
  #start = 0;
  #length = 0;

  constructor(files: FileLayer) {
    this.#files = files;
  }

  /** Looks at `[0, limit)` of the open file `descriptor`; bytes behind may still be written. */
  open(descriptor: number, limit: number): void {
    this.#descriptor = descriptor;
    this.#limit = limit;
    this.#length = 0;
    if (this.bytes.length > keptSizeBytesMax) this.bytes = new Uint8Array(0);
  }

  /** Forgets what was read, so that nothing is answered from memory of another file. */
  close(): void {
    this.#descriptor = -1;
    this.#length = 0;
  }

  /**
   * Shows at least `[position, position + sizeBytes)`, and reads up to `aheadSizeBytes` if it must read.
   * @returns the offset of `position` in `bytes`, or -1 when the file does not hold that much.
   */
  load(position: number, sizeBytes: number, aheadSizeBytes = readAheadSizeBytes): number {
    assert(position >= 0 && sizeBytes > 0, "a range of the file");
    if (position + sizeBytes > this.#limit) return -1;
    if (!this.#shows(position, sizeBytes)) {
      const start = position - (position % 8);
      this.#fill(start, Math.min(this.#limit, Math.max(position + sizeBytes, start + aheadSizeBytes)));
    }
    return this.#shows(position, sizeBytes) ? position - this.#start : -1;
  }

  /** As `load`, but reads what lies before: for walking a file from its end. */
  loadBack(position: number, sizeBytes: number): number {
    assert(position >= 0 && sizeBytes > 0, "a range of the file");
    if (position + sizeBytes > this.#limit) return -1;
    if (!this.#shows(position, sizeBytes)) {
      const start = Math.max(0, Math.min(position, position + sizeBytes - readAheadSizeBytes));
      this.#fill(start - (start % 8), position + sizeBytes);
    }
    return this.#shows(position, sizeBytes) ? position - this.#start : -1;
  }

  #shows(position: number, sizeBytes: number): boolean {
    return this.#length > 0 && position >= this.#start && position + sizeBytes <= this.#start + this.#length;
  }

  #fill(start: number, end: number): void {
    const sizeBytes = end - start;
    if (sizeBytes > this.bytes.length) this.bytes = new Uint8Array(Math.max(sizeBytes, firstSizeBytes));
    this.#length = 0;
    this.#start = start;
    this.#length = readWhole(this.#files, this.#descriptor, this.bytes, 0, sizeBytes, start);
  }
}
