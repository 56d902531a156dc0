/** What the background threads do to the files of sessions that nobody appends to: archive, restore, remove. */
import type { Clock } from "../base/clock.ts";
import type { SessionId } from "../base/ids.ts";
import { archiveSession, type Rewritten, restoreSession } from "../storage/archive.ts";
import type { FileLayer } from "../storage/files.ts";
import { dropSegments, emptyTrash, trashSessions } from "../storage/remove.ts";
import type { SegmentInfo, StorageFailure } from "../storage/types.ts";

/** A session and those of its segments that a task is about. */
export interface SegmentsTask {
  readonly id: SessionId;
  readonly segments: readonly SegmentInfo[];
}

/** The tasks by the names that the main thread calls them. */
export interface BackgroundTasks {
  /** Compresses segments; they are readable all the while. */
  archive(task: SegmentsTask): Rewritten;
  /** Brings plain segments back. */
  restore(task: SegmentsTask): Rewritten;
  /** Removes segments. */
  drop(task: SegmentsTask): StorageFailure | undefined;
  /** Makes sessions vanish; returns why those that are still there are. */
  trash(ids: readonly SessionId[]): Map<SessionId, StorageFailure>;
  /** Frees what vanished sessions left. */
  sweep(): StorageFailure | undefined;
}

/** Returns the tasks on a data directory. */
export function backgroundTasks(files: FileLayer, dataDir: string, clock: Clock): BackgroundTasks {
  return {
    archive: ({ id, segments }) => archiveSession(files, dataDir, id, segments, clock.nowMs()),
    restore: ({ id, segments }) => restoreSession(files, dataDir, id, segments, clock.nowMs()),
    drop: ({ id, segments }) => dropSegments(files, dataDir, id, segments),
    trash: (ids) => trashSessions(files, dataDir, ids),
    sweep: () => emptyTrash(files, dataDir),
  };
}
