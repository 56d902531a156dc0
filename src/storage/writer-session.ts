/** What a segment writer knows about one session and the segment that grows. */
import { ByteColumn, type OwnedBytes, readUint32 } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { sessionDirectory } from "./paths.ts";
import { segmentPath } from "./segment-file.ts";
import { encodeSegmentHeader, segmentAt, segmentHeaderSizeBytes } from "./segment-header.ts";
import { SegmentIndex } from "./segment-index.ts";
import type { SessionTail } from "./types.ts";

/** A segment that is appended to. */
export interface GrowingSegment {
  readonly firstSeq: number;
  readonly path: string;
  /** Only of a segment whose file is not made yet. */
  readonly header: OwnedBytes | undefined;
  readonly saltLow: number;
  readonly saltHigh: number;
  /** Valid bytes; what lies behind was never published. */
  sizeBytes: number;
  /** Header CRC of the last block, or of the file header. */
  lastCrc: number;
  /** Undefined when this process did not write the segment from its beginning: made from the file when it is needed. */
  readonly index: SegmentIndex | undefined;
  readonly keys: ByteColumn;
}

/** A session as its writer knows it. */
export interface WriterSession {
  readonly id: SessionId;
  readonly directory: string;
  head: number;
  /** As published, until the first use looks at the files. */
  adopted: SessionTail | undefined;
  /** Undefined: the next append starts one. */
  segment: GrowingSegment | undefined;
  /** What `begin` promised and `append` will make. */
  planned: GrowingSegment | undefined;
  /** Bytes behind the valid part could not be cut: nothing may be appended before they are. */
  mustCut: boolean;
  /** The file may not grow (a limit of its size): the next block starts a new one. */
  mustRoll: boolean;
  /** First seqs of segments with writes that no sync has covered. */
  readonly unsynced: Set<number>;
  /** First seqs of segments whose sync failed. */
  readonly poisoned: Set<number>;
  /** Names in the session's directory changed since the last sync. */
  namesUnsynced: boolean;
}

/** Returns a session whose log ends as `tail` says; its files were not looked at yet. */
export function newWriterSession(dataDir: string, id: SessionId, tail: SessionTail): WriterSession {
  return {
    id,
    directory: sessionDirectory(dataDir, id),
    head: tail.head,
    adopted: tail,
    segment: undefined,
    planned: undefined,
    mustCut: false,
    mustRoll: false,
    unsynced: new Set(),
    poisoned: new Set(),
    namesUnsynced: true,
  };
}

/** Returns the segment that the session's next entry would begin, not on disk yet. */
export function planSegment(session: WriterSession, salt: OwnedBytes, createdMs: number): GrowingSegment {
  const firstSeq = session.head + 1;
  const saltLow = readUint32(salt, 0);
  const saltHigh = readUint32(salt, 4);
  const header = encodeSegmentHeader({ sessionId: session.id, firstSeq, saltLow, saltHigh, createdMs });
  return {
    firstSeq,
    path: segmentPath(session.directory, firstSeq, false),
    header,
    saltLow,
    saltHigh,
    sizeBytes: segmentHeaderSizeBytes,
    lastCrc: readUint32(header, segmentAt.headerCrc),
    index: new SegmentIndex(),
    keys: new ByteColumn(0),
  };
}
