/** Removes sessions and old segments. A session goes by one rename, so a crash leaves all of it or nothing visible. */
import type { SessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { listIfThere, tryUnlink } from "./file-tools.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import { sessionDirectory, sessionsDirectory, sidecarName, sidecarSuffix, trashPrefix } from "./paths.ts";
import { segmentPath } from "./segment-file.ts";
import type { SegmentInfo, StorageFailure } from "./types.ts";

/**
 * Makes sessions vanish: each directory is renamed, all names become durable together. The bytes are freed by `emptyTrash`,
 * which may take its time. Nobody may write to these sessions any more.
 * @returns why those that are still there are; a session that never was is gone.
 */
export function trashSessions(files: FileLayer, dataDir: string, ids: readonly SessionId[]): Map<SessionId, StorageFailure> {
  const failures = new Map<SessionId, StorageFailure>();
  for (const id of ids) {
    const failure = trash(files, dataDir, id);
    if (failure !== undefined) failures.set(id, failure);
  }
  try {
    files.syncDirectory(sessionsDirectory(dataDir));
  } catch (error) {
    const failure = failureOf("the removal of sessions is not durable", error);
    if (failure.code !== "ENOENT") for (const id of ids) failures.set(id, failure);
  }
  return failures;
}

function trash(files: FileLayer, dataDir: string, id: SessionId): StorageFailure | undefined {
  const source = sessionDirectory(dataDir, id);
  try {
    let target = `${sessionsDirectory(dataDir)}/${trashPrefix}${id}`;
    for (let count = 2; files.status(target) !== undefined; count++) {
      target = `${sessionsDirectory(dataDir)}/${trashPrefix}${id}-${count}`;
    }
    try {
      files.rename(source, target);
    } catch (error) {
      // A name may need a block of its directory. Sidecars can be made again, so they make room for it.
      if (errorCodeOf(error) !== "ENOSPC") throw error;
      for (const name of files.list(source)) if (name.endsWith(sidecarSuffix)) tryUnlink(files, `${source}/${name}`);
      files.rename(source, target);
    }
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
 * Removes the files of segments, the oldest first, so that a crash leaves the newest.
 * @returns why it ended early; then none of the later ones was touched.
 */
export function dropSegments(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  segments: readonly SegmentInfo[],
): StorageFailure | undefined {
  const directory = sessionDirectory(dataDir, id);
  try {
    for (const { firstSeq, archived } of segments) {
      // The segment goes first: a sidecar without its segment is nothing.
      unlinkIfThere(files, segmentPath(directory, firstSeq, archived));
      unlinkIfThere(files, `${directory}/${sidecarName(firstSeq)}`);
    }
    return undefined;
  } catch (error) {
    return failureOf(`old segments of session ${id} can not be removed`, error);
  }
}

function unlinkIfThere(files: FileLayer, path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    if (errorCodeOf(error) !== "ENOENT") throw error;
  }
}
