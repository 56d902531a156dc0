/** Checks a block before anything of it is trusted, and reads what its header says; shared by ring, files and recovery. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, readUint32, readUint64 } from "../base/bytes.ts";
import { crc32Of } from "../base/crc.ts";
import { limits } from "../config.ts";
import {
  blockAt,
  blockFlagsKnown,
  blockHeaderSizeBytes,
  blockMagic,
  blockSizeBytes,
  blockTrailerSizeBytes,
  blockVersion,
  trailerAt,
} from "./block.ts";
import { millisecondsOf } from "./milliseconds.hot.ts";

/** Why bytes are not a good block; all negative, so that a size and a fault fit one number. */
export const blockFault = {
  /** The bytes end before the block does: a torn tail. */
  short: -1,
  /** No header: wrong magic, CRC or lengths. */
  header: -2,
  /** A header of another segment, or a forged one. */
  salt: -3,
  /** Made by a later version: its size is known, its payload is not. */
  unknown: -4,
  /** Payload or trailer do not match the header. */
  payload: -5,
} as const;

/** Smallest block: no payload, no keys. */
export const blockSizeBytesMin = blockHeaderSizeBytes + blockTrailerSizeBytes;

/**
 * Checks the header at `offset`, which lies in `bytes` whole, and returns the size of its block, or a `blockFault`.
 * The CRC is checked before any length is used. Magic, lengths, flags, seqs, salt and CRC keep their place in all versions.
 */
export function checkBlockHeader(bytes: AnyBytes, offset: number, saltLow: number, saltHigh: number): number {
  assert(offset >= 0 && offset + blockHeaderSizeBytes <= bytes.length, "the header lies in the bytes");
  if (readUint32(bytes, offset + blockAt.magic) !== blockMagic) return blockFault.header;
  if (blockHeaderCrc(bytes, offset) !== crc32Of(bytes, offset, offset + blockAt.headerCrc)) return blockFault.header;
  if (readUint32(bytes, offset + blockAt.salt) !== saltLow) return blockFault.salt;
  if (readUint32(bytes, offset + blockAt.salt + 4) !== saltHigh) return blockFault.salt;
  const sizeBytes = blockSizeAt(bytes, offset);
  return sizeBytes > limits.blockSizeBytesMax ? blockFault.header : sizeBytes;
}

/**
 * Checks the whole block at `offset` of `bytes[0, limit)` and returns its size, or a `blockFault`.
 * A block that is intact but made by a later version is `blockFault.unknown`.
 */
export function checkBlock(bytes: AnyBytes, offset: number, limit: number, saltLow: number, saltHigh: number): number {
  assert(offset >= 0 && limit <= bytes.length, "the limit lies in the bytes");
  if (offset + blockSizeBytesMin > limit) return blockFault.short;
  const sizeBytes = checkBlockHeader(bytes, offset, saltLow, saltHigh);
  if (sizeBytes < 0) return sizeBytes;
  if (offset + sizeBytes > limit) return blockFault.short;
  if (!isBodyIntact(bytes, offset, sizeBytes)) return blockFault.payload;
  return isBlockKnown(bytes, offset) ? sizeBytes : blockFault.unknown;
}

/** True when payload CRC and trailer of the block match its checked header. */
export function isBodyIntact(bytes: AnyBytes, offset: number, sizeBytes: number): boolean {
  const trailer = offset + sizeBytes - blockTrailerSizeBytes;
  assert(trailer >= offset + blockHeaderSizeBytes && offset + sizeBytes <= bytes.length, "the block lies in the bytes");
  return (
    readUint32(bytes, trailer + trailerAt.blockSize) === sizeBytes &&
    readUint32(bytes, trailer + trailerAt.headerCrc) === blockHeaderCrc(bytes, offset) &&
    readUint32(bytes, trailer + trailerAt.salt) === readUint32(bytes, offset + blockAt.salt) &&
    readUint32(bytes, trailer + trailerAt.salt + 4) === readUint32(bytes, offset + blockAt.salt + 4) &&
    readUint32(bytes, offset + blockAt.payloadCrc) === crc32Of(bytes, offset + blockHeaderSizeBytes, trailer)
  );
}

/** True when this version can read the payload that follows the checked header at `offset`. */
export function isBlockKnown(bytes: AnyBytes, offset: number): boolean {
  const versions = readUint32(bytes, offset + blockAt.version);
  const flags = readUint32(bytes, offset + blockAt.incompatibleFlags);
  return versions === ((blockHeaderSizeBytes << 16) | blockVersion) >>> 0 && (flags & ~blockFlagsKnown) === 0;
}

/** Returns the size that the checked header at `offset` gives its block. */
export function blockSizeAt(bytes: AnyBytes, offset: number): number {
  return blockSizeBytes(readUint32(bytes, offset + blockAt.payloadSize), blockKeysSize(bytes, offset));
}

/** Returns the seq of the block's first entry (the next entry's, when it has none). */
export function blockFirstSeq(bytes: AnyBytes, offset: number): number {
  return readUint64(bytes, offset + blockAt.firstSeq);
}

/** Returns the number of entries in the block at `offset`. */
export function blockCount(bytes: AnyBytes, offset: number): number {
  return readUint32(bytes, offset + blockAt.count);
}

/** Returns the size in bytes of the block's keys section, 0 when no batch of it had a key. */
export function blockKeysSize(bytes: AnyBytes, offset: number): number {
  return readUint32(bytes, offset + blockAt.keysSize);
}

/** Returns where the keys section begins. */
export function blockKeysOffset(bytes: AnyBytes, offset: number): number {
  return offset + blockHeaderSizeBytes + readUint32(bytes, offset + blockAt.payloadSize);
}

/** Returns the header CRC: what the next block of the segment carries as `previousCrc`. */
export function blockHeaderCrc(bytes: AnyBytes, offset: number): number {
  return readUint32(bytes, offset + blockAt.headerCrc);
}

/** Returns the header CRC of the block before, as this one remembers it. */
export function blockPreviousCrc(bytes: AnyBytes, offset: number): number {
  return readUint32(bytes, offset + blockAt.previousCrc);
}

/** Returns the newest time in the block as milliseconds since the epoch. */
export function blockTimeMaxMs(bytes: AnyBytes, offset: number): number {
  const low = readUint32(bytes, offset + blockAt.timeMax);
  const high = readUint32(bytes, offset + blockAt.timeMax + 4) | 0;
  return millisecondsOf(low, high);
}
