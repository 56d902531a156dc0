/** Walks a segment from its end to its beginning: each block's trailer says how long it is. */
import { assert } from "../base/assert.ts";
import { readUint32 } from "../base/bytes.ts";
import { blockHeaderSizeBytes, blockTrailerSizeBytes, trailerAt } from "../record/block.ts";
import { blockCount, blockFirstSeq, blockSizeBytesMin, checkBlock, checkBlockHeader } from "../record/block-header.ts";
import { BlockWalk, crcUnknown } from "./block-walk.ts";
import type { FileWindow } from "./file-window.ts";
import type { IndexPoint } from "./index-cache.ts";
import type { SegmentKey } from "./segment-file.ts";
import { segmentHeaderSizeBytes } from "./segment-header.ts";

export class BackwardWalk {
  /** Where the block that `next` found lies in the window's bytes. */
  offset = 0;
  firstSeq = 0;
  count = 0;
  #window: FileWindow;
  #key: SegmentKey;
  /** Everything from here on was walked. */
  #end: number;
  /** Blocks before `#end` that were found from the front; the last comes first. */
  #positions: number[] = [];
  #sizesBytes: number[] = [];

  /** Walks `[0, end)` of the window's segment. */
  constructor(window: FileWindow, key: SegmentKey, end: number) {
    assert(end >= 0, "a position in the file");
    this.#window = window;
    this.#key = key;
    this.#end = end;
  }

  /** Begins with the last block that holds entries up to `seq`, found from `point` on, not at the file's end. */
  beginAt(point: IndexPoint, seq: number): void {
    this.#collect(point, seq);
    this.#end = point.position;
  }

  /** Moves on to the good block before; bad ones are passed over. */
  next(): "block" | "end" {
    for (;;) {
      const position = this.#positions.pop();
      if (position !== undefined) {
        if (this.#accept(position, this.#sizesBytes.pop() as number)) return "block";
        continue;
      }
      if (this.#end <= segmentHeaderSizeBytes) return "end";
      const sizeBytes = this.#sizeBefore(this.#end);
      if (sizeBytes === 0) {
        // No block ends here: only a walk from the front finds the good ones before.
        this.#collect({ position: segmentHeaderSizeBytes, seq: this.#key.firstSeq }, Number.MAX_SAFE_INTEGER);
        this.#end = 0;
        continue;
      }
      this.#end -= sizeBytes;
      if (this.#accept(this.#end, sizeBytes)) return "block";
    }
  }

  /** Returns the size of the block that ends at `end`; 0 when its trailer or header is bad. */
  #sizeBefore(end: number): number {
    if (end < segmentHeaderSizeBytes + blockSizeBytesMin) return 0;
    const trailer = this.#window.loadBack(end - blockTrailerSizeBytes, blockTrailerSizeBytes);
    if (trailer < 0) return 0;
    const sizeBytes = readUint32(this.#window.bytes, trailer + trailerAt.blockSize);
    const position = end - sizeBytes;
    if (sizeBytes < blockSizeBytesMin || sizeBytes % 8 !== 0 || position < segmentHeaderSizeBytes) return 0;
    const header = this.#window.loadBack(position, blockHeaderSizeBytes);
    if (header < 0) return 0;
    const { saltLow, saltHigh } = this.#key;
    return checkBlockHeader(this.#window.bytes, header, saltLow, saltHigh) === sizeBytes ? sizeBytes : 0;
  }

  #accept(position: number, sizeBytes: number): boolean {
    this.offset = this.#window.loadBack(position, sizeBytes);
    if (this.offset < 0) return false;
    const bytes = this.#window.bytes;
    const { saltLow, saltHigh } = this.#key;
    if (checkBlock(bytes, this.offset, this.offset + sizeBytes, saltLow, saltHigh) < 0) return false;
    this.firstSeq = blockFirstSeq(bytes, this.offset);
    this.count = blockCount(bytes, this.offset);
    return true;
  }

  #collect(from: IndexPoint, seq: number): void {
    const walk = new BlockWalk(this.#window, "headers");
    const { saltLow, saltHigh } = this.#key;
    const limit = this.#end;
    walk.begin({ position: from.position, limit, saltLow, saltHigh, expectedSeq: from.seq, previousCrc: crcUnknown });
    for (let found = walk.next(); found !== "end"; found = walk.next()) {
      if (walk.firstSeq > seq) break;
      if (found === "bad") continue;
      this.#positions.push(walk.position);
      this.#sizesBytes.push(walk.sizeBytes);
    }
  }
}
