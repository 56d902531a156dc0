/** Lays columns out as a block in the caller's memory: header, payload, keys, trailer. */
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { crc32Of } from "../base/crc.ts";
import {
  blockAt,
  blockHeaderSizeBytes,
  blockMagic,
  blockSizeBytes,
  blockTrailerSizeBytes,
  blockVersion,
  trailerAt,
} from "./block.ts";
import type { EntryColumns } from "./columns.hot.ts";
import { hashOf } from "./dictionary.hot.ts";
import { encodePayload, payloadSizeBytes, setUint64, wordsOf, zeroBytes } from "./encode-payload.hot.ts";

/** What a block's header says beside what its columns say. */
export interface BlockHead {
  readonly firstSeq: number;
  /** Salt of the segment, two words. */
  readonly saltLow: number;
  readonly saltHigh: number;
  /** Header CRC of the block before in the segment, or CRC of the file header. */
  readonly previousCrc: number;
}

/** What one pass over the columns finds for the header. */
const summary = { timeMinLow: 0, timeMinHigh: 0, timeMaxLow: 0, timeMaxHigh: 0, levelSet: 0, loggerSet: 0 };

/** Returns the exact size in bytes of the block that `columns` make. */
export function encodedSizeBytes(columns: EntryColumns, keysSizeBytes: number): number {
  return blockSizeBytes(payloadSizeBytes(columns, false), keysSizeBytes);
}

/**
 * Writes the block of `columns` at `offset` (8-aligned) of `target` and returns its size.
 * @param keys the keys section, may be empty. Copied.
 */
export function encodeBlock(columns: EntryColumns, head: BlockHead, keys: AnyBytes, target: AnyBytes, offset: number): number {
  assert(offset % 8 === 0, "blocks are 8-aligned");
  const payloadStart = offset + blockHeaderSizeBytes;
  const payloadSize = encodePayload(columns, head.firstSeq, undefined, target, payloadStart);
  const sizeBytes = blockSizeBytes(payloadSize, keys.length);
  assert(offset + sizeBytes <= target.length, "the block fits its target");
  const keysStart = payloadStart + payloadSize;
  const trailer = offset + sizeBytes - blockTrailerSizeBytes;
  if (keys.length > 0) target.set(keys, keysStart);
  zeroBytes(target, keysStart + keys.length, trailer);
  summarise(columns);
  const payloadCrc = crc32Of(target, payloadStart, trailer);
  const data = wordsOf(target);
  writeHeader(data, columns, head, offset, payloadSize, keys.length, payloadCrc);
  const headerCrc = crc32Of(target, offset, offset + blockAt.headerCrc);
  data.setUint32(offset + blockAt.headerCrc, headerCrc, true);
  data.setUint32(trailer + trailerAt.salt, head.saltLow, true);
  data.setUint32(trailer + trailerAt.salt + 4, head.saltHigh, true);
  data.setUint32(trailer + trailerAt.blockSize, sizeBytes, true);
  data.setUint32(trailer + trailerAt.headerCrc, headerCrc, true);
  return sizeBytes;
}

function writeHeader(
  data: DataView,
  columns: EntryColumns,
  head: BlockHead,
  offset: number,
  payloadSize: number,
  keysSize: number,
  payloadCrc: number,
): void {
  data.setUint32(offset + blockAt.magic, blockMagic, true);
  data.setUint16(offset + blockAt.version, blockVersion, true);
  data.setUint16(offset + blockAt.headerSize, blockHeaderSizeBytes, true);
  data.setUint32(offset + blockAt.incompatibleFlags, 0, true);
  data.setUint32(offset + blockAt.hints, 0, true);
  data.setUint32(offset + blockAt.payloadSize, payloadSize, true);
  data.setUint32(offset + blockAt.rawSize, payloadSize, true);
  data.setUint32(offset + blockAt.count, columns.count, true);
  data.setUint32(offset + blockAt.levelSet, summary.levelSet, true);
  setUint64(offset + blockAt.firstSeq, head.firstSeq);
  data.setInt32(offset + blockAt.timeMin, summary.timeMinLow, true);
  data.setInt32(offset + blockAt.timeMin + 4, summary.timeMinHigh, true);
  data.setInt32(offset + blockAt.timeMax, summary.timeMaxLow, true);
  data.setInt32(offset + blockAt.timeMax + 4, summary.timeMaxHigh, true);
  data.setUint32(offset + blockAt.salt, head.saltLow, true);
  data.setUint32(offset + blockAt.salt + 4, head.saltHigh, true);
  data.setUint32(offset + blockAt.loggerSet, summary.loggerSet, true);
  data.setUint32(offset + blockAt.keysSize, keysSize, true);
  data.setUint32(offset + blockAt.previousCrc, head.previousCrc, true);
  data.setUint32(offset + blockAt.payloadCrc, payloadCrc, true);
  data.setUint32(offset + blockAt.reserved, 0, true);
  data.setUint32(offset + blockAt.reserved + 4, 0, true);
  data.setUint32(offset + blockAt.reserved + 8, 0, true);
}

function summarise(columns: EntryColumns): void {
  const { count, timestamps, levels, loggerIndexes } = columns;
  let minLow = count > 0 ? timestamps[0]! >>> 0 : 0;
  let minHigh = count > 0 ? timestamps[1]! : 0;
  let maxLow = minLow;
  let maxHigh = minHigh;
  let levelSet = 0;
  let anonymous = 0;
  for (let index = 0; index < count; index++) {
    const low = timestamps[index * 2]! >>> 0;
    const high = timestamps[index * 2 + 1]!;
    if (high > maxHigh || (high === maxHigh && low > maxLow)) {
      maxLow = low;
      maxHigh = high;
    } else if (high < minHigh || (high === minHigh && low < minLow)) {
      minLow = low;
      minHigh = high;
    }
    levelSet |= 1 << levels[index]!;
    anonymous |= loggerIndexes[index]! === 0 ? 1 : 0;
  }
  summary.timeMinLow = minLow;
  summary.timeMinHigh = minHigh;
  summary.timeMaxLow = maxLow;
  summary.timeMaxHigh = maxHigh;
  summary.levelSet = levelSet;
  summary.loggerSet = anonymous;
  const loggers = columns.loggers;
  const names = loggers.bytes.bytes;
  for (let index = 1; index <= loggers.count; index++) {
    summary.loggerSet |= 1 << (hashOf(names, loggers.start(index), loggers.end(index)) & 31);
  }
}
