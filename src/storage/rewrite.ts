/**
 * Writes a segment anew, compressed or plain, with small blocks merged: what archiving and restoring both do. The new file
 * is synced and read back before it takes its name, and the old one goes last: a crash at any step leaves one of them whole.
 */
import type { AnyBytes } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { BlockView } from "../record/scan.hot.ts";
import { EntryDigest } from "./entry-digest.ts";
import { StorageRefusal } from "./failure.ts";
import { replaceFile, tryUnlink, withFile } from "./file-tools.ts";
import { FileWindow } from "./file-window.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import { BlockInflater, isCompressed } from "./inflate.ts";
import { MergedWriter } from "./merged-writer.ts";
import { sessionDirectory, sidecarName, temporarySuffix } from "./paths.ts";
import { buildSidecar, readSegmentKey, segmentPath, walkSegment } from "./segment-file.ts";
import { encodeSidecar } from "./segment-index.ts";
import type { SegmentInfo } from "./types.ts";

/** A file that is read from front to back. */
interface SourceFile {
  readonly id: SessionId;
  readonly directory: string;
  readonly path: string;
  readonly info: SegmentInfo;
}

/** Takes each block, inflated; the bytes are valid until it returns. */
type TakeBlock = (view: BlockView, bytes: AnyBytes, offset: number) => void;

/**
 * Replaces the segment by one in the other form, archived or plain, with the same entries and keys, and returns what it is.
 * @throws a file error, or a `StorageRefusal` when the segment is damaged; then it stays as it was.
 */
export function rewriteSegment(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  info: SegmentInfo,
  createdMs: number,
): SegmentInfo {
  const directory = sessionDirectory(dataDir, id);
  const source = { id, directory, path: segmentPath(directory, info.firstSeq, info.archived), info };
  const target = segmentPath(directory, info.firstSeq, !info.archived);
  const temporary = target + temporarySuffix;
  const window = new FileWindow(files);
  let rewritten = info;
  tryUnlink(files, temporary);
  try {
    const [sizeBytes, written] = copyBlocks(files, window, source, temporary, createdMs);
    rewritten = { ...info, sizeBytes, archived: !info.archived };
    const readBack = readBlocks(files, window, { ...source, path: temporary, info: rewritten }, () => {});
    if (!written.equals(readBack)) throw new StorageRefusal(`${temporary} does not hold what was written; check the disk`);
    files.rename(temporary, target);
  } catch (error) {
    tryUnlink(files, temporary);
    throw error;
  }
  files.syncDirectory(directory);
  writeSidecar(files, window, { ...source, path: target, info: rewritten });
  files.unlink(source.path);
  return rewritten;
}

/** Writes and syncs the new file; returns its size and the digest of the entries that were read for it. */
function copyBlocks(
  files: FileLayer,
  window: FileWindow,
  source: SourceFile,
  temporary: string,
  createdMs: number,
): [number, EntryDigest] {
  const { firstSeq, archived } = source.info;
  return withFile(files, temporary, "create", (descriptor) => {
    const segment = { sessionId: source.id, firstSeq, createdMs, isCompressed: !archived };
    const writer = new MergedWriter(files, descriptor, segment);
    const digest = readBlocks(files, window, source, (view, bytes, offset) => writer.add(view, bytes, offset));
    writer.finish();
    files.syncData(descriptor);
    return [writer.sizeBytes, digest];
  });
}

/** Hands `take` every block of the file and returns the digest of all; throws when anything in it is bad or missing. */
function readBlocks(files: FileLayer, window: FileWindow, source: SourceFile, take: TakeBlock): EntryDigest {
  const { id, directory, path, info } = source;
  const digest = new EntryDigest();
  const view = new BlockView();
  const inflater = new BlockInflater();
  withFile(files, path, "read", (descriptor) => {
    const key = readSegmentKey(files, descriptor, id, info.firstSeq, directory);
    if (typeof key === "string") throw new StorageRefusal(`${path} is damaged or of a later version and stays as it is`);
    window.open(descriptor, info.sizeBytes);
    const walk = walkSegment(window, key, info.sizeBytes, "whole");
    for (let found = walk.next(); found !== "end"; found = walk.next()) {
      const isInflated = found === "block" && isCompressed(window.bytes, walk.offset);
      if (found === "bad" || (isInflated && !inflater.tryInflate(window.bytes, walk.offset))) {
        throw new StorageRefusal(`${path} is damaged at byte ${walk.position} and stays as it is`);
      }
      const bytes = isInflated ? inflater.bytes : window.bytes;
      const offset = isInflated ? 0 : walk.offset;
      digest.add(view.openBlock(bytes, offset));
      take(view, bytes, offset);
    }
    if (walk.expectedSeq !== info.lastSeq + 1) {
      throw new StorageRefusal(`${path} ends at entry ${walk.expectedSeq - 1}, not ${info.lastSeq}, and stays as it is`);
    }
  });
  return digest;
}

function writeSidecar(files: FileLayer, window: FileWindow, source: SourceFile): void {
  const { id, directory, path, info } = source;
  try {
    const sidecar = withFile(files, path, "read", (descriptor) => {
      const key = readSegmentKey(files, descriptor, id, info.firstSeq, directory);
      if (typeof key === "string") throw new StorageRefusal(`${path} was read a moment ago and is damaged now`);
      window.open(descriptor, info.sizeBytes);
      return encodeSidecar(buildSidecar(window, key, info.sizeBytes));
    });
    replaceFile(files, directory, sidecarName(info.firstSeq), sidecar, false);
  } catch (error) {
    // Readers make it from the segment when it is missing.
    errorCodeOf(error);
  }
}
