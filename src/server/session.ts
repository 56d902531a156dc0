/** A session as the main thread knows it: its record, where its log ends, which of its blocks are in memory, who follows. */
import { assert } from "../base/assert.ts";
import type { SessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import type { RingBlock } from "../handoff/ring.ts";
import type { SegmentInfo, SessionRecord, SessionTail } from "../storage/types.ts";
import type { SessionObject } from "../wire/api.ts";
import type { Refusal } from "../wire/outcome.ts";

/** A block of the session that lies in its shard's ring. */
export interface ResidentBlock extends RingBlock {
  readonly firstSeq: number;
  readonly count: number;
}

/** Told after each publication, each change of state and the removal; must not throw and must not publish. */
export interface SessionListener {
  onPublished(session: Session): void;
}

export class Session {
  readonly id: SessionId;
  /** Number of the session in jobs; never used again while the process lives. */
  readonly slot: number;
  readonly shardIndex: number;
  record: SessionRecord;
  tail: SessionTail;
  /** Oldest entry kept; head + 1 when none is. */
  first: number;
  /** Oldest first; the last one grows. Replaced, never changed in place: queries hold on to it. */
  segments: readonly SegmentInfo[];
  lastActivityMs: number;
  isSelf = false;
  /** The generation of the shard's worker that has adopted the session; -1: none. */
  adoptedGeneration = -1;
  /** Files are being archived, restored or removed: appends wait for nothing, they are refused or queued by the engine. */
  busy: "archive" | "restore" | "purge" | undefined;
  /** Its last entries are being written; until they are, the outside sees it active, for whoever reads up to its end. */
  ending: Promise<Refusal | undefined> | undefined;
  /** The session and its data are gone; who still holds on to it lets go. */
  isRemoved = false;
  /** Batches that were taken in and not answered yet. */
  waitingCount = 0;
  readonly listeners = new Set<SessionListener>();
  /** Sockets that count as "heard of" for idleness. */
  socketCount = 0;
  #resident: ResidentBlock[] = [];
  #residentFrom = 0;
  #residentEntryCount = 0;

  constructor(id: SessionId, slot: number, shardIndex: number, record: SessionRecord, nowMs: number) {
    this.id = id;
    this.slot = slot;
    this.shardIndex = shardIndex;
    this.record = record;
    this.tail = { head: 0, segmentFirstSeq: 0, endPosition: 0 };
    this.first = 1;
    this.segments = [];
    this.lastActivityMs = nowMs;
  }

  get head(): number {
    return this.tail.head;
  }

  /** Why its files take no appends; undefined: they do. */
  get readOnly(): string | undefined {
    return this.tail.readOnly;
  }

  get isActive(): boolean {
    return this.record.status === "active";
  }

  /** The status that the outside sees. */
  get status(): "active" | "ended" {
    return this.ending === undefined ? this.record.status : "active";
  }

  get sizeBytes(): number {
    let sum = 0;
    for (const segment of this.segments) sum += segment.sizeBytes;
    return sum;
  }

  get isArchived(): boolean {
    return this.segments.length > 0 && this.segments.every((segment) => segment.archived);
  }

  /** Seq of the oldest entry that is in memory; head + 1 when none is. */
  get residentFirst(): number {
    return this.#resident[this.#residentFrom]?.firstSeq ?? this.head + 1;
  }

  get residentCount(): number {
    return this.#resident.length - this.#residentFrom;
  }

  /** Takes over a block that was written: the log ends behind it now. `position` -1: it is only in the file. */
  publish(
    block: { firstSeq: number; count: number; segmentFirstSeq: number; endPosition: number },
    resident: ResidentBlock | undefined,
  ): void {
    assert(block.firstSeq === this.head + 1 && block.count > 0, "blocks of a session follow each other without holes");
    const head = block.firstSeq + block.count - 1;
    this.tail = { head, segmentFirstSeq: block.segmentFirstSeq, endPosition: block.endPosition };
    this.#extendSegments(block.segmentFirstSeq, head, block.endPosition);
    if (resident === undefined) this.dropResident();
    else this.#keepResident(resident);
  }

  /** Calls `visit` with each resident block that holds entries behind `cursor`, oldest first, until it returns false. */
  visitResident(cursor: number, visit: (block: ResidentBlock) => boolean): void {
    let low = this.#residentFrom;
    let high = this.#resident.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = this.#resident[middle] as ResidentBlock;
      if (block.firstSeq + block.count - 1 > cursor) high = middle;
      else low = middle + 1;
    }
    for (let index = low; index < this.#resident.length; index++) if (!visit(this.#resident[index] as ResidentBlock)) return;
  }

  /** Forgets segments that were removed; always the oldest. */
  dropSegments(firstSeqs: ReadonlySet<number>): void {
    this.segments = this.segments.filter((segment) => !firstSeqs.has(segment.firstSeq));
    this.first = this.segments[0]?.firstSeq ?? this.head + 1;
  }

  /** Called by the ring when it needs the oldest block's bytes. */
  dropOldestResident(block: RingBlock): void {
    assert(this.#resident[this.#residentFrom] === block, "a session's blocks leave memory oldest first");
    this.#forgetOldest();
  }

  /** The outside's view. */
  toObject(): SessionObject {
    const { pid_start: _start, boot_id: _boot, is_self: _self, restored_at: _restored, ...kept } = this.record;
    const { archived_at, original_bytes, archived_bytes, ...record } = kept;
    return {
      ...record,
      ...(this.isArchived ? { archived_at, original_bytes, archived_bytes } : {}),
      ...(this.ending === undefined ? {} : { status: this.status, ended_at: null, end_reason: null }),
      metadata: record.metadata as Record<string, unknown>,
      last_activity_at: this.isActive ? this.#lastActivity(record.last_activity_at) : record.last_activity_at,
      head: this.head,
      first: this.first,
      bytes: this.sizeBytes,
      archived: this.isArchived,
      is_self: this.isSelf,
    };
  }

  #lastActivity(recorded: string): string {
    return new Date(Math.max(this.lastActivityMs, Date.parse(recorded))).toISOString();
  }

  /** Everything of the session leaves memory. */
  dropResident(): void {
    for (let index = this.#residentFrom; index < this.#resident.length; index++)
      (this.#resident[index] as ResidentBlock).owner = undefined;
    this.#resident = [];
    this.#residentFrom = 0;
    this.#residentEntryCount = 0;
  }

  #keepResident(block: ResidentBlock): void {
    this.#resident.push(block);
    this.#residentEntryCount += block.count;
    while (this.residentCount > 1) {
      const oldest = this.#resident[this.#residentFrom] as ResidentBlock;
      if (this.#residentEntryCount - oldest.count < limits.residentEntryCountMax) break;
      oldest.owner = undefined;
      this.#forgetOldest();
    }
  }

  #forgetOldest(): void {
    this.#residentEntryCount -= (this.#resident[this.#residentFrom] as ResidentBlock).count;
    this.#residentFrom++;
    if (this.#residentFrom >= 64 && this.#residentFrom * 2 >= this.#resident.length) {
      this.#resident = this.#resident.slice(this.#residentFrom);
      this.#residentFrom = 0;
    }
  }

  #extendSegments(firstSeq: number, lastSeq: number, sizeBytes: number): void {
    const last = this.segments.at(-1);
    const grown: SegmentInfo = { firstSeq, lastSeq, sizeBytes, archived: false };
    if (last?.firstSeq === firstSeq)
      this.segments = this.segments.length === 1 ? [grown] : [...this.segments.slice(0, -1), grown];
    else this.segments = [...this.segments, grown];
    if (this.segments.length === 1 && this.first > lastSeq) this.first = firstSeq;
  }
}
