/** Checks every file of a data directory without changing any: what `tailrace verify` reports. */
import { AssertionError } from "../base/assert.ts";
import type { SessionId } from "../base/ids.ts";
import { blockFault } from "../record/block-header.ts";
import { BlockView } from "../record/scan.hot.ts";
import { failureOf } from "./failure.ts";
import { withFile } from "./file-tools.ts";
import { FileWindow } from "./file-window.ts";
import type { FileLayer } from "./files.ts";
import { BlockInflater, isCompressed } from "./inflate.ts";
import {
  damagedSuffix,
  segmentName,
  sessionDirectory,
  sessionFileName,
  sessionsDirectory,
  sidecarName,
  temporarySuffix,
  trashPrefix,
  tryParseSegmentName,
  tryParseSessionDirectory,
} from "./paths.ts";
import { readSegmentKey, type SegmentKey, tryReadClosedSeq, tryReadSidecarFile, walkSegment } from "./segment-file.ts";
import { readSessionRecord } from "./session-file.ts";

/** What a check found. */
export interface VerifyReport {
  /** Damage, one line each: which file, what, what was lost. Empty: all is well. */
  readonly findings: string[];
  /** What is unusual and harmless, one line each. */
  readonly notes: string[];
  sessionCount: number;
  segmentCount: number;
  blockCount: number;
  entryCount: number;
  /** Size of the segments that were read. */
  sizeBytes: number;
}

/** Called now and then with how many bytes of all were read, and which file is being read. */
export type VerifyProgress = (doneBytes: number, totalBytes: number, path: string) => void;

interface SegmentFile {
  readonly firstSeq: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly hasSidecar: boolean;
}

interface SessionFiles {
  readonly id: SessionId;
  readonly directory: string;
  readonly segments: readonly SegmentFile[];
}

/** Checks all sessions of `dataDir`. A file that can not be read is a finding, nothing is thrown. */
export function verifyDataDirectory(files: FileLayer, dataDir: string, onProgress?: VerifyProgress): VerifyReport {
  const verifier = new Verifier(files, dataDir, onProgress);
  verifier.run();
  return verifier.report;
}

class Verifier {
  readonly report: VerifyReport = {
    findings: [],
    notes: [],
    sessionCount: 0,
    segmentCount: 0,
    blockCount: 0,
    entryCount: 0,
    sizeBytes: 0,
  };
  #files: FileLayer;
  #dataDir: string;
  #onProgress: VerifyProgress | undefined;
  #window: FileWindow;
  #inflater = new BlockInflater();
  #view = new BlockView();
  #totalBytes = 0;

  constructor(files: FileLayer, dataDir: string, onProgress: VerifyProgress | undefined) {
    this.#files = files;
    this.#dataDir = dataDir;
    this.#onProgress = onProgress;
    this.#window = new FileWindow(files);
  }

  run(): void {
    const sessions = this.#findSessions();
    for (const session of sessions) for (const segment of session.segments) this.#totalBytes += segment.sizeBytes;
    for (const session of sessions) this.#checkSession(session);
  }

  #findSessions(): SessionFiles[] {
    const sessions: SessionFiles[] = [];
    const parent = sessionsDirectory(this.#dataDir);
    for (const name of this.#list(parent)) {
      const id = tryParseSessionDirectory(name);
      if (id !== undefined) sessions.push(this.#findFiles(id));
      else if (name.startsWith(trashPrefix))
        this.report.notes.push(`${parent}/${name} is left from a purge; the next start removes it`);
      else this.report.notes.push(`${parent}/${name} is no session`);
    }
    return sessions;
  }

  #findFiles(id: SessionId): SessionFiles {
    const directory = sessionDirectory(this.#dataDir, id);
    const names = new Set(this.#list(directory));
    const segments: SegmentFile[] = [];
    for (const name of names) {
      const path = `${directory}/${name}`;
      const parsed = tryParseSegmentName(name);
      if (parsed !== undefined) {
        if (parsed.archived && names.has(segmentName(parsed.firstSeq, false))) {
          this.report.notes.push(`${path} stands beside its plain segment; the next start removes it`);
          continue;
        }
        const sizeBytes = this.#files.status(path)?.sizeBytes ?? 0;
        segments.push({ firstSeq: parsed.firstSeq, path, sizeBytes, hasSidecar: names.has(sidecarName(parsed.firstSeq)) });
      } else if (name.endsWith(temporarySuffix)) {
        this.report.notes.push(`${path} is left from an interrupted write; the next start removes it`);
      } else if (name.includes(damagedSuffix)) {
        this.report.notes.push(`${path} was set aside by an earlier start`);
      }
    }
    return { id, directory, segments: segments.sort((left, right) => left.firstSeq - right.firstSeq) };
  }

  #list(path: string): string[] {
    try {
      return this.#files.list(path).sort();
    } catch (error) {
      this.report.findings.push(failureOf(`${path} can not be listed`, error).message);
      return [];
    }
  }

  #checkSession(session: SessionFiles): void {
    this.report.sessionCount++;
    const { record, warning } = readSessionRecord(this.#files, this.#dataDir, session.id);
    if (warning !== undefined) this.report.findings.push(warning);
    else if (record === undefined && session.segments.length > 0)
      this.report.findings.push(`${session.directory}/${sessionFileName} is missing`);
    else if (record === undefined)
      this.report.notes.push(`${session.directory} is left from a session whose making was interrupted: nothing was in it`);
    for (const [index, segment] of session.segments.entries()) {
      this.report.segmentCount++;
      try {
        this.#checkSegment(session, segment, session.segments[index + 1]);
      } catch (error) {
        this.report.findings.push(failureOf(`${segment.path} can not be read`, error).message);
      }
    }
  }

  #checkSegment(session: SessionFiles, segment: SegmentFile, next: SegmentFile | undefined): void {
    const lastSeq = withFile(this.#files, segment.path, "read", (descriptor) => {
      const key = readSegmentKey(this.#files, descriptor, session.id, segment.firstSeq, session.directory);
      if (key === "unknown") {
        this.report.findings.push(`${segment.path} was made by a later version and can not be checked`);
        return undefined;
      }
      if (key === "damaged") {
        this.report.findings.push(`${segment.path}: its header is damaged and no block can be read`);
        return segment.firstSeq - 1;
      }
      if (key.headerCrc < 0) this.report.findings.push(`${segment.path}: its header is damaged; its blocks are still read`);
      this.#window.open(descriptor, segment.sizeBytes);
      const last = this.#checkBlocks(segment, key, next === undefined && !segment.hasSidecar);
      if (segment.hasSidecar) this.#checkSidecar(session, segment, key);
      const closed = next === undefined ? tryReadClosedSeq(this.#files, session.directory, key) : undefined;
      if (closed !== undefined && closed > last)
        this.report.findings.push(`${segment.path}: entries ${last + 1} to ${closed} are lost`);
      return last;
    });
    this.report.sizeBytes += segment.sizeBytes;
    if (lastSeq === undefined || next === undefined || lastSeq + 1 === next.firstSeq) return;
    this.report.findings.push(
      lastSeq + 1 < next.firstSeq
        ? `${segment.path}: entries ${lastSeq + 1} to ${next.firstSeq - 1} are missing before ${next.path}`
        : `${segment.path}: goes on to entry ${lastSeq}, but ${next.path} begins before`,
    );
  }

  /** Returns the seq of the last entry that can be read. */
  #checkBlocks(segment: SegmentFile, key: SegmentKey, isLast: boolean): number {
    const walk = walkSegment(this.#window, key, segment.sizeBytes, "whole");
    let lastSeq = segment.firstSeq - 1;
    for (let found = walk.next(); found !== "end"; found = walk.next()) {
      const where = `${segment.path}: ${walk.sizeBytes} bytes at ${walk.position}`;
      this.#onProgress?.(this.report.sizeBytes + walk.position + walk.sizeBytes, this.#totalBytes, segment.path);
      if (found === "bad") {
        const isTail = isLast && walk.position + walk.sizeBytes >= segment.sizeBytes;
        if (walk.fault === blockFault.unknown) this.report.findings.push(`${where} are a block of a later version`);
        else if (isTail) this.report.findings.push(`${where} are a torn write; the next start cuts it`);
        else this.report.findings.push(`${where} are damaged`);
        continue;
      }
      if (walk.firstSeq > lastSeq + 1) {
        this.report.findings.push(`${segment.path}: entries ${lastSeq + 1} to ${walk.firstSeq - 1} are lost`);
      }
      if (!this.#opens(walk.offset, walk.count)) this.report.findings.push(`${where} are a block whose columns do not fit`);
      lastSeq = walk.firstSeq + walk.count - 1;
      this.report.blockCount++;
      this.report.entryCount += walk.count;
    }
    return lastSeq;
  }

  /** True when the block's payload can be read and has as many entries as its header says. */
  #opens(offset: number, count: number): boolean {
    const bytes = this.#window.bytes;
    try {
      if (!isCompressed(bytes, offset)) return this.#view.openBlock(bytes, offset).count === count;
      return this.#inflater.tryInflate(bytes, offset) && this.#view.openBlock(this.#inflater.bytes, 0).count === count;
    } catch (error) {
      if (error instanceof AssertionError || error instanceof RangeError) return false;
      throw error;
    }
  }

  #checkSidecar(session: SessionFiles, segment: SegmentFile, key: SegmentKey): void {
    const path = `${session.directory}/${sidecarName(segment.firstSeq)}`;
    const sidecar = tryReadSidecarFile(this.#files, session.directory, segment.firstSeq);
    if (sidecar?.saltLow === key.saltLow && sidecar.segmentSizeBytes === segment.sizeBytes) return;
    this.report.notes.push(`${path} does not describe its segment; readers do without it`);
  }
}
