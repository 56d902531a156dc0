/** A map from offsets to pairs of integers that is emptied in one step: one per entry. */
import { assert } from "../base/assert.ts";

const slotCountMin = 64;

export class OffsetMap {
  count = 0;
  #keys = new Int32Array(slotCountMin);
  /** A slot is taken when its epoch is the current one. */
  #epochs = new Int32Array(slotCountMin);
  #firsts = new Int32Array(slotCountMin);
  #seconds = new Int32Array(slotCountMin);
  #epoch = 1;

  /** Forgets everything; memory is kept. */
  clear(): void {
    if (this.count === 0) return;
    this.count = 0;
    this.#epoch = (this.#epoch + 1) | 0;
    if (this.#epoch > 0) return;
    this.#epochs.fill(0);
    this.#epoch = 1;
  }

  /** Returns the slot of `key`, valid until the next `set`, or -1. */
  find(key: number): number {
    if (this.count === 0) return -1;
    const mask = this.#keys.length - 1;
    for (let slot = slotOf(key, mask); this.#epochs[slot] === this.#epoch; slot = (slot + 1) & mask) {
      if (this.#keys[slot] === key) return slot;
    }
    return -1;
  }

  first(slot: number): number {
    return this.#firsts[slot]!;
  }

  second(slot: number): number {
    return this.#seconds[slot]!;
  }

  /** Adds `key`, which is not in the map. */
  set(key: number, first: number, second: number): void {
    assert(key >= 0 && key <= 0x7fffffff, "a key fits 31 bits");
    if (this.count * 2 >= this.#keys.length) this.#grow();
    this.#put(key, first, second);
    this.count++;
  }

  #put(key: number, first: number, second: number): void {
    const mask = this.#keys.length - 1;
    let slot = slotOf(key, mask);
    while (this.#epochs[slot] === this.#epoch) slot = (slot + 1) & mask;
    this.#epochs[slot] = this.#epoch;
    this.#keys[slot] = key;
    this.#firsts[slot] = first;
    this.#seconds[slot] = second;
  }

  #grow(): void {
    const { length } = this.#keys;
    const keys = this.#keys;
    const epochs = this.#epochs;
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    this.#keys = new Int32Array(length * 2);
    this.#epochs = new Int32Array(length * 2);
    this.#firsts = new Int32Array(length * 2);
    this.#seconds = new Int32Array(length * 2);
    for (let slot = 0; slot < length; slot++) {
      if (epochs[slot] === this.#epoch) this.#put(keys[slot]!, firsts[slot]!, seconds[slot]!);
    }
  }
}

/** Offsets lie close together; a multiplication spreads them. */
function slotOf(key: number, mask: number): number {
  const hash = Math.imul(key, 0x9e3779b1);
  return (hash ^ (hash >>> 15)) & mask;
}
