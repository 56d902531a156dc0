/** Makes a session's key window from its files: sidecars hold the keys of closed segments, so only the open one is read. */
import type { AnyBytes } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { FileWindow } from "./file-window.ts";
import type { FileLayer } from "./files.ts";
import { KeyWindow } from "./key-window.ts";
import { decodeKeys } from "./keys.ts";
import { buildSidecar, type OpenedSegment, tryReadSidecar, withSegment } from "./segment-file.ts";
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
  for (const info of segments) {
    try {
      const bytes = withSegment(files, dataDir, id, info, (segment) => keysOf(files, window, segment));
      // A segment that is gone has taken its keys with it.
      if (bytes !== "absent") for (const key of decodeKeys(bytes)) keys.add(key);
    } catch (error) {
      return failureOf(`the keys of session ${id} can not be read`, error);
    }
  }
  return keys;
}

function keysOf(files: FileLayer, window: FileWindow, segment: OpenedSegment): AnyBytes {
  const sidecar = tryReadSidecar(files, segment.directory, segment.key, segment.limit);
  if (sidecar !== undefined) return sidecar.keys;
  window.open(segment.descriptor, segment.limit);
  return buildSidecar(window, segment.key, segment.limit).keys;
}
