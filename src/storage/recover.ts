/** Finds out at start what each session's files hold: where its log ends, which segments it has, what is damaged. */
import type { SessionId } from "../base/ids.ts";
import { failureOf } from "./failure.ts";
import { listIfThere, replaceFile, tryUnlink, withFile } from "./file-tools.ts";
import { FileWindow } from "./file-window.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import {
  damagedSuffix,
  segmentName,
  sessionDirectory,
  sessionsDirectory,
  sidecarName,
  temporarySuffix,
  tryParseSegmentName,
  tryParseSessionDirectory,
} from "./paths.ts";
import { buildSidecar, readSegmentKey, type SegmentKey, segmentPath, tryReadClosedSeq } from "./segment-file.ts";
import { encodeSidecar } from "./segment-index.ts";
import { type SegmentEnd, scanSegment, tryReadEnd } from "./segment-scan.ts";
import { readSessionRecord } from "./session-file.ts";
import type { SegmentInfo, SeqRange, SessionRecord, SessionTail, Trust } from "./types.ts";

/** What a session's files hold. */
export interface RecoveredSession {
  /** Undefined: there is none, or it is damaged; the session is then known by its segments. */
  readonly record: SessionRecord | undefined;
  readonly tail: SessionTail;
  /** Oldest first. They tile the seqs: each ends where the next begins. */
  readonly segments: readonly SegmentInfo[];
  /** Seq of the oldest entry kept; head + 1 when there is none. */
  readonly first: number;
  /** Size of the segment files. */
  readonly bytes: number;
  readonly lastEntryTimeMs: number | undefined;
  /** Entries that can not be read, as far as files were scanned. */
  readonly damage: readonly SeqRange[];
  /** Bytes of torn writes that were cut. */
  readonly cutBytes: number;
  /** Why nothing may be appended, also in `tail`; undefined: it may. */
  readonly readOnly: string | undefined;
  readonly warnings: readonly string[];
}

/** Returns the ids of all sessions that have a directory. */
export function listSessions(files: FileLayer, dataDir: string): SessionId[] {
  const ids: SessionId[] = [];
  for (const name of listIfThere(files, sessionsDirectory(dataDir))) {
    const id = tryParseSessionDirectory(name);
    if (id !== undefined) ids.push(id);
  }
  return ids;
}

/** One segment file as the directory shows it. */
interface FoundSegment {
  readonly firstSeq: number;
  readonly archived: boolean;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** It has a sidecar: it was closed, nothing is appended to it. */
  readonly isSealed: boolean;
}

/** What happened on the way. */
interface Notes {
  readonly warnings: string[];
  readonly damage: SeqRange[];
  cutBytes: number;
  readOnly: string | undefined;
}

/**
 * Looks at a session's files and readies them for appending: torn writes are cut, leftovers of an interrupted step are
 * removed, files without anything good are set aside. Reads the last pages only, unless these or `trust` call for more.
 * A file that can not be read makes the session read-only; nothing is thrown.
 */
export function recoverSession(files: FileLayer, dataDir: string, id: SessionId, trust: Trust): RecoveredSession {
  const notes: Notes = { warnings: [], damage: [], cutBytes: 0, readOnly: undefined };
  const directory = sessionDirectory(dataDir, id);
  const { record, warning } = readSessionRecord(files, dataDir, id);
  if (warning !== undefined) notes.warnings.push(warning);
  let found: FoundSegment[] = [];
  let end: SegmentEnd | undefined;
  try {
    found = findSegments(files, directory);
    end = recoverEnd(files, id, directory, found, trust, notes);
  } catch (error) {
    notes.readOnly = failureOf(`the files of session ${id} can not be read`, error).message;
    notes.warnings.push(notes.readOnly);
  }
  return summarise(record, found, end, notes);
}

function summarise(
  record: SessionRecord | undefined,
  found: readonly FoundSegment[],
  end: SegmentEnd | undefined,
  notes: Notes,
): RecoveredSession {
  const last = found[found.length - 1];
  const head = end?.lastSeq ?? (last === undefined ? 0 : last.firstSeq - 1);
  const segments = found.map(({ firstSeq, sizeBytes, archived }, index): SegmentInfo => {
    const next = found[index + 1];
    if (next === undefined) return { firstSeq, lastSeq: head, sizeBytes: end?.endPosition ?? sizeBytes, archived };
    return { firstSeq, lastSeq: next.firstSeq - 1, sizeBytes, archived };
  });
  const isGrowing = last !== undefined && end !== undefined && !last.archived && !last.isSealed && !end.isClosed;
  const oldest = segments[0];
  const tail = { head, segmentFirstSeq: isGrowing ? last.firstSeq : 0, endPosition: isGrowing ? end.endPosition : 0 };
  return {
    record,
    tail: notes.readOnly === undefined ? tail : { ...tail, readOnly: notes.readOnly },
    segments,
    first: oldest === undefined || oldest.lastSeq < oldest.firstSeq ? head + 1 : oldest.firstSeq,
    bytes: segments.reduce((sum, segment) => sum + segment.sizeBytes, 0),
    lastEntryTimeMs: end?.lastTimeMs,
    damage: notes.damage,
    cutBytes: notes.cutBytes,
    readOnly: notes.readOnly,
    warnings: notes.warnings,
  };
}

/** Returns the segments in the order of their seqs; removes what interrupted steps left behind. */
function findSegments(files: FileLayer, directory: string): FoundSegment[] {
  const names = new Set(listIfThere(files, directory));
  const found: FoundSegment[] = [];
  for (const name of names) {
    if (name.endsWith(temporarySuffix)) tryUnlink(files, `${directory}/${name}`);
    const parsed = tryParseSegmentName(name);
    if (parsed === undefined) continue;
    const { firstSeq, archived } = parsed;
    if (archived && names.has(segmentName(firstSeq, false))) {
      // Archiving or restoring was interrupted: the plain segment is whole in both cases.
      tryUnlink(files, `${directory}/${name}`);
      continue;
    }
    const status = files.status(`${directory}/${name}`);
    if (status === undefined) continue;
    const { sizeBytes, modifiedMs } = status;
    found.push({ firstSeq, archived, sizeBytes, modifiedMs, isSealed: names.has(sidecarName(firstSeq)) });
  }
  return found.sort((left, right) => left.firstSeq - right.firstSeq);
}

/** Returns where the last usable segment ends, and drops from `found` those behind it that hold nothing. */
function recoverEnd(
  files: FileLayer,
  id: SessionId,
  directory: string,
  found: FoundSegment[],
  trust: Trust,
  notes: Notes,
): SegmentEnd | undefined {
  const window = new FileWindow(files);
  let end: SegmentEnd | undefined;
  for (let segment = found[found.length - 1]; segment !== undefined; segment = found[found.length - 1]) {
    end = recoverSegment(files, window, id, directory, segment, trust, notes);
    if (end !== undefined || notes.readOnly !== undefined) break;
    found.pop();
  }
  // An end without a time has no entries: the newest entry lies in the segment before.
  for (let index = found.length - 2; end !== undefined && end.lastTimeMs === undefined && index >= 0; index--) {
    const time = lastTimeOf(files, window, id, directory, found[index] as FoundSegment);
    if (time !== undefined) end = { ...end, lastTimeMs: time };
  }
  window.close();
  return end;
}

/** Files written this shortly before a clean stop may carry a time behind it: clocks of file systems tick coarsely. */
const modifiedMarginMs = 5000;

/** Returns where this segment ends; undefined when it holds nothing (it is set aside then) or may not be used. */
function recoverSegment(
  files: FileLayer,
  window: FileWindow,
  id: SessionId,
  directory: string,
  segment: FoundSegment,
  trust: Trust,
  notes: Notes,
): SegmentEnd | undefined {
  const path = segmentPath(directory, segment.firstSeq, segment.archived);
  const end = withFile(files, path, "read", (descriptor) => {
    const key = readSegmentKey(files, descriptor, id, segment.firstSeq, directory);
    if (key === "unknown") {
      notes.readOnly = `${path} was made by a later version; start that version to append to the session`;
      notes.warnings.push(notes.readOnly);
      return undefined;
    }
    if (key === "damaged") return undefined;
    window.open(descriptor, segment.sizeBytes);
    const isTrusted = trust.sameBoot || segment.modifiedMs < trust.syncedBeforeMs - modifiedMarginMs;
    const quick = isTrusted ? tryReadEnd(window, key, segment.sizeBytes) : undefined;
    const scanned = quick ?? scanSegment(window, key, segment.sizeBytes);
    const found = segment.isSealed ? toClosedSeq(scanned, tryReadClosedSeq(files, directory, key)) : scanned;
    if (found.blockCount === 0 && found.isClosed) return undefined;
    if (found.isClosed && !segment.isSealed) seal(files, window, directory, key, found);
    return found;
  });
  if (notes.readOnly !== undefined) return undefined;
  if (end === undefined) {
    setAside(files, path, segment, notes);
    return undefined;
  }
  noteDamage(path, end, notes);
  const cutBytes = segment.sizeBytes - end.endPosition;
  if (cutBytes > 0 && !segment.archived && !end.isClosed) cutTail(files, path, end.endPosition, cutBytes, notes);
  return end;
}

/** Of a closed segment is known how far it went: what can not be read of its end is damage, and its seqs stay taken. */
function toClosedSeq(end: SegmentEnd, closedSeq: number | undefined): SegmentEnd {
  if (closedSeq === undefined || closedSeq <= end.lastSeq) return end;
  const damage = [...end.damage, { from: end.lastSeq + 1, to: closedSeq }];
  return { ...end, lastSeq: closedSeq, damage, isClosed: true, blockCount: end.blockCount + 1 };
}

function noteDamage(path: string, end: SegmentEnd, notes: Notes): void {
  notes.damage.push(...end.damage);
  for (const { from, to } of end.damage) notes.warnings.push(`${path}: entries ${from} to ${to} are damaged and left aside`);
}

function cutTail(files: FileLayer, path: string, endPosition: number, cutBytes: number, notes: Notes): void {
  notes.cutBytes += cutBytes;
  notes.warnings.push(`${path}: a torn write of ${cutBytes} bytes was cut`);
  try {
    withFile(files, path, "write", (descriptor) => files.truncate(descriptor, endPosition));
  } catch (error) {
    // Whoever appends cuts again before.
    notes.warnings.push(failureOf(`${path} can not be cut`, error).message);
  }
}

/** Renames a file in which nothing can be read; an empty one goes, there is nothing to keep. */
function setAside(files: FileLayer, path: string, segment: FoundSegment, notes: Notes): void {
  if (segment.sizeBytes === 0) {
    files.unlink(path);
    return;
  }
  let target = path + damagedSuffix;
  for (let count = 2; files.status(target) !== undefined; count++) target = `${path}${damagedSuffix}-${count}`;
  files.rename(path, target);
  notes.warnings.push(`${path} holds nothing that can be read and is set aside as ${target}`);
}

/** Gives the segment its sidecar: from now on it counts as closed. */
function seal(files: FileLayer, window: FileWindow, directory: string, key: SegmentKey, end: SegmentEnd): void {
  try {
    const bytes = encodeSidecar(buildSidecar(window, key, end.endPosition));
    replaceFile(files, directory, sidecarName(key.firstSeq), bytes, false);
  } catch (error) {
    // Without it the segment is scanned again at the next start, to the same end.
    errorCodeOf(error);
  }
}

function lastTimeOf(
  files: FileLayer,
  window: FileWindow,
  id: SessionId,
  directory: string,
  segment: FoundSegment,
): number | undefined {
  const path = segmentPath(directory, segment.firstSeq, segment.archived);
  return withFile(files, path, "read", (descriptor) => {
    const key = readSegmentKey(files, descriptor, id, segment.firstSeq, directory);
    if (typeof key === "string") return undefined;
    window.open(descriptor, segment.sizeBytes);
    return tryReadEnd(window, key, segment.sizeBytes)?.lastTimeMs;
  });
}
