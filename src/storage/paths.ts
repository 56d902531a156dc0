/** Names in a data directory. Only parsed ids and numbers become parts of a path. */
import { type SessionId, tryParseSessionId } from "../base/ids.ts";

const segmentPattern = /^(\d{20})\.log(\.lz4)?$/;

/** Names beside segments in a session's directory. */
export const sessionFileName = "session.json";
export const temporarySuffix = ".tmp";
export const damagedSuffix = ".damaged";
export const sidecarSuffix = ".idx";
/** Directories that a purge left behind begin so; they are no sessions. */
export const trashPrefix = ".trash-";

/** Returns the directory that holds one directory per session. */
export function sessionsDirectory(dataDir: string): string {
  return `${dataDir}/sessions`;
}

/** Returns the directory of a session's files. */
export function sessionDirectory(dataDir: string, id: SessionId): string {
  return `${dataDir}/sessions/${id}`;
}

/** Returns the name of the segment that begins with `firstSeq`. */
export function segmentName(firstSeq: number, archived: boolean): string {
  return `${String(firstSeq).padStart(20, "0")}.log${archived ? ".lz4" : ""}`;
}

/** Returns the name of the sidecar with index and keys of that segment. */
export function sidecarName(firstSeq: number): string {
  return `${String(firstSeq).padStart(20, "0")}${sidecarSuffix}`;
}

/** Returns what a segment's name says, or undefined when `name` is none. */
export function tryParseSegmentName(name: string): { firstSeq: number; archived: boolean } | undefined {
  const match = segmentPattern.exec(name);
  const firstSeq = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(firstSeq) || firstSeq < 1) return undefined;
  return { firstSeq, archived: match[2] !== undefined };
}

/** Returns the id that a directory under sessions/ is named after, if it is one in the form we write. */
export function tryParseSessionDirectory(name: string): SessionId | undefined {
  const id = tryParseSessionId(name);
  return id === name ? id : undefined;
}
