/**
 * After a failed fdatasync nobody knows which pages reached the disk, and the next one on the same file may lie. So the
 * file is never synced again: its blocks, as memory still has them and their checksums vouch for, go to a new file, which
 * is synced and takes the old one's name.
 */
import type { SessionId } from "../base/ids.ts";
import { StorageRefusal } from "./failure.ts";
import { tryUnlink, withFile, writeWhole } from "./file-tools.ts";
import type { FileWindow } from "./file-window.ts";
import type { FileLayer } from "./files.ts";
import { temporarySuffix } from "./paths.ts";
import { readSegmentKey, segmentPath, walkSegment } from "./segment-file.ts";
import { segmentHeaderSizeBytes } from "./segment-header.ts";

/** What to replace. */
export interface PoisonedSegment {
  readonly id: SessionId;
  readonly directory: string;
  readonly firstSeq: number;
  /** Bytes of it that count; undefined: all. */
  readonly sizeBytes: number | undefined;
}

/** Replaces the file by a synced copy of the same bytes, or throws and leaves everything as it was. */
export function replacePoisoned(files: FileLayer, window: FileWindow, segment: PoisonedSegment): void {
  const path = segmentPath(segment.directory, segment.firstSeq, false);
  const temporary = path + temporarySuffix;
  tryUnlink(files, temporary);
  try {
    withFile(files, path, "read", (source) => {
      withFile(files, temporary, "create", (target) => {
        copyBlocks(files, window, segment, source, target);
        files.syncData(target);
      });
    });
    files.rename(temporary, path);
  } catch (error) {
    tryUnlink(files, temporary);
    throw error;
  } finally {
    window.close();
  }
  files.syncDirectory(segment.directory);
}

function copyBlocks(files: FileLayer, window: FileWindow, segment: PoisonedSegment, source: number, target: number): void {
  const limit = segment.sizeBytes ?? files.sizeOf(source);
  const key = readSegmentKey(files, source, segment.id, segment.firstSeq, segment.directory);
  if (key === "damaged" || key === "unknown") throw lost(segment);
  window.open(source, limit);
  const header = window.load(0, segmentHeaderSizeBytes);
  if (header < 0) throw lost(segment);
  writeWhole(files, target, window.bytes, header, segmentHeaderSizeBytes, 0);
  const walk = walkSegment(window, key, limit, "whole");
  for (let found = walk.next(); found !== "end"; found = walk.next()) {
    if (found === "bad") throw lost(segment);
    writeWhole(files, target, window.bytes, walk.offset, walk.sizeBytes, walk.position);
  }
}

function lost(segment: PoisonedSegment): StorageRefusal {
  const path = segmentPath(segment.directory, segment.firstSeq, false);
  return new StorageRefusal(`${path} could not be synced and its blocks are no longer in memory; check the disk`);
}
