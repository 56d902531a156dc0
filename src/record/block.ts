/**
 * Geometry of a block, the one form in which entries rest (ring, file) and travel (binary delta sends its payload).
 *
 *   0            96                 96 + payload     + keys      padded to 8        + 16
 *   | header 96  | payload (LogBatch) | keys section | zeros     | trailer 16       |
 *
 * Little-endian, 8-aligned. The header's CRC is checked before any of its lengths is used; the payload CRC covers payload,
 * keys and zeros. The trailer repeats the salt, the block's size and the header's CRC, so that a file can be walked from
 * its end. The salt is random per segment and never leaves the server.
 */
import { align8 } from "../base/bytes.ts";

/** "TRB1" */
export const blockMagic = 0x31425254;
export const blockVersion = 1;
export const blockHeaderSizeBytes = 96;
export const blockTrailerSizeBytes = 16;

/** Byte offsets of the header's members. */
export const blockAt = {
  magic: 0, //            u32
  version: 4, //          u16
  headerSize: 6, //       u16
  incompatibleFlags: 8, // u32, see blockFlags; an unknown bit: do not read on
  hints: 12, //           u32, see blockHints; unknown bits are harmless
  payloadSize: 16, //     u32, as stored
  rawSize: 20, //         u32, before compression; equal to payloadSize without
  count: 24, //           u32, entries
  levelSet: 28, //        u32, bit n: an entry of level n is in it (bit 0: one without level)
  firstSeq: 32, //        u64
  timeMin: 40, //         i64, ns
  timeMax: 48, //         i64, ns
  salt: 56, //            u64, of the segment
  loggerSet: 64, //       u32, bit hash(logger) & 31 for each logger; bit 0 too when an entry has none
  keysSize: 68, //        u32, bytes of the keys section
  previousCrc: 72, //     u32, header CRC of the block before in this segment; of the file header for the first
  payloadCrc: 76, //      u32, over [headerSize, size - trailer)
  reserved: 80, //        12 bytes, zero
  headerCrc: 92, //       u32, over [0, 92)
} as const;

/** Byte offsets within the trailer. */
export const trailerAt = { salt: 0, blockSize: 8, headerCrc: 12 } as const;

export const blockFlags = { lz4: 1 } as const;
export const blockFlagsKnown = blockFlags.lz4;
/** `plainText`: no byte of text, logger or template needs an escape in JSON, so text can be copied between quotes. */
export const blockHints = { plainText: 1 } as const;

/** Returns the size of a block whose payload and keys have these sizes. */
export function blockSizeBytes(payloadSizeBytes: number, keysSizeBytes: number): number {
  return blockHeaderSizeBytes + align8(payloadSizeBytes + keysSizeBytes) + blockTrailerSizeBytes;
}

/** What idempotency remembers of one keyed batch; lies in the block's keys section, under its CRC. */
export interface BatchKey {
  /** [A-Za-z0-9._-]{1,64} */
  readonly producer: string;
  /** Decimal integer that grows; up to 2^63 - 1. */
  readonly sequence: bigint;
  /** First seq of the batch and how many entries it had (0 for an empty batch: first is then head + 1). */
  readonly first: number;
  readonly count: number;
  /** First 16 bytes of SHA-256 of the body after decompression, hex. */
  readonly bodyHash: string;
}
