/**
 * Reads the blocks of a session from its segment files, forward or backward from any seq. Runs in query threads beside the
 * writers: only published bytes are looked at, and these never change.
 */
import type { AnyBytes } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { BackwardWalk } from "./backward-walk.ts";
import { BlockWalk, crcUnknown } from "./block-walk.ts";
import { failureOf } from "./failure.ts";
import { FileWindow } from "./file-window.ts";
import type { FileLayer } from "./files.ts";
import { IndexCache } from "./index-cache.ts";
import { BlockInflater, isCompressed } from "./inflate.ts";
import { type OpenedSegment, walkSegment, withSegment } from "./segment-file.ts";
import { segmentHeaderSizeBytes } from "./segment-header.ts";
import type { SegmentInfo, SeqRange, StorageFailure } from "./types.ts";

/** Takes what a reader finds, in order. */
export interface BlockVisitor {
  /**
   * A good block, compressed ones already inflated: `BlockView.openBlock(bytes, offset)` reads it. May hold entries outside
   * of what was asked for. `bytes` is valid until it returns.
   * @returns false to stop reading.
   */
  block(bytes: AnyBytes, offset: number): boolean;
  /** Entries of kept segments that can not be read. */
  gap(range: SeqRange): void;
}

export class SegmentReader {
  #files: FileLayer;
  #dataDir: string;
  #window: FileWindow;
  #inflater = new BlockInflater();
  #indexes: IndexCache;
  /** Of the segment that is read. */
  #hasDamage = false;

  constructor(options: { readonly files: FileLayer; readonly dataDir: string }) {
    this.#files = options.files;
    this.#dataDir = options.dataDir;
    this.#window = new FileWindow(options.files);
    this.#indexes = new IndexCache(options.files);
  }

  /**
   * Hands `visitor` the blocks with entries behind `cursor`, oldest first. What lies before the first segment is not
   * reported as a gap.
   * @param segments all that may be read, oldest first, as published.
   */
  readForward(
    id: SessionId,
    segments: readonly SegmentInfo[],
    cursor: number,
    visitor: BlockVisitor,
  ): StorageFailure | undefined {
    for (const info of segments) {
      if (info.lastSeq <= cursor) continue;
      const from = Math.max(cursor + 1, info.firstSeq);
      const outcome = this.#withSegment(id, info, (segment) => this.#walkForward(id, segment, from, visitor));
      if (outcome === "absent") visitor.gap({ from, to: info.lastSeq });
      else if (outcome !== "on") return outcome === "stop" ? undefined : outcome;
    }
    return undefined;
  }

  /** Hands `visitor` the blocks with entries before seq `before`, newest first. */
  readBackward(
    id: SessionId,
    segments: readonly SegmentInfo[],
    before: number,
    visitor: BlockVisitor,
  ): StorageFailure | undefined {
    for (let index = segments.length - 1; index >= 0; index--) {
      const info = segments[index] as SegmentInfo;
      if (info.firstSeq >= before || info.lastSeq < info.firstSeq) continue;
      const to = Math.min(before - 1, info.lastSeq);
      const outcome = this.#withSegment(id, info, (segment) => this.#walkBackward(id, segment, to, visitor));
      if (outcome === "absent") visitor.gap({ from: info.firstSeq, to });
      else if (outcome !== "on") return outcome === "stop" ? undefined : outcome;
    }
    return undefined;
  }

  #withSegment(
    id: SessionId,
    info: SegmentInfo,
    use: (segment: OpenedSegment) => "on" | "stop",
  ): "on" | "stop" | "absent" | StorageFailure {
    try {
      return withSegment(this.#files, this.#dataDir, id, info, (segment) => {
        // Salts are random and new with each file: the page behind the last one goes on in what is in memory.
        this.#window.open(segment.descriptor, segment.limit, `${segment.key.saltLow}:${segment.key.saltHigh}`);
        this.#hasDamage = false;
        return use(segment);
      });
    } catch (error) {
      return failureOf(`segment ${info.firstSeq} of session ${id} can not be read`, error);
    } finally {
      // Damage is looked at anew each time: what was read wrongly may be right the next time.
      this.#window.close(!this.#hasDamage);
    }
  }

  #walkForward(id: SessionId, segment: OpenedSegment, from: number, visitor: BlockVisitor): "on" | "stop" {
    const { directory, key, info, limit } = segment;
    const point = this.#indexes.pointAt(this.#window, id, directory, key, limit, from);
    const walk = this.#beginWalk(segment, point.position, point.seq);
    let next = from;
    for (let found = walk.next(); found !== "end"; found = walk.next()) {
      const last = walk.firstSeq + walk.count - 1;
      if (found === "bad") this.#hasDamage = true;
      if (found === "bad" || last < next) continue;
      if (walk.firstSeq > info.lastSeq) break;
      if (!this.#tryInflate(walk.offset)) continue;
      if (walk.firstSeq > next) visitor.gap({ from: next, to: walk.firstSeq - 1 });
      next = last + 1;
      if (!this.#visit(walk.offset, visitor)) return "stop";
    }
    if (next <= info.lastSeq) visitor.gap({ from: next, to: info.lastSeq });
    return "on";
  }

  #walkBackward(id: SessionId, segment: OpenedSegment, to: number, visitor: BlockVisitor): "on" | "stop" {
    const { directory, key, info, limit } = segment;
    const walk = new BackwardWalk(this.#window, key, limit);
    if (to < info.lastSeq) {
      walk.beginAt(this.#indexes.pointAt(this.#window, id, directory, key, limit, to), to);
    }
    let next = to;
    while (walk.next() !== "end") {
      const last = walk.firstSeq + walk.count - 1;
      if (walk.firstSeq > next || walk.count === 0) continue;
      if (!this.#tryInflate(walk.offset)) continue;
      if (last < next) visitor.gap({ from: last + 1, to: next });
      next = walk.firstSeq - 1;
      if (!this.#visit(walk.offset, visitor)) return "stop";
    }
    if (next >= info.firstSeq) visitor.gap({ from: info.firstSeq, to: next });
    return "on";
  }

  #beginWalk(segment: OpenedSegment, position: number, expectedSeq: number): BlockWalk {
    const { key, limit } = segment;
    if (position === segmentHeaderSizeBytes) return walkSegment(this.#window, key, limit, "whole");
    const walk = new BlockWalk(this.#window, "whole");
    const { saltLow, saltHigh } = key;
    walk.begin({ position, limit, saltLow, saltHigh, expectedSeq, previousCrc: crcUnknown });
    return walk;
  }

  /** True when the block's payload can be read: it was inflated, or need not be. */
  #tryInflate(offset: number): boolean {
    const bytes = this.#window.bytes;
    if (!isCompressed(bytes, offset) || this.#inflater.tryInflate(bytes, offset)) return true;
    this.#hasDamage = true;
    return false;
  }

  #visit(offset: number, visitor: BlockVisitor): boolean {
    const bytes = this.#window.bytes;
    return isCompressed(bytes, offset) ? visitor.block(this.#inflater.bytes, 0) : visitor.block(bytes, offset);
  }
}
