/** Makes deltas: from the ring at once, from file by a query thread; what several followers want is made once. */
import { assert } from "../base/assert.ts";
import type { OwnedBytes } from "../base/bytes.ts";
import { limits } from "../config.ts";
import { BlockView } from "../record/scan.hot.ts";
import { type Delta, DeltaBuilder, type DeltaForm } from "../wire/delta.ts";
import type { Refusal } from "../wire/outcome.ts";
import type { PageGap } from "../wire/page.ts";
import type { Engine } from "./engine.ts";
import { isRefusal } from "./query-input.ts";
import type { ReadFilter } from "./read-input.ts";
import type { Reads } from "./reads.ts";
import type { Session } from "./session.ts";

/** What a query thread found behind a cursor: entries, or first a gap. */
export interface FileDelta {
  readonly delta: Delta | undefined;
  readonly gap: PageGap | undefined;
}

/** A delta that others may use too. */
interface MadeDelta {
  readonly delta: Delta;
  /** It holds as much as a delta may: it stays the right one for its cursor when the log grows. */
  readonly isFull: boolean;
}

export class DeltaSource {
  readonly #engine: Engine;
  readonly #reads: Reads;
  readonly #builder = new DeltaBuilder();
  readonly #view = new BlockView();
  readonly #made = new Map<string, MadeDelta>();
  #madeSizeBytes = 0;
  readonly #memory = new DeltaMemory();
  readonly #reading = new Map<string, Promise<FileDelta | Refusal>>();
  /** Reads that have a query thread, and the starts of those that wait for one. */
  #readingCount = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(engine: Engine, reads: Reads) {
    this.#engine = engine;
    this.#reads = reads;
  }

  /** Reads that are under way or wait. */
  get readCount(): number {
    return this.#reading.size;
  }

  /**
   * Returns the entries behind `cursor`, as many as one delta holds; undefined: a query thread has to read them. Valid until
   * the next call.
   */
  tryFromRing(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm): Delta | undefined {
    assert(cursor < session.head, "there are entries behind the cursor");
    const key = keyOf(session, cursor, filter, form);
    const made = this.#tryMade(key, session);
    if (made !== undefined) return made;
    if (cursor + 1 < session.residentFirst) return undefined;
    const { ring } = this.#engine.shardOf(session);
    const isEmpty = filter.filter.isEmpty;
    let scannedSizeBytes = 0;
    let isCut = false;
    this.#builder.begin(form, cursor, isEmpty ? undefined : filter.filter);
    session.visitResident(cursor, (block) => {
      // Without a filter a delta is full soon; with one, much may be looked at for little: that is a thread's work.
      isCut = !isEmpty && scannedSizeBytes + block.sizeBytes > limits.fanOutScanSizeBytesMax;
      if (isCut) return false;
      scannedSizeBytes += block.sizeBytes;
      isCut = !this.#builder.add(this.#view.openBlock(ring.bytes, ring.offsetOf(block.position)));
      return !isCut;
    });
    // A lone follower's delta is used at once and by nobody else: it may stay where it was made.
    const isShared = session.listeners.size > 1;
    const delta = this.#builder.finish((entries) => (isShared ? this.#copied(entries) : entries));
    if (delta.cursor === cursor) return undefined;
    if (isShared) this.#keep(key, { delta, isFull: isCut });
    return delta;
  }

  /** Reads the entries behind `cursor` from file. */
  fromFile(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm): Promise<FileDelta | Refusal> {
    const key = keyOf(session, cursor, filter, form);
    const running = this.#reading.get(key);
    if (running !== undefined) return running;
    const reading = this.#inTurn(() => this.#read(session, cursor, filter, form)).then((found) => {
      this.#reading.delete(key);
      if (!isRefusal(found) && found.gap === undefined && found.delta !== undefined) {
        this.#makeRoom(found.delta.sizeBytes);
        this.#keep(key, { delta: found.delta, isFull: isFullDelta(found.delta) });
      }
      return found;
    });
    this.#reading.set(key, reading);
    return reading;
  }

  #read(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm): Promise<FileDelta | Refusal> {
    return this.#reads.runOnFiles<FileDelta>(session, "delta", { cursor, spec: filter.spec, form });
  }

  /** Followers that catch up leave the threads to other reads as well: few at a time, first come first served. */
  async #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#readingCount >= limits.followReadCountMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#readingCount++;
    try {
      return await action();
    } finally {
      this.#readingCount--;
      this.#waiting.shift()?.();
    }
  }

  /** A delta that ended where the log did is of no use when the log has grown: many of them would make a slow chain. */
  #tryMade(key: string, session: Session): Delta | undefined {
    const made = this.#made.get(key);
    return made !== undefined && (made.isFull || made.delta.cursor === session.head) ? made.delta : undefined;
  }

  #copied(entries: OwnedBytes): OwnedBytes {
    this.#makeRoom(entries.length);
    return this.#memory.copy(entries);
  }

  #keep(key: string, made: MadeDelta): void {
    this.#madeSizeBytes += made.delta.sizeBytes - (this.#made.get(key)?.delta.sizeBytes ?? 0);
    this.#made.set(key, made);
  }

  /** Forgets everything when it is too much: followers move on together, so old deltas are worth little. */
  #makeRoom(sizeBytes: number): void {
    const isMuch = this.#madeSizeBytes + sizeBytes > limits.deltaCacheSizeBytesMax || !this.#memory.hasRoom(sizeBytes);
    if (!isMuch && this.#made.size < limits.deltaCacheCountMax) return;
    this.#made.clear();
    this.#madeSizeBytes = 0;
    this.#memory.clear();
  }
}

/**
 * Memory of the deltas that are made here, one piece for all: a piece for each would have the collector run many times a
 * second, and the whole main thread wait for it.
 */
class DeltaMemory {
  /** Made at the first delta. */
  #bytes = new Uint8Array(0);
  #sizeBytes = 0;

  hasRoom(sizeBytes: number): boolean {
    return this.#sizeBytes + sizeBytes <= limits.deltaCacheSizeBytesMax;
  }

  /** Returns a copy that is valid until `clear`. */
  copy(bytes: OwnedBytes): OwnedBytes {
    assert(this.hasRoom(bytes.length), "whoever copies made room");
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(limits.deltaCacheSizeBytesMax);
    const start = this.#sizeBytes;
    this.#bytes.set(bytes, start);
    this.#sizeBytes += bytes.length;
    return this.#bytes.subarray(start, this.#sizeBytes);
  }

  clear(): void {
    this.#sizeBytes = 0;
  }
}

function isFullDelta(delta: Delta): boolean {
  return delta.count >= limits.deltaEntryCountMax || delta.sizeBytes >= limits.deltaSizeBytesMax;
}

function keyOf(session: Session, cursor: number, filter: ReadFilter, form: DeltaForm): string {
  return `${session.slot}:${cursor}:${form}:${filter.filter.key}`;
}
