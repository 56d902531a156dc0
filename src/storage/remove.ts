/** Removes sessions and old segments. A session goes by one rename, so a crash leaves all of it or nothing visible. */
import type { SessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { listIfThere } from "./file-tools.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import { sessionDirectory, sessionsDirectory, sidecarName, trashPrefix } from "./paths.ts";
import { segmentPath } from "./segment-file.ts";
import type { SegmentInfo, StorageFailure } from "./types.ts";

/**
 * Makes the session vanish: its directory is renamed, at once and for good. The bytes are freed by `emptyTrash`, which may
 * take its time in another thread. Its writer must have forgotten it before.
 * @returns why it is still there; undefined: it is gone (also when it never was).
 */
export function trashSession(files: FileLayer, dataDir: string, id: SessionId): StorageFailure | undefined {
  const parent = sessionsDirectory(dataDir);
  try {
    let target = `${parent}/${trashPrefix}${id}`;
    for (let count = 2; files.status(target) !== undefined; count++) target = `${parent}/${trashPrefix}${id}-${count}`;
    files.rename(sessionDirectory(dataDir, id), target);
    files.syncDirectory(parent);
    return undefined;
  } catch (error) {
    const failure = failureOf(`session ${id} can not be removed`, error);
    return failure.code === "ENOENT" ? undefined : failure;
  }
}

/** Frees the bytes of trashed sessions, also those of earlier runs. What can not be removed now is left for the next time. */
export function emptyTrash(files: FileLayer, dataDir: string): StorageFailure | undefined {
  const parent = sessionsDirectory(dataDir);
  let failure: StorageFailure | undefined;
  for (const name of listIfThere(files, parent)) {
    if (!name.startsWith(trashPrefix)) continue;
    const directory = `${parent}/${name}`;
    try {
      for (const file of files.list(directory)) files.unlink(`${directory}/${file}`);
      files.removeDirectory(directory);
    } catch (error) {
      const found = failureOf(`${directory} can not be removed`, error);
      // Another thread may be at it too.
      if (found.code !== "ENOENT") failure = found;
    }
  }
  return failure;
}

/**
 * Drops the oldest segments until the session holds at most `sizeBytesMax`, but never its last one.
 * @returns the segments that are left, and why dropping ended early if it did.
 */
export function dropOldestSegments(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  segments: readonly SegmentInfo[],
  sizeBytesMax: number,
): { segments: readonly SegmentInfo[]; failure: StorageFailure | undefined } {
  let sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  let dropped = 0;
  let failure: StorageFailure | undefined;
  try {
    while (sizeBytes > sizeBytesMax && dropped < segments.length - 1) {
      const oldest = segments[dropped] as SegmentInfo;
      dropSegment(files, sessionDirectory(dataDir, id), oldest);
      sizeBytes -= oldest.sizeBytes;
      dropped++;
    }
  } catch (error) {
    failure = failureOf(`old segments of session ${id} can not be removed`, error);
  }
  return { segments: segments.slice(dropped), failure };
}

/** The segment goes first: a sidecar without its segment is nothing, and goes with the next step or the session. */
function dropSegment(files: FileLayer, directory: string, segment: SegmentInfo): void {
  unlinkIfThere(files, segmentPath(directory, segment.firstSeq, segment.archived));
  unlinkIfThere(files, `${directory}/${sidecarName(segment.firstSeq)}`);
}

function unlinkIfThere(files: FileLayer, path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    if (errorCodeOf(error) !== "ENOENT") throw error;
  }
}
