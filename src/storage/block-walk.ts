/**
 * Walks a segment from block to block and finds its way again after damage. What a log line says cannot pose as a block:
 * a block carries the segment's salt, which clients never see.
 */
import { assert } from "../base/assert.ts";
import { type OwnedBytes, writeUint32 } from "../base/bytes.ts";
import { blockAt, blockHeaderSizeBytes } from "../record/block.ts";
import {
  blockCount,
  blockFault,
  blockFirstSeq,
  blockHeaderCrc,
  blockPreviousCrc,
  blockSizeBytesMin,
  checkBlock,
  checkBlockHeader,
  isBlockKnown,
} from "../record/block-header.ts";
import { type FileWindow, readAheadSizeBytes } from "./file-window.ts";

/** A previous CRC that is not known: the walk begins in the middle. */
export const crcUnknown = -1;

/** Where a walk begins and what it must find there. */
export interface WalkStart {
  readonly position: number;
  /** Bytes of the file that may be read. */
  readonly limit: number;
  readonly saltLow: number;
  readonly saltHigh: number;
  /** Seq that the first block must begin with. */
  readonly expectedSeq: number;
  /** Header CRC of what lies before, or `crcUnknown`. */
  readonly previousCrc: number;
}

/** `whole`: checks payloads too. `headers`: trusts them unread, for finding positions. */
export type WalkDepth = "whole" | "headers";

export class BlockWalk {
  /** The block or the bad range that `next` found: where it lies in the file and how long it is. */
  position = 0;
  sizeBytes = 0;
  /** Where the block lies in the window's bytes; in a `headers` walk only its header does. */
  offset = 0;
  firstSeq = 0;
  count = 0;
  /** Of the block: CRC of its header. */
  headerCrc = 0;
  /** Why the range is bad. */
  fault: number = blockFault.header;
  #window: FileWindow;
  #depth: WalkDepth;
  #next = 0;
  #limit = 0;
  #saltLow = 0;
  #saltHigh = 0;
  #expectedSeq = 0;
  #previousCrc = crcUnknown;
  /** False after a range of unknown content: then a seq may be higher than expected. */
  #isExact = true;

  constructor(window: FileWindow, depth: WalkDepth) {
    this.#window = window;
    this.#depth = depth;
  }

  begin(start: WalkStart): void {
    assert(start.position % 8 === 0 && start.position <= start.limit, "blocks are 8-aligned and lie in the file");
    this.#next = start.position;
    this.#limit = start.limit;
    this.#saltLow = start.saltLow;
    this.#saltHigh = start.saltHigh;
    this.#expectedSeq = start.expectedSeq;
    this.#previousCrc = start.previousCrc;
    this.#isExact = true;
  }

  /** Seq that the next block begins with, if nothing is missing. */
  get expectedSeq(): number {
    return this.#expectedSeq;
  }

  /** Moves on to the next block or bad range. A bad range that reaches the end is a torn tail. */
  next(): "block" | "bad" | "end" {
    if (this.#next >= this.#limit) return "end";
    this.position = this.#next;
    const sizeBytes = this.#look(this.#next);
    if (sizeBytes > 0) {
      this.#accept(sizeBytes);
      return "block";
    }
    this.fault = sizeBytes;
    if (sizeBytes === blockFault.payload || sizeBytes === blockFault.unknown) {
      // Its header holds: what is lost is known, and where the next one begins.
      this.#accept(this.sizeBytes);
      return "bad";
    }
    const found = this.#resync(this.position + 8);
    this.sizeBytes = found - this.position;
    this.#next = found;
    this.#isExact = false;
    return "bad";
  }

  #accept(sizeBytes: number): void {
    this.sizeBytes = sizeBytes;
    this.#next = this.position + sizeBytes;
    this.#expectedSeq = this.firstSeq + this.count;
    this.#previousCrc = this.headerCrc;
    this.#isExact = true;
  }

  /** Returns the size of the good block at `position`, or its fault; leaves what its header says in the fields. */
  #look(position: number): number {
    if (position + blockSizeBytesMin > this.#limit) return blockFault.short;
    this.offset = this.#window.load(position, blockHeaderSizeBytes, this.#aheadSizeBytes());
    if (this.offset < 0) return blockFault.short;
    const sizeBytes = checkBlockHeader(this.#window.bytes, this.offset, this.#saltLow, this.#saltHigh);
    if (sizeBytes < 0) return sizeBytes;
    if (!this.#isInPlace()) return blockFault.header;
    if (position + sizeBytes > this.#limit) return blockFault.short;
    this.#readHeader(sizeBytes);
    if (this.#depth === "headers") return isBlockKnown(this.#window.bytes, this.offset) ? sizeBytes : blockFault.unknown;
    this.offset = this.#window.load(position, sizeBytes);
    if (this.offset < 0) return blockFault.short;
    if (this.#window.isChecked(position, sizeBytes)) return sizeBytes;
    const bytes = this.#window.bytes;
    const checked = checkBlock(bytes, this.offset, this.offset + sizeBytes, this.#saltLow, this.#saltHigh);
    if (checked > 0) this.#window.noteChecked(position, sizeBytes);
    return checked;
  }

  /** A block of another place (an older one, left on the disk) has another seq or another block before it. */
  #isInPlace(): boolean {
    const bytes = this.#window.bytes;
    const firstSeq = blockFirstSeq(bytes, this.offset);
    if (!this.#isExact) return firstSeq >= this.#expectedSeq;
    if (firstSeq !== this.#expectedSeq) return false;
    return this.#previousCrc === crcUnknown || blockPreviousCrc(bytes, this.offset) === this.#previousCrc;
  }

  #readHeader(sizeBytes: number): void {
    const bytes = this.#window.bytes;
    this.sizeBytes = sizeBytes;
    this.firstSeq = blockFirstSeq(bytes, this.offset);
    this.count = blockCount(bytes, this.offset);
    this.headerCrc = blockHeaderCrc(bytes, this.offset);
  }

  /** Small blocks come with what lies around them; the headers of large ones are read alone. */
  #aheadSizeBytes(): number {
    return this.#depth === "whole" || this.sizeBytes < headerAheadSizeBytes ? readAheadSizeBytes : blockHeaderSizeBytes;
  }

  /** Returns where the first good block at or behind `from` begins; the limit when there is none. */
  #resync(from: number): number {
    const needle = saltBytes(this.#saltLow, this.#saltHigh);
    const exact = this.#isExact;
    this.#isExact = false;
    let searched = from + blockAt.salt;
    while (searched + needle.length <= this.#limit) {
      const sizeBytes = Math.min(readAheadSizeBytes, this.#limit - searched);
      const offset = this.#window.load(searched, sizeBytes);
      if (offset < 0) break;
      const hit = Buffer.from(this.#window.bytes.buffer, offset, sizeBytes).indexOf(needle);
      if (hit < 0) {
        searched += sizeBytes - needle.length + 1;
        continue;
      }
      const candidate = searched + hit - blockAt.salt;
      if (candidate % 8 === 0 && this.#look(candidate) > 0) return candidate;
      searched += hit + 1;
    }
    this.#isExact = exact;
    return this.#limit;
  }
}

const headerAheadSizeBytes = 64 * 1024;

function saltBytes(saltLow: number, saltHigh: number): OwnedBytes {
  const bytes = new Uint8Array(8);
  writeUint32(bytes, 0, saltLow);
  writeUint32(bytes, 4, saltHigh);
  return bytes;
}
