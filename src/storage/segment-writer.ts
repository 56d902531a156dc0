/**
 * Appends blocks to the segment files of a shard's sessions. One per ingest worker, which is the only writer of these
 * files. Nothing unpublished is left behind: a failed write is cut back, a dead worker's writes are cut when its successor
 * takes the session over.
 */
import { randomFillSync } from "node:crypto";
import { assert, must } from "../base/assert.ts";
import { type AnyBytes, type OwnedBytes, readUint32 } from "../base/bytes.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { SessionId } from "../base/ids.ts";
import { blockAt } from "../record/block.ts";
import { blockFirstSeq, blockHeaderCrc, blockKeysOffset, blockKeysSize } from "../record/block-header.ts";
import { DescriptorCache } from "./descriptors.ts";
import { probeDisk } from "./disk.ts";
import { failureOf } from "./failure.ts";
import { ensureDirectory, replaceFile, tryUnlink, withFile, writeWhole } from "./file-tools.ts";
import { FileWindow } from "./file-window.ts";
import { errorCodeOf, type FileLayer } from "./files.ts";
import { sessionsDirectory, sidecarName } from "./paths.ts";
import { replacePoisoned } from "./poison.ts";
import { buildSidecar } from "./segment-file.ts";
import { segmentHeaderSizeBytes } from "./segment-header.ts";
import { encodeSidecar, type Sidecar } from "./segment-index.ts";
import { runSyncRound } from "./sync-round.ts";
import { takeOver } from "./take-over.ts";
import type { SegmentInfo, SessionTail, StorageFailure } from "./types.ts";
import { type GrowingSegment, newWriterSession, planSegment, type WriterSession } from "./writer-session.ts";

export interface SegmentWriterOptions {
  readonly files: FileLayer;
  readonly dataDir: string;
  /** A segment is rolled before it grows over this; one block larger than it gets a segment of its own. */
  readonly segmentSizeBytes: number;
  /** Files kept open; see `ulimit -n`. */
  readonly descriptorCountMax: number;
  /** Stamps new segments. */
  readonly clock?: Clock;
  /** Makes salts. */
  readonly fillRandom?: (target: OwnedBytes) => void;
}

/** What the header of the next block of a session must say. */
export interface BlockPlace {
  readonly saltLow: number;
  readonly saltHigh: number;
  readonly previousCrc: number;
  readonly firstSeq: number;
}

/** A block is in its file. */
export interface Appended {
  readonly tail: SessionTail;
  /** The segment it went to, as readers may see it now. */
  readonly segment: SegmentInfo;
  /** True when that segment was made for it. */
  readonly rolled: boolean;
}

export class SegmentWriter {
  #files: FileLayer;
  #dataDir: string;
  #segmentSizeBytes: number;
  #clock: Clock;
  #fillRandom: (target: OwnedBytes) => void;
  #descriptors: DescriptorCache;
  #window: FileWindow;
  #sessions = new Map<SessionId, WriterSession>();

  constructor(options: SegmentWriterOptions) {
    this.#files = options.files;
    this.#dataDir = options.dataDir;
    this.#segmentSizeBytes = options.segmentSizeBytes;
    this.#clock = options.clock ?? systemClock;
    this.#fillRandom = options.fillRandom ?? randomFillSync;
    this.#descriptors = new DescriptorCache(options.files, options.descriptorCountMax);
    this.#window = new FileWindow(options.files);
  }

  /**
   * Takes over a session whose log ends as `tail` says, as last published (a new session: all 0). What lies behind it is
   * cut before the first append; until then no file is touched.
   */
  adopt(id: SessionId, tail: SessionTail): void {
    this.forget(id);
    this.#sessions.set(id, newWriterSession(this.#dataDir, id, tail));
  }

  /** True when the session was adopted and not forgotten. */
  knows(id: SessionId): boolean {
    return this.#sessions.has(id);
  }

  /** Lets go of a session (purge, archive): closes its files. */
  forget(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session?.segment !== undefined) this.#descriptors.close(session.segment.path);
    this.#sessions.delete(id);
  }

  /** Readies the session's segment for a block of `sizeBytes` and says what goes in the block's header. */
  begin(id: SessionId, sizeBytes: number): BlockPlace | StorageFailure {
    const session = this.#mustFind(id);
    try {
      this.#ready(session);
    } catch (error) {
      return failureOf(`session ${id} can not be appended to`, error);
    }
    const segment = session.segment;
    session.planned = segment === undefined || this.#isFull(session, segment, sizeBytes) ? this.#plan(session) : undefined;
    const { saltLow, saltHigh, lastCrc } = must(session.planned ?? segment, "there is a segment to append to");
    return { saltLow, saltHigh, previousCrc: lastCrc, firstSeq: session.head + 1 };
  }

  /**
   * Writes the encoded block, made after `begin`, in one positioned write. It may lie in shared memory. On failure nothing
   * of it stays.
   */
  append(id: SessionId, block: AnyBytes, entryCount: number): Appended | StorageFailure {
    const session = this.#mustFind(id);
    const segment = must(session.planned ?? session.segment, "begin comes before append");
    const rolled = session.planned !== undefined;
    assert(blockFirstSeq(block, 0) === session.head + 1, "the block continues its session");
    assert(readUint32(block, blockAt.salt) === segment.saltLow, "the block was made for this segment");
    assert(readUint32(block, blockAt.previousCrc) === segment.lastCrc, "the block follows the last one");
    try {
      const descriptor = rolled ? this.#create(session, segment) : this.#descriptors.get(segment.path);
      session.unsynced.add(segment.firstSeq);
      writeWhole(this.#files, descriptor, block, 0, block.length, segment.sizeBytes);
    } catch (error) {
      this.#cutBack(session, segment, errorCodeOf(error));
      return failureOf(`a block of session ${id} was not written`, error);
    }
    if (rolled) this.#finishRoll(session, segment);
    this.#advance(session, segment, block, entryCount);
    const { firstSeq, sizeBytes } = segment;
    return {
      tail: { head: session.head, segmentFirstSeq: firstSeq, endPosition: sizeBytes },
      segment: { firstSeq, lastSeq: session.head, sizeBytes, archived: false },
      rolled,
    };
  }

  /**
   * Makes durable what was appended to these sessions: one fdatasync per file with unsynced writes and one fsync per
   * directory with new names, in parallel. A file whose sync failed is replaced by a checked and synced copy.
   * @returns for each id undefined, or why it is not durable; then nobody may be told that it is.
   */
  async syncAll(ids: Iterable<SessionId>): Promise<Map<SessionId, StorageFailure | undefined>> {
    const outcome = new Map<SessionId, StorageFailure | undefined>();
    const ready: WriterSession[] = [];
    for (const id of ids) {
      const session = this.#mustFind(id);
      outcome.set(id, undefined);
      try {
        this.#ready(session);
        ready.push(session);
      } catch (error) {
        outcome.set(id, failureOf(`session ${id} can not be synced`, error));
      }
    }
    const failures = await runSyncRound(this.#files, this.#dataDir, ready);
    for (const [id, failure] of failures) outcome.set(id, this.#tryHeal(id) ? undefined : failure);
    return outcome;
  }

  /** Returns the sessions with writes that no sync has covered, for the last sync before the end. */
  unsyncedIds(): SessionId[] {
    const ids: SessionId[] = [];
    for (const session of this.#sessions.values()) {
      if (session.unsynced.size > 0 || session.poisoned.size > 0) ids.push(session.id);
    }
    return ids;
  }

  /** Tries whether the disk takes writes (again). */
  probe(): StorageFailure | undefined {
    return probeDisk(this.#files, this.#dataDir);
  }

  /** Closes all files; sync before. */
  close(): void {
    this.#descriptors.closeAll();
    this.#sessions.clear();
  }

  #mustFind(id: SessionId): WriterSession {
    return must(this.#sessions.get(id), "a session is adopted before it is written to");
  }

  /** Does what must be done before anything is appended; throws what prevents it. */
  #ready(session: WriterSession): void {
    if (session.adopted !== undefined) takeOver(this.#files, session, session.adopted);
    const segment = session.segment;
    if (session.mustCut && segment !== undefined) {
      this.#files.truncate(this.#descriptors.get(segment.path), segment.sizeBytes);
      session.mustCut = false;
    }
    this.#heal(session);
  }

  #isFull(session: WriterSession, segment: GrowingSegment, sizeBytes: number): boolean {
    if (session.head < segment.firstSeq) return false;
    return session.mustRoll || segment.sizeBytes + sizeBytes > this.#segmentSizeBytes;
  }

  #plan(session: WriterSession): GrowingSegment {
    const salt = new Uint8Array(8);
    this.#fillRandom(salt);
    return planSegment(session, salt, this.#clock.nowMs());
  }

  /** Makes the planned segment's file. */
  #create(session: WriterSession, segment: GrowingSegment): number {
    session.namesUnsynced = true;
    const descriptor = this.#createFile(session, segment.path);
    const header = must(segment.header, "a planned segment has its header");
    writeWhole(this.#files, descriptor, header, 0, segmentHeaderSizeBytes, 0);
    return descriptor;
  }

  #createFile(session: WriterSession, path: string): number {
    try {
      return this.#descriptors.create(path);
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === "ENOENT") {
        ensureDirectory(this.#files, sessionsDirectory(this.#dataDir));
        ensureDirectory(this.#files, session.directory);
      } else if (code === "EEXIST") {
        // Left from an attempt that failed: nothing in it was published.
        this.#files.unlink(path);
      } else {
        throw error;
      }
    }
    return this.#descriptors.create(path);
  }

  #cutBack(session: WriterSession, segment: GrowingSegment, code: string): void {
    if (session.planned === segment) {
      session.planned = undefined;
      session.unsynced.delete(segment.firstSeq);
      this.#descriptors.close(segment.path);
      tryUnlink(this.#files, segment.path);
      return;
    }
    session.mustRoll = code === "EFBIG";
    try {
      this.#files.truncate(this.#descriptors.get(segment.path), segment.sizeBytes);
    } catch (error) {
      errorCodeOf(error);
      session.mustCut = true;
    }
  }

  /** The new segment holds a block: the one before is closed and gets its sidecar. */
  #finishRoll(session: WriterSession, segment: GrowingSegment): void {
    const closed = session.segment;
    session.segment = segment;
    session.planned = undefined;
    session.mustRoll = false;
    if (closed === undefined) return;
    try {
      const bytes = encodeSidecar(this.#sidecarOf(session, closed));
      replaceFile(this.#files, session.directory, sidecarName(closed.firstSeq), bytes, false);
    } catch (error) {
      // Readers make it from the segment when it is missing.
      errorCodeOf(error);
    } finally {
      this.#descriptors.close(closed.path);
    }
  }

  #sidecarOf(session: WriterSession, closed: GrowingSegment): Sidecar {
    const { firstSeq, saltLow, saltHigh, sizeBytes, index, keys } = closed;
    if (index === undefined) {
      return withFile(this.#files, closed.path, "read", (descriptor) => {
        this.#window.open(descriptor, sizeBytes);
        return buildSidecar(this.#window, { firstSeq, saltLow, saltHigh, headerCrc: -1 }, sizeBytes);
      });
    }
    const keysBytes = keys.bytes.subarray(0, keys.length);
    return { saltLow, saltHigh, segmentSizeBytes: sizeBytes, lastSeq: session.head, index, keys: keysBytes };
  }

  #advance(session: WriterSession, segment: GrowingSegment, block: AnyBytes, entryCount: number): void {
    if (segment.index !== undefined) {
      segment.index.add(session.head + 1, segment.sizeBytes);
      const keysSize = blockKeysSize(block, 0);
      const keysStart = blockKeysOffset(block, 0);
      if (keysSize > 0) segment.keys.append(block, keysStart, keysStart + keysSize);
    }
    session.head += entryCount;
    segment.sizeBytes += block.length;
    segment.lastCrc = blockHeaderCrc(block, 0);
  }

  /** Replaces files whose sync failed by synced copies; throws when one can not be replaced (yet). */
  #heal(session: WriterSession): void {
    if (session.poisoned.size === 0) return;
    for (const firstSeq of [...session.poisoned]) {
      const growing = session.segment?.firstSeq === firstSeq ? session.segment : undefined;
      if (growing !== undefined) this.#descriptors.close(growing.path);
      const { id, directory } = session;
      replacePoisoned(this.#files, this.#window, { id, directory, firstSeq, sizeBytes: growing?.sizeBytes });
      session.poisoned.delete(firstSeq);
    }
  }

  #tryHeal(id: SessionId): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined || session.poisoned.size === 0 || session.namesUnsynced) return false;
    try {
      this.#heal(session);
      return session.unsynced.size === 0;
    } catch (error) {
      errorCodeOf(error);
      return false;
    }
  }
}
