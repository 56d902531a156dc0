/** Opens segment files for reading: their header or what stands in for a damaged one, and their index made from blocks. */
import { ByteColumn, readUint32 } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { blockAt, blockHeaderSizeBytes } from "../record/block.ts";
import { blockFirstSeq, blockKeysOffset, blockKeysSize, checkBlockHeader } from "../record/block-header.ts";
import { BlockWalk, crcUnknown, type WalkDepth } from "./block-walk.ts";
import { readWhole, tryReadFile, withFile } from "./file-tools.ts";
import type { FileWindow } from "./file-window.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import { segmentName, sessionDirectory, sidecarName } from "./paths.ts";
import { decodeSegmentHeader, segmentHeaderSizeBytes } from "./segment-header.ts";
import { SegmentIndex, type Sidecar, tryDecodeSidecar } from "./segment-index.ts";
import type { SegmentInfo } from "./types.ts";

/** What is needed to read a segment's blocks. */
export interface SegmentKey {
  readonly firstSeq: number;
  readonly saltLow: number;
  readonly saltHigh: number;
  /** CRC that the first block carries as `previousCrc`; `crcUnknown` when the file header is damaged. */
  readonly headerCrc: number;
}

/**
 * Returns what is needed to read the segment behind `descriptor`. When the file header is damaged, the salt comes from the
 * first block (no client can put bytes there) or from the sidecar. `unknown`: made by a later version. `damaged`: none of
 * them can be read, or the file belongs to another session or place.
 */
export function readSegmentKey(
  files: FileLayer,
  descriptor: number,
  id: SessionId,
  firstSeq: number,
  directory: string,
): SegmentKey | "damaged" | "unknown" {
  const bytes = new Uint8Array(segmentHeaderSizeBytes + blockHeaderSizeBytes);
  const length = readWhole(files, descriptor, bytes, 0, bytes.length, 0);
  const header = decodeSegmentHeader(bytes.subarray(0, Math.min(length, segmentHeaderSizeBytes)));
  if (header === "unknown") return "unknown";
  if (header !== "damaged") return header.sessionId === id && header.firstSeq === firstSeq ? header : "damaged";
  if (length < bytes.length) return "damaged";
  const saltLow = readUint32(bytes, segmentHeaderSizeBytes + blockAt.salt);
  const saltHigh = readUint32(bytes, segmentHeaderSizeBytes + blockAt.salt + 4);
  if (
    checkBlockHeader(bytes, segmentHeaderSizeBytes, saltLow, saltHigh) > 0 &&
    blockFirstSeq(bytes, segmentHeaderSizeBytes) === firstSeq
  ) {
    return { firstSeq, saltLow, saltHigh, headerCrc: crcUnknown };
  }
  const sidecar = tryReadSidecarFile(files, directory, firstSeq);
  if (sidecar === undefined) return "damaged";
  return { firstSeq, saltLow: sidecar.saltLow, saltHigh: sidecar.saltHigh, headerCrc: crcUnknown };
}

/** A segment file that is open for reading. */
export interface OpenedSegment {
  readonly descriptor: number;
  readonly directory: string;
  readonly key: SegmentKey;
  readonly info: SegmentInfo;
  /** Bytes that may be read. */
  readonly limit: number;
}

/**
 * Opens a published segment, hands it to `use` and closes it. It may have been archived or restored since `info` was
 * published: then the other form is opened, which holds the same entries.
 * @returns `absent` when it is gone or nothing of it can be read.
 */
export function withSegment<T>(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  info: SegmentInfo,
  use: (segment: OpenedSegment) => T,
): T | "absent" {
  const directory = sessionDirectory(dataDir, id);
  for (const archived of [info.archived, !info.archived]) {
    const path = segmentPath(directory, info.firstSeq, archived);
    if (files.status(path) === undefined) continue;
    try {
      return withFile(files, path, "read", (descriptor) => {
        const key = readSegmentKey(files, descriptor, id, info.firstSeq, directory);
        if (typeof key === "string") return "absent";
        const sizeBytes = files.sizeOf(descriptor);
        const limit = archived === info.archived ? Math.min(info.sizeBytes, sizeBytes) : sizeBytes;
        return use({ descriptor, directory, key, info, limit });
      });
    } catch (error) {
      // Renamed or removed between the two calls.
      if (errorCodeOf(error) !== "ENOENT") throw error;
    }
  }
  return "absent";
}

/** Begins a walk at the segment's first block. */
export function walkSegment(window: FileWindow, key: SegmentKey, limit: number, depth: WalkDepth): BlockWalk {
  const walk = new BlockWalk(window, depth);
  walk.begin({
    position: Math.min(segmentHeaderSizeBytes, limit),
    limit,
    saltLow: key.saltLow,
    saltHigh: key.saltHigh,
    expectedSeq: key.firstSeq,
    previousCrc: key.headerCrc,
  });
  return walk;
}

/** Reads all block headers of `[0, limit)` of the window's file and returns the sidecar that they make. */
export function buildSidecar(window: FileWindow, key: SegmentKey, limit: number): Sidecar {
  const walk = walkSegment(window, key, limit, "headers");
  const index = new SegmentIndex();
  const keys = new ByteColumn(0);
  let lastSeq = key.firstSeq - 1;
  for (let found = walk.next(); found !== "end"; found = walk.next()) {
    if (found === "bad") continue;
    index.add(walk.firstSeq, walk.position);
    lastSeq = walk.firstSeq + walk.count - 1;
    copyKeys(window, walk, keys);
  }
  const { saltLow, saltHigh } = key;
  return { saltLow, saltHigh, segmentSizeBytes: limit, lastSeq, index, keys: keys.bytes.subarray(0, keys.length) };
}

function copyKeys(window: FileWindow, walk: BlockWalk, target: ByteColumn): void {
  const sizeBytes = blockKeysSize(window.bytes, walk.offset);
  if (sizeBytes === 0) return;
  const position = walk.position + blockKeysOffset(window.bytes, walk.offset) - walk.offset;
  const offset = window.load(position, sizeBytes, sizeBytes);
  if (offset >= 0) target.append(window.bytes, offset, offset + sizeBytes);
}

/** The keys of a segment that is nothing but keys take less. */
const sidecarSizeBytesMax = 512 * 1024 * 1024;
/** What is no file, or no file of ours, is no sidecar; readers do without one. */
const foreignCodes = new Set(["EISDIR", "EFBIG", "ELOOP"]);

/** Returns what the sidecar of the segment says, if there is one that can be used. */
export function tryReadSidecarFile(files: FileLayer, directory: string, firstSeq: number): Sidecar | undefined {
  try {
    const bytes = tryReadFile(files, `${directory}/${sidecarName(firstSeq)}`, sidecarSizeBytesMax);
    return bytes === undefined ? undefined : tryDecodeSidecar(bytes);
  } catch (error) {
    if (foreignCodes.has(errorCodeOf(error))) return undefined;
    throw error;
  }
}

/** Returns the sidecar of a segment if there is one and it describes exactly this segment. */
export function tryReadSidecar(
  files: FileLayer,
  directory: string,
  key: SegmentKey,
  segmentSizeBytes: number,
): Sidecar | undefined {
  const sidecar = tryReadSidecarFile(files, directory, key.firstSeq);
  if (sidecar?.saltLow !== key.saltLow || sidecar.saltHigh !== key.saltHigh) return undefined;
  return sidecar.segmentSizeBytes === segmentSizeBytes ? sidecar : undefined;
}

/** Returns the seq of the last entry that the segment had when it was closed, if a sidecar of it tells. */
export function tryReadClosedSeq(files: FileLayer, directory: string, key: SegmentKey): number | undefined {
  const sidecar = tryReadSidecarFile(files, directory, key.firstSeq);
  return sidecar?.saltLow === key.saltLow && sidecar.saltHigh === key.saltHigh ? sidecar.lastSeq : undefined;
}

/** Returns the path of a segment. */
export function segmentPath(directory: string, firstSeq: number, archived: boolean): string {
  return `${directory}/${segmentName(firstSeq, archived)}`;
}
