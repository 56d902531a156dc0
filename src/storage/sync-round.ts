/** One group commit: every file with unsynced writes is synced once, all in parallel, and every directory with new names. */
import type { SessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { closeQuietly } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";
import { sessionFileName, sessionsDirectory } from "./paths.ts";
import { segmentPath } from "./segment-file.ts";
import type { StorageFailure } from "./types.ts";
import type { WriterSession } from "./writer-session.ts";

/** Files open for a round at once; libuv runs as many at a time as it has threads. */
const syncsAtOnceMax = 32;

/**
 * Syncs all unsynced segments of `sessions` and returns a failure for each that is not durable now. A segment whose sync
 * failed is poisoned; it leaves `unsynced`, for it must never be synced again.
 */
export async function runSyncRound(
  files: FileLayer,
  dataDir: string,
  sessions: readonly WriterSession[],
): Promise<Map<SessionId, StorageFailure>> {
  const failures = new Map<SessionId, StorageFailure>();
  const tasks: (() => Promise<void>)[] = [];
  let parentTask: Promise<StorageFailure | undefined> | undefined;
  for (const session of sessions) {
    for (const firstSeq of [...session.unsynced]) tasks.push(() => syncSegment(files, session, firstSeq, failures));
    if (!session.namesUnsynced) continue;
    parentTask ??= syncNames(files, sessionsDirectory(dataDir));
    const parent = parentTask;
    tasks.push(() => syncSessionNames(files, session, parent, failures));
  }
  await runAll(tasks);
  await parentTask;
  return failures;
}

async function syncSegment(
  files: FileLayer,
  session: WriterSession,
  firstSeq: number,
  failures: Map<SessionId, StorageFailure>,
): Promise<void> {
  const path = segmentPath(session.directory, firstSeq, false);
  // Before the sync: what is appended meanwhile is unsynced again.
  session.unsynced.delete(firstSeq);
  let descriptor = -1;
  try {
    // A descriptor of its own: the cache may close the other meanwhile. Linux tells it of errors that nobody has seen.
    descriptor = files.open(path, "write");
    await files.syncDataAsync(descriptor);
  } catch (error) {
    const failure = failureOf(`${path} could not be synced`, error);
    if (descriptor >= 0) session.poisoned.add(firstSeq);
    else if (failure.code === "ENOENT")
      return; // Dropped or archived meanwhile.
    else session.unsynced.add(firstSeq);
    failures.set(session.id, failure);
  } finally {
    if (descriptor >= 0) closeQuietly(files, descriptor);
  }
}

async function syncSessionNames(
  files: FileLayer,
  session: WriterSession,
  parent: Promise<StorageFailure | undefined>,
  failures: Map<SessionId, StorageFailure>,
): Promise<void> {
  session.namesUnsynced = false;
  const failure = (await syncRecord(files, session.directory)) ?? (await syncNames(files, session.directory)) ?? (await parent);
  if (failure === undefined) return;
  session.namesUnsynced = true;
  failures.set(session.id, failure);
}

/** Whose entries these are should survive with them. */
async function syncRecord(files: FileLayer, directory: string): Promise<StorageFailure | undefined> {
  const path = `${directory}/${sessionFileName}`;
  if (files.status(path) === undefined) return undefined;
  let descriptor = -1;
  try {
    descriptor = files.open(path, "write");
    await files.syncDataAsync(descriptor);
    return undefined;
  } catch (error) {
    return failureOf(`${path} could not be synced`, error);
  } finally {
    if (descriptor >= 0) closeQuietly(files, descriptor);
  }
}

async function syncNames(files: FileLayer, directory: string): Promise<StorageFailure | undefined> {
  try {
    await files.syncDirectoryAsync(directory);
    return undefined;
  } catch (error) {
    const failure = failureOf(`${directory} could not be synced`, error);
    // A session without files has no directory yet, and nothing to lose.
    return failure.code === "ENOENT" ? undefined : failure;
  }
}

async function runAll(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) await task();
  };
  await Promise.all(Array.from({ length: Math.min(syncsAtOnceMax, tasks.length) }, lane));
}
