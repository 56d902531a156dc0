/** A reusable buffer that shows a part of a file; it moves as the reader does. */
import { assert } from "../base/assert.ts";
import type { OwnedBytes } from "../base/bytes.ts";
import { limits } from "../config.ts";
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
  /** Which file the bytes are of. */
  #identity = "";
  /** The range that its reader checked last, as long as it is shown. */
  #checkedStart = 0;
  #checkedEnd = 0;

  constructor(files: FileLayer) {
    this.#files = files;
  }

  /**
   * Looks at `[0, limit)` of the open file `descriptor`; bytes behind may still be written.
   * @param identity tells files apart whose bytes before their limits never change: what is known of one is not read again.
   * Without it everything is.
   */
  open(descriptor: number, limit: number, identity = ""): void {
    this.#descriptor = descriptor;
    this.#limit = limit;
    const isLarge = this.bytes.length > keptSizeBytesMax;
    if (isLarge) this.bytes = new Uint8Array(0);
    const isSame = identity !== "" && identity === this.#identity && this.#start + this.#length <= limit;
    if (isLarge || !isSame) this.#forget();
    this.#identity = identity;
  }

  /** The descriptor is not used any more. @param isTrusted what is shown may be shown when the same file is opened again. */
  close(isTrusted = false): void {
    this.#descriptor = -1;
    if (!isTrusted) this.#forget();
  }

  /** True when the range was checked, and what was checked is still what is shown. */
  isChecked(position: number, sizeBytes: number): boolean {
    return position === this.#checkedStart && position + sizeBytes === this.#checkedEnd;
  }

  /** Notes that the reader checked a range that is shown. */
  noteChecked(position: number, sizeBytes: number): void {
    assert(this.#shows(position, sizeBytes), "only what is shown was checked");
    this.#checkedStart = position;
    this.#checkedEnd = position + sizeBytes;
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
      this.#moveOn(start, Math.min(this.#limit, Math.max(position + sizeBytes, start + aheadSizeBytes)));
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

  /** Shows `[start, end)`; what is shown of it already is not read again. */
  #moveOn(start: number, end: number): void {
    const shownEnd = this.#start + this.#length;
    if (start < this.#start || start > shownEnd) return this.#fill(start, end);
    if (end - this.#start > this.bytes.length) this.#keepFrom(Math.max(this.#start, start - limits.indexStepSizeBytes), end);
    const offset = this.#length;
    this.#length += readWhole(this.#files, this.#descriptor, this.bytes, offset, end - shownEnd, shownEnd);
  }

  /** Moves what is shown from `start` on to the front of a buffer with room up to `end`. The next page begins there, or behind. */
  #keepFrom(start: number, end: number): void {
    const sizeBytes = end - start;
    const shown = this.bytes.subarray(start - this.#start, this.#length);
    if (sizeBytes > this.bytes.length) this.bytes = new Uint8Array(roomySizeBytes(sizeBytes));
    this.bytes.set(shown);
    this.#start = start;
    this.#length = shown.length;
    if (this.#checkedStart < start) this.#forgetChecked();
  }

  #fill(start: number, end: number): void {
    const sizeBytes = end - start;
    if (sizeBytes > this.bytes.length) this.bytes = new Uint8Array(roomySizeBytes(sizeBytes));
    this.#forget();
    this.#start = start;
    this.#length = readWhole(this.#files, this.#descriptor, this.bytes, 0, sizeBytes, start);
  }

  #forget(): void {
    this.#length = 0;
    this.#forgetChecked();
  }

  #forgetChecked(): void {
    this.#checkedStart = 0;
    this.#checkedEnd = 0;
  }
}

/** Room for the block behind as well, unless it would not be kept: then blocks need not be moved to the front so often. */
function roomySizeBytes(sizeBytes: number): number {
  return Math.max(firstSizeBytes, 2 * sizeBytes <= keptSizeBytesMax ? 2 * sizeBytes : sizeBytes);
}
