/** Archives ended sessions and brings them back: each segment is rewritten, compressed or plain, one after the other. */
import type { SessionId } from "../base/ids.ts";
import { failureOf, refusedCode } from "./failure.ts";
import type { FileLayer } from "./files.ts";
import { rewriteSegment } from "./rewrite.ts";
import type { SegmentInfo, StorageFailure } from "./types.ts";

/** What became of a session's segments; also when it ended early, everything in `segments` can be read. */
export interface Rewritten {
  /** All segments of the session as they are now, oldest first. */
  readonly segments: readonly SegmentInfo[];
  /** Size of the segments before and now. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Segments that stay as they are because they are damaged, one line each. */
  readonly refused: readonly string[];
  /** Why it ended early; trying again goes on where it stopped. */
  readonly failure: StorageFailure | undefined;
}

/**
 * Compresses all plain segments of an ended session. Its writer must have forgotten it before; a session that goes on
 * later begins a new segment. Readers may read all the while.
 */
export function archiveSession(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  segments: readonly SegmentInfo[],
  nowMs: number,
): Rewritten {
  return rewriteSegments(files, dataDir, id, segments, nowMs, true);
}

/** Brings plain segments back. */
export function restoreSession(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  segments: readonly SegmentInfo[],
  nowMs: number,
): Rewritten {
  return rewriteSegments(files, dataDir, id, segments, nowMs, false);
}

function rewriteSegments(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  segments: readonly SegmentInfo[],
  nowMs: number,
  toArchived: boolean,
): Rewritten {
  const now = [...segments];
  const refused: string[] = [];
  let failure: StorageFailure | undefined;
  for (const [index, segment] of segments.entries()) {
    if (segment.archived === toArchived) continue;
    try {
      now[index] = rewriteSegment(files, dataDir, id, segment, nowMs);
    } catch (error) {
      const found = failureOf(`session ${id} can not be ${toArchived ? "archived" : "restored"}`, error);
      if (found.code === refusedCode) refused.push(found.message);
      else failure = found;
    }
    if (failure !== undefined) break;
  }
  return { segments: now, bytesBefore: sizeOf(segments), bytesAfter: sizeOf(now), refused, failure };
}

function sizeOf(segments: readonly SegmentInfo[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
}
