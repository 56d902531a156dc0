/** Makes a session's key window from its files: sidecars hold the keys of closed segments, so only the open one is read. */
import type { SessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { withFile } from "./file-tools.ts";
import { FileWindow } from "./file-window.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import { KeyWindow } from "./key-window.ts";
import { decodeKeys } from "./keys.ts";
import { sessionDirectory } from "./paths.ts";
import { buildSidecar, readSegmentKey, segmentPath, tryReadSidecar } from "./segment-file.ts";
import type { SegmentInfo, StorageFailure } from "./types.ts";

/** Returns the window of the keys in `segments` (oldest first, as published); call it at the first keyed append. */
export function loadKeyWindow(
  files: FileLayer,
  dataDir: string,
  id: SessionId,
  segments: readonly SegmentInfo[],
): KeyWindow | StorageFailure {
  const keys = new KeyWindow();
  const window = new FileWindow(files);
  for (const segment of segments) {
    try {
      const bytes = keysOf(files, window, sessionDirectory(dataDir, id), id, segment);
      for (const key of decodeKeys(bytes)) keys.add(key);
    } catch (error) {
      // A segment that is gone has taken its keys with it.
      if (errorCodeOf(error) !== "ENOENT") return failureOf(`the keys of session ${id} can not be read`, error);
    }
  }
  return keys;
}

function keysOf(files: FileLayer, window: FileWindow, directory: string, id: SessionId, segment: SegmentInfo): Uint8Array {
  return withFile(files, segmentPath(directory, segment.firstSeq, segment.archived), "read", (descriptor) => {
    const key = readSegmentKey(files, descriptor, id, segment.firstSeq, directory);
    if (typeof key === "string") return new Uint8Array(0);
    const sidecar = tryReadSidecar(files, directory, key, segment.sizeBytes);
    if (sidecar !== undefined) return sidecar.keys;
    window.open(descriptor, segment.sizeBytes);
    return buildSidecar(window, key, segment.sizeBytes).keys;
  });
}
