/**
 * The first 64 bytes of a segment file, little-endian.
 *
 *   magic u32 | version u16 | size u16 | flags u32 | zero u32 | session id 12 | zero u32 | salt u64 | first seq u64 |
 *   created ms u64 | zero u32 | CRC u32 over the 60 bytes before
 */
import { assert } from "../base/assert.ts";
import { type AnyBytes, type OwnedBytes, readUint32, readUint64, writeUint32, writeUint64 } from "../base/bytes.ts";
import { crc32Of } from "../base/crc.ts";
import { type SessionId, sessionIdBytes, sessionIdOf, sessionIdSizeBytes } from "../base/ids.ts";

/** "TRS1" */
export const segmentMagic = 0x31535254;
export const segmentVersion = 1;
export const segmentHeaderSizeBytes = 64;

/** Byte offsets of the header's members; they keep their place in all versions. */
export const segmentAt = {
  magic: 0,
  version: 4,
  headerSize: 6,
  incompatibleFlags: 8,
  sessionId: 16,
  salt: 32,
  firstSeq: 40,
  createdMs: 48,
  headerCrc: 60,
} as const;

/** What a segment's header says. */
export interface SegmentHeader {
  readonly sessionId: SessionId;
  readonly firstSeq: number;
  readonly saltLow: number;
  readonly saltHigh: number;
  readonly createdMs: number;
  /** CRC of the header: what the first block carries as `previousCrc`. */
  readonly headerCrc: number;
}

/** Returns the bytes of a header. */
export function encodeSegmentHeader(header: Omit<SegmentHeader, "headerCrc">): OwnedBytes {
  assert(Number.isSafeInteger(header.firstSeq) && header.firstSeq > 0, "a segment begins with a seq");
  const bytes = new Uint8Array(segmentHeaderSizeBytes);
  writeUint32(bytes, segmentAt.magic, segmentMagic);
  writeUint32(bytes, segmentAt.version, ((segmentHeaderSizeBytes << 16) | segmentVersion) >>> 0);
  bytes.set(sessionIdBytes(header.sessionId), segmentAt.sessionId);
  writeUint32(bytes, segmentAt.salt, header.saltLow);
  writeUint32(bytes, segmentAt.salt + 4, header.saltHigh);
  writeUint64(bytes, segmentAt.firstSeq, header.firstSeq);
  writeUint64(bytes, segmentAt.createdMs, header.createdMs);
  writeUint32(bytes, segmentAt.headerCrc, crc32Of(bytes, 0, segmentAt.headerCrc));
  return bytes;
}

/**
 * Reads a segment's header. `damaged`: its CRC does not hold or it is cut short. `unknown`: intact, but made by a later
 * version or with flags that this one does not know: such a file is never written to.
 */
export function decodeSegmentHeader(bytes: AnyBytes): SegmentHeader | "damaged" | "unknown" {
  if (bytes.length < segmentHeaderSizeBytes) return "damaged";
  if (readUint32(bytes, segmentAt.magic) !== segmentMagic) return "damaged";
  const headerCrc = readUint32(bytes, segmentAt.headerCrc);
  if (headerCrc !== crc32Of(bytes, 0, segmentAt.headerCrc)) return "damaged";
  if (readUint32(bytes, segmentAt.version) !== ((segmentHeaderSizeBytes << 16) | segmentVersion) >>> 0) return "unknown";
  if (readUint32(bytes, segmentAt.incompatibleFlags) !== 0) return "unknown";
  return {
    sessionId: sessionIdOf(bytes.slice(segmentAt.sessionId, segmentAt.sessionId + sessionIdSizeBytes)),
    firstSeq: readUint64(bytes, segmentAt.firstSeq),
    saltLow: readUint32(bytes, segmentAt.salt),
    saltHigh: readUint32(bytes, segmentAt.salt + 4),
    createdMs: readUint64(bytes, segmentAt.createdMs),
    headerCrc,
  };
}
