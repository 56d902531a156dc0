/**
 * The ring arena of a shard: the newest blocks of all its sessions, in shared memory, as a circular log.
 *
 *   position only grows; offset = position mod size; a block never wraps: what is left at the end stays unused
 *
 *   |---- resident, oldest first ----|------ granted to the worker ------|---- resident …
 *   oldest                           write                               limit
 *
 * The worker writes only inside the grant that came with its job, the main thread reads only what was published, and takes
 * a block out of its index before it grants the bytes again. So nothing is read while it is written.
 */
import { assert } from "../base/assert.ts";
import { align8, type SharedBytes } from "../base/bytes.ts";

/** The part of the ring that a job may write: positions, not offsets. */
export interface RingGrant {
  readonly position: number;
  readonly limit: number;
}

/** The worker's side: hands out room inside one job's grant. */
export class RingWriter {
  readonly bytes: SharedBytes;
  position = 0;
  #limit = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
  }

  /** Takes the grant of the next job; what was handed out before and not published is forgotten. */
  enter(grant: RingGrant): void {
    assert(grant.limit - grant.position <= this.bytes.length, "a grant is no larger than the ring");
    this.position = grant.position;
    this.#limit = grant.limit;
  }

  /** Copies `block` to the next room in one piece and returns its position; -1: the grant has no such room left. */
  put(block: Uint8Array): number {
    const start = placeFor(this.position, align8(block.length), this.bytes.length);
    const end = start + align8(block.length);
    if (start < 0 || end > this.#limit) return -1;
    this.bytes.set(block, start % this.bytes.length);
    this.position = end;
    return start;
  }
}

/** One resident block. */
export interface RingBlock {
  readonly position: number;
  readonly sizeBytes: number;
  /** Told when it leaves memory. Undefined: nobody wants it any more, its bytes are free as soon as it is the oldest. */
  owner: { dropOldestResident(block: RingBlock): void } | undefined;
}

/** The main thread's side: which blocks are resident, oldest first, and what may be overwritten. */
export class RingIndex {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: SharedBytes;
  #blocks: RingBlock[] = [];
  #oldestIndex = 0;
  /** Where the next job writes. */
  #position = 0;

  constructor(sizeBytes: number) {
    const size = align8(sizeBytes);
    assert(size > 0, "a ring has room");
    this.buffer = new SharedArrayBuffer(size);
    this.bytes = new Uint8Array(this.buffer);
  }

  get blockCount(): number {
    return this.#blocks.length - this.#oldestIndex;
  }

  /** Bytes between the oldest resident block and the write position. */
  get usedSizeBytes(): number {
    return this.#position - this.#oldestPosition();
  }

  /** Evicts the oldest blocks until `wantedSizeBytes` (at most half the ring) can be written, and grants all that is free. */
  grant(wantedSizeBytes: number): RingGrant {
    const wanted = Math.min(align8(wantedSizeBytes), Math.floor(this.bytes.length / 2));
    while (this.blockCount > 0 && this.#limit() - this.#position < wanted) this.#evictOldest();
    return { position: this.#position, limit: this.#limit() };
  }

  /** Takes over a block that a job wrote; publication order is position order. */
  publish(block: RingBlock): void {
    assert(block.position >= this.#position && block.position % 8 === 0, "blocks are published in order");
    assert(block.position + block.sizeBytes <= this.#limit(), "a block lies inside its grant");
    this.#blocks.push(block);
    this.#position = block.position + align8(block.sizeBytes);
  }

  offsetOf(position: number): number {
    return position % this.bytes.length;
  }

  #oldestPosition(): number {
    return this.#blocks[this.#oldestIndex]?.position ?? this.#position;
  }

  #limit(): number {
    return this.#oldestPosition() + this.bytes.length;
  }

  #evictOldest(): void {
    const block = this.#blocks[this.#oldestIndex++];
    assert(block !== undefined, "there is a block to evict");
    block.owner?.dropOldestResident(block);
    // Amortised: the consumed front is cut away when it is the larger half.
    if (this.#oldestIndex > 1024 && this.#oldestIndex * 2 > this.#blocks.length) {
      this.#blocks = this.#blocks.slice(this.#oldestIndex);
      this.#oldestIndex = 0;
    }
  }
}

/** Returns the position at or after `position` where `size` bytes lie in one piece; -1 when the ring is smaller. */
function placeFor(position: number, size: number, ringSize: number): number {
  if (size > ringSize) return -1;
  const offset = position % ringSize;
  return offset + size <= ringSize ? position : position + ringSize - offset;
}
