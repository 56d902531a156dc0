/** Looks at the files of a session that a writer takes over, and cuts what was never published. */
import { ByteColumn, readUint32 } from "../base/bytes.ts";
import { blockTrailerSizeBytes, trailerAt } from "../record/block.ts";
import { crcUnknown } from "./block-walk.ts";
import { StorageRefusal } from "./failure.ts";
import { listIfThere, readWhole, tryUnlink, withFile } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";
import { sidecarName, tryParseSegmentName } from "./paths.ts";
import { readSegmentKey, type SegmentKey, segmentPath } from "./segment-file.ts";
import { segmentHeaderSizeBytes } from "./segment-header.ts";
import type { SessionTail } from "./types.ts";
import type { GrowingSegment, WriterSession } from "./writer-session.ts";

/**
 * Makes the files of `session` end as `tail` says and readies its segment. Throws, and changes nothing more, when a file
 * may not be touched; it can be tried again.
 */
export function takeOver(files: FileLayer, session: WriterSession, tail: SessionTail): void {
  if (tail.readOnly !== undefined) throw new StorageRefusal(tail.readOnly);
  const plain: number[] = [];
  for (const name of listIfThere(files, session.directory)) {
    const parsed = tryParseSegmentName(name);
    if (parsed !== undefined && !parsed.archived) plain.push(parsed.firstSeq);
  }
  for (const firstSeq of plain) {
    if (firstSeq > tail.head && firstSeq !== tail.segmentFirstSeq) removeUnpublished(files, session, firstSeq);
    else session.unsynced.add(firstSeq);
  }
  session.segment = tail.segmentFirstSeq === 0 ? undefined : reopen(files, session, tail);
  session.adopted = undefined;
}

function removeUnpublished(files: FileLayer, session: WriterSession, firstSeq: number): void {
  const path = segmentPath(session.directory, firstSeq, false);
  const key = withFile(files, path, "read", (descriptor) =>
    readSegmentKey(files, descriptor, session.id, firstSeq, session.directory),
  );
  if (key === "unknown") throw new StorageRefusal(`${path} was made by a later version; start that version to append`);
  files.unlink(path);
  tryUnlink(files, `${session.directory}/${sidecarName(firstSeq)}`);
}

/** Returns the segment to go on with, cut to its published size; undefined when it is better left as it is. */
function reopen(files: FileLayer, session: WriterSession, tail: SessionTail): GrowingSegment | undefined {
  const path = segmentPath(session.directory, tail.segmentFirstSeq, false);
  return withFile(files, path, "write", (descriptor) => {
    const key = readSegmentKey(files, descriptor, session.id, tail.segmentFirstSeq, session.directory);
    if (key === "unknown") throw new StorageRefusal(`${path} was made by a later version; start that version to append`);
    const sizeBytes = files.sizeOf(descriptor);
    if (key === "damaged" || key.headerCrc === crcUnknown || sizeBytes < tail.endPosition) return undefined;
    const lastCrc = crcBefore(files, descriptor, key, tail.endPosition);
    if (lastCrc === undefined) return undefined;
    // It is about to grow: its sidecar, if it was closed before, describes it no more.
    tryUnlink(files, `${session.directory}/${sidecarName(tail.segmentFirstSeq)}`);
    if (sizeBytes > tail.endPosition) files.truncate(descriptor, tail.endPosition);
    return {
      firstSeq: tail.segmentFirstSeq,
      path,
      header: undefined,
      saltLow: key.saltLow,
      saltHigh: key.saltHigh,
      sizeBytes: tail.endPosition,
      lastCrc,
      index: undefined,
      keys: new ByteColumn(0),
    };
  });
}

/** Returns the header CRC of what ends at `position`: a block, or the file header; undefined when no block ends there. */
function crcBefore(files: FileLayer, descriptor: number, key: SegmentKey, position: number): number | undefined {
  if (position === segmentHeaderSizeBytes) return key.headerCrc;
  const trailer = new Uint8Array(blockTrailerSizeBytes);
  const start = position - blockTrailerSizeBytes;
  if (start < segmentHeaderSizeBytes) return undefined;
  if (readWhole(files, descriptor, trailer, 0, trailer.length, start) < trailer.length) return undefined;
  if (readUint32(trailer, trailerAt.salt) !== key.saltLow || readUint32(trailer, trailerAt.salt + 4) !== key.saltHigh) {
    return undefined;
  }
  return readUint32(trailer, trailerAt.headerCrc);
}
