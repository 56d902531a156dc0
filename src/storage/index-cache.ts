/** Sparse indexes that a reader thread keeps: of closed segments as their sidecars say, of growing ones as far as read. */
import type { SessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { BlockWalk, crcUnknown } from "./block-walk.ts";
import type { FileWindow } from "./file-window.ts";
import type { FileLayer } from "./files.ts";
import { type SegmentKey, tryReadSidecar } from "./segment-file.ts";
import { segmentHeaderSizeBytes } from "./segment-header.ts";
import { SegmentIndex } from "./segment-index.ts";

/** Where to begin a walk. */
export interface IndexPoint {
  readonly position: number;
  readonly seq: number;
}

interface CachedIndex {
  readonly saltLow: number;
  readonly saltHigh: number;
  readonly index: SegmentIndex;
  /** How far the index goes, and the seq that goes on there. */
  coveredPosition: number;
  coveredSeq: number;
}

export class IndexCache {
  #files: FileLayer;
  /** By session and segment; a Map remembers the order of use. */
  #cached = new Map<string, CachedIndex>();

  constructor(files: FileLayer) {
    this.#files = files;
  }

  /**
   * Returns the nearest known block of the window's segment that begins at or before `seq`, at most one index step away.
   * @param limit bytes of the segment that may be read.
   */
  pointAt(window: FileWindow, id: SessionId, directory: string, key: SegmentKey, limit: number, seq: number): IndexPoint {
    if (seq <= key.firstSeq) return { position: segmentHeaderSizeBytes, seq: key.firstSeq };
    const cached = this.#find(id, directory, key, limit);
    if (cached.coveredPosition < limit) extend(window, cached, limit);
    const point = cached.index.pointAt(seq);
    if (point < 0) return { position: segmentHeaderSizeBytes, seq: key.firstSeq };
    return { position: cached.index.positions[point] as number, seq: cached.index.seqs[point] as number };
  }

  #find(id: SessionId, directory: string, key: SegmentKey, limit: number): CachedIndex {
    const name = `${id}/${key.firstSeq}`;
    let cached = this.#cached.get(name);
    this.#cached.delete(name);
    // A segment that was archived, restored or made anew has another salt; one that was cut is shorter.
    const isUsable = cached?.saltLow === key.saltLow && cached.saltHigh === key.saltHigh && cached.coveredPosition <= limit;
    if (cached === undefined || !isUsable) cached = this.#load(directory, key, limit);
    this.#cached.set(name, cached);
    if (this.#cached.size > limits.segmentIndexCountMax) this.#dropOldest();
    return cached;
  }

  #load(directory: string, key: SegmentKey, limit: number): CachedIndex {
    const { saltLow, saltHigh } = key;
    const sidecar = tryReadSidecar(this.#files, directory, key, limit);
    if (sidecar === undefined) {
      const index = new SegmentIndex();
      return { saltLow, saltHigh, index, coveredPosition: segmentHeaderSizeBytes, coveredSeq: key.firstSeq };
    }
    return { saltLow, saltHigh, index: sidecar.index, coveredPosition: limit, coveredSeq: sidecar.lastSeq + 1 };
  }

  #dropOldest(): void {
    for (const name of this.#cached.keys()) {
      this.#cached.delete(name);
      return;
    }
  }
}

/** Reads block headers from where the index ends up to `limit`. */
function extend(window: FileWindow, cached: CachedIndex, limit: number): void {
  const walk = new BlockWalk(window, "headers");
  walk.begin({
    position: cached.coveredPosition,
    limit,
    saltLow: cached.saltLow,
    saltHigh: cached.saltHigh,
    expectedSeq: cached.coveredSeq,
    previousCrc: crcUnknown,
  });
  for (let found = walk.next(); found !== "end"; found = walk.next()) {
    if (found === "block") cached.index.add(walk.firstSeq, walk.position);
  }
  cached.coveredPosition = limit;
  cached.coveredSeq = walk.expectedSeq;
}
