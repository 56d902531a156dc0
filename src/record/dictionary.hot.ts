/** Interns byte strings and numbers them from 1 in order of first use; 0 stands for "none" in index columns. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn } from "../base/bytes.ts";

const slotCountMin = 64;
/** Where hashes in slots start from: what a client cannot know it cannot use to make all its strings meet in one slot. */
const slotSeed = (Math.random() * 2 ** 32) | 0;
const publicSeed = 0x811c9dc5 | 0;

let generationCount = 0;

export class Dictionary {
  /** How many strings there are; valid indexes are 1…count. */
  count = 0;
  /** Changes whenever strings were forgotten: numbers of before may mean others. No two dictionaries have the same. */
  generation = ++generationCount;
  /** All strings one behind the other; string `index` is [ends[index - 1], ends[index]). */
  readonly bytes = new ByteColumn(1024);
  ends = new Uint32Array(slotCountMin);
  #hashes = new Int32Array(slotCountMin);
  #slots = new Int32Array(slotCountMin * 2);
  /** The last answer: runs of one logger or template are usual. */
  #last = 0;

  /** Forgets everything; memory is kept. Takes as long as there are strings, however many there once were. */
  clear(): void {
    if (this.count * 8 > this.#slots.length) {
      this.#slots.fill(0);
      this.count = 0;
    }
    this.generation = ++generationCount;
    this.truncate(0);
    this.bytes.length = 0;
    this.#last = 0;
  }

  /** Forgets all strings above `count`. */
  truncate(count: number): void {
    assert(count <= this.count, "truncate only shortens");
    if (count === this.count) return;
    this.generation = ++generationCount;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let index = this.count; index > count; index--) {
      // What came last stands last on its way from slot to slot, so its place can be emptied.
      let slot = (this.#hashes[index] as number) & mask;
      while (slots[slot] !== index) slot = (slot + 1) & mask;
      slots[slot] = 0;
    }
    this.count = count;
    this.bytes.length = this.ends[count] as number;
    this.#last = 0;
  }

  start(index: number): number {
    return this.ends[index - 1] as number;
  }

  end(index: number): number {
    return this.ends[index] as number;
  }

  /** Returns the index of `source[start, end)`, which is copied when it is new. */
  intern(source: AnyBytes, start: number, end: number): number {
    assert(start <= end && end <= source.length, "the range lies in the source");
    if (this.#last !== 0 && this.#equals(this.#last, source, start, end)) return this.#last;
    const hash = hashOf(source, start, end, slotSeed);
    const slot = this.#slotOf(hash, source, start, end);
    const index = this.#slots[slot] as number;
    if (index === 0) return this.#add(source, start, end, hash, slot);
    this.#last = index;
    return index;
  }

  /** Returns the index of `source[start, end)`, or 0 when it is not here. */
  find(source: AnyBytes, start: number, end: number): number {
    assert(start <= end && end <= source.length, "the range lies in the source");
    return this.#slots[this.#slotOf(hashOf(source, start, end, slotSeed), source, start, end)] as number;
  }

  /** Returns the slot that holds the string, or the free one where it belongs. */
  #slotOf(hash: number, source: AnyBytes, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const index = this.#slots[slot] as number;
      if (index === 0 || (this.#hashes[index] === hash && this.#equals(index, source, start, end))) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #add(source: AnyBytes, start: number, end: number, hash: number, slot: number): number {
    const index = this.count + 1;
    if (index >= this.ends.length) this.#growEnds();
    this.bytes.append(source, start, end);
    this.count = index;
    this.ends[index] = this.bytes.length;
    this.#hashes[index] = hash;
    this.#slots[slot] = index;
    this.#last = index;
    if (index * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2);
    return index;
  }

  #equals(index: number, source: AnyBytes, start: number, end: number): boolean {
    const from = this.ends[index - 1] as number;
    if ((this.ends[index] as number) - from !== end - start) return false;
    const bytes = this.bytes.bytes;
    for (let at = from, other = start; other < end; at++, other++) {
      if (bytes[at] !== source[other]) return false;
    }
    return true;
  }

  #growEnds(): void {
    const ends = new Uint32Array(this.ends.length * 2);
    ends.set(this.ends);
    this.ends = ends;
    const hashes = new Int32Array(ends.length);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }

  #rehash(slotCount: number): void {
    const slots = new Int32Array(slotCount);
    const mask = slotCount - 1;
    for (let index = 1; index <= this.count; index++) {
      let slot = (this.#hashes[index] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index;
    }
    this.#slots = slots;
  }
}

/** FNV-1a (Fowler, Noll, Vo) over 32 bits, with a final mix so that low bits are good. */
export function hashOf(source: AnyBytes, start: number, end: number, seed = publicSeed): number {
  let hash = seed;
  for (let index = start; index < end; index++) hash = Math.imul(hash ^ (source[index] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}
