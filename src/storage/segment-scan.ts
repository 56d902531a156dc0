/** Finds where a segment's log ends: by its last trailer alone, or by checking every block of it. */
import { readUint32 } from "../base/bytes.ts";
import { blockHeaderSizeBytes, blockTrailerSizeBytes, trailerAt } from "../record/block.ts";
import {
  blockCount,
  blockFault,
  blockFirstSeq,
  blockHeaderCrc,
  blockPreviousCrc,
  blockSizeBytesMin,
  blockTimeMaxMs,
  checkBlockHeader,
  isBlockKnown,
} from "../record/block-header.ts";
import { crcUnknown } from "./block-walk.ts";
import type { FileWindow } from "./file-window.ts";
import { type SegmentKey, walkSegment } from "./segment-file.ts";
import { segmentHeaderSizeBytes } from "./segment-header.ts";
import type { SeqRange } from "./types.ts";

/** Where a segment's good blocks end and what they hold. */
export interface SegmentEnd {
  /** Behind the last good block. */
  readonly endPosition: number;
  /** Seq of the newest entry; firstSeq - 1 when there is none. */
  readonly lastSeq: number;
  /** Newest time of the last block with entries. */
  readonly lastTimeMs: number | undefined;
  /** Entries lost before `endPosition`. */
  readonly damage: readonly SeqRange[];
  /** True: bytes before `endPosition` are bad or of a later version, so that nothing should be added behind them. */
  readonly isClosed: boolean;
  readonly blockCount: number;
}

/** Usual small blocks lie in the last page whole. */
const tailSizeBytes = 4096;

/**
 * Returns the end of the segment when its last bytes are the trailer of a block, and that block's header holds; undefined
 * otherwise. Reads a page or two, whatever the size.
 */
export function tryReadEnd(window: FileWindow, key: SegmentKey, sizeBytes: number): SegmentEnd | undefined {
  if (sizeBytes === segmentHeaderSizeBytes) return emptyEnd(key);
  if (sizeBytes < segmentHeaderSizeBytes + blockSizeBytesMin || sizeBytes % 8 !== 0) return undefined;
  const tailStart = Math.max(0, sizeBytes - tailSizeBytes);
  const tail = window.load(tailStart, sizeBytes - tailStart, 0);
  if (tail < 0) return undefined;
  const trailer = tail + sizeBytes - tailStart - blockTrailerSizeBytes;
  const blockSize = readUint32(window.bytes, trailer + trailerAt.blockSize);
  const headerCrc = readUint32(window.bytes, trailer + trailerAt.headerCrc);
  const position = sizeBytes - blockSize;
  if (blockSize < blockSizeBytesMin || blockSize % 8 !== 0 || position < segmentHeaderSizeBytes) return undefined;
  const offset = window.load(position, blockHeaderSizeBytes, 0);
  if (offset < 0 || checkBlockHeader(window.bytes, offset, key.saltLow, key.saltHigh) !== blockSize) return undefined;
  if (blockHeaderCrc(window.bytes, offset) !== headerCrc) return undefined;
  const firstSeq = blockFirstSeq(window.bytes, offset);
  const count = blockCount(window.bytes, offset);
  const lastTimeMs = count > 0 ? blockTimeMaxMs(window.bytes, offset) : undefined;
  const isClosed = key.headerCrc === crcUnknown || !isBlockKnown(window.bytes, offset);
  if (firstSeq < key.firstSeq || !followsWhatLiesBefore(window, key, position, blockPreviousCrc(window.bytes, offset))) {
    return undefined;
  }
  return { endPosition: sizeBytes, lastSeq: firstSeq + count - 1, lastTimeMs, damage: [], isClosed, blockCount: 1 };
}

/** An older block that lies at the end of the file does not continue what lies before it. */
function followsWhatLiesBefore(window: FileWindow, key: SegmentKey, position: number, previousCrc: number): boolean {
  if (position === segmentHeaderSizeBytes) return key.headerCrc === crcUnknown || key.headerCrc === previousCrc;
  const trailer = window.load(position - blockTrailerSizeBytes, blockTrailerSizeBytes, 0);
  return trailer >= 0 && readUint32(window.bytes, trailer + trailerAt.headerCrc) === previousCrc;
}

/** Checks every block of the segment and returns where the last good one ends. */
export function scanSegment(window: FileWindow, key: SegmentKey, sizeBytes: number): SegmentEnd {
  const walk = walkSegment(window, key, sizeBytes, "whole");
  const damage: SeqRange[] = [];
  let end = emptyEnd(key);
  let isBad = false;
  for (let found = walk.next(); found !== "end"; found = walk.next()) {
    const isUnknown = found === "bad" && walk.fault === blockFault.unknown;
    if (found === "bad" && !isUnknown) {
      isBad = true;
      continue;
    }
    if (walk.firstSeq > end.lastSeq + 1) damage.push({ from: end.lastSeq + 1, to: walk.firstSeq - 1 });
    const { offset, position, sizeBytes: blockSize, firstSeq, count } = walk;
    end = {
      endPosition: position + blockSize,
      lastSeq: firstSeq + count - 1,
      lastTimeMs: count > 0 ? blockTimeMaxMs(window.bytes, offset) : end.lastTimeMs,
      damage,
      isClosed: end.isClosed || isBad || isUnknown,
      blockCount: end.blockCount + 1,
    };
  }
  return end;
}

function emptyEnd(key: SegmentKey): SegmentEnd {
  return {
    endPosition: segmentHeaderSizeBytes,
    lastSeq: key.firstSeq - 1,
    lastTimeMs: undefined,
    damage: [],
    isClosed: key.headerCrc === crcUnknown,
    blockCount: 0,
  };
}
