/** Which keyed batches of a session are stored: the newest sequences of each producer, so that a batch is stored once. */
import { assert } from "../base/assert.ts";
import { limits } from "../config.ts";
import type { BatchKey } from "../record/block.ts";

/** What is known of a key. */
export type KeyLookup =
  /** Not stored yet. */
  | { readonly kind: "new" }
  /** Stored: the answer of the first time. */
  | { readonly kind: "duplicate"; readonly first: number; readonly count: number }
  /** Stored with another body. */
  | { readonly kind: "mismatch" }
  /** Older than what is remembered: may be stored or not. */
  | { readonly kind: "old" };

interface Producer {
  readonly bySequence: Map<bigint, BatchKey>;
  /** The same sequences ascending, from `start` on. */
  sequences: bigint[];
  start: number;
  /** Highest sequence that was forgotten; -1: none was. */
  forgotten: bigint;
}

const lookupNew: KeyLookup = { kind: "new" };
const lookupMismatch: KeyLookup = { kind: "mismatch" };
const lookupOld: KeyLookup = { kind: "old" };

export class KeyWindow {
  /** A Map remembers the order in which producers were last heard of. */
  #producers = new Map<string, Producer>();

  /** Says whether the batch with this key was stored. */
  lookup(producer: string, sequence: bigint, bodyHash: string): KeyLookup {
    const known = this.#producers.get(producer);
    if (known === undefined) return lookupNew;
    const key = known.bySequence.get(sequence);
    if (key === undefined) return sequence <= known.forgotten ? lookupOld : lookupNew;
    if (key.bodyHash !== bodyHash) return lookupMismatch;
    return { kind: "duplicate", first: key.first, count: key.count };
  }

  /** Remembers a stored batch. */
  add(key: BatchKey): void {
    const known = this.#producers.get(key.producer) ?? { bySequence: new Map(), sequences: [], start: 0, forgotten: -1n };
    this.#producers.delete(key.producer);
    this.#producers.set(key.producer, known);
    if (!known.bySequence.has(key.sequence)) insert(known, key.sequence);
    known.bySequence.set(key.sequence, key);
    if (known.bySequence.size > limits.idempotencyWindowCount) forgetLowest(known);
    if (this.#producers.size > limits.idempotencyProducerCountMax) this.#forgetStillest();
  }

  /** Takes back what `add` remembered, when the block that holds the batch could not be written. */
  remove(key: BatchKey): void {
    const known = this.#producers.get(key.producer);
    if (known === undefined || !known.bySequence.delete(key.sequence)) return;
    const index = lowerBound(known, key.sequence);
    assert(known.sequences[index] === key.sequence, "both hold the same sequences");
    known.sequences.splice(index, 1);
  }

  /** Number of keys that are remembered. */
  get count(): number {
    let count = 0;
    for (const known of this.#producers.values()) count += known.bySequence.size;
    return count;
  }

  #forgetStillest(): void {
    for (const producer of this.#producers.keys()) {
      this.#producers.delete(producer);
      return;
    }
  }
}

/** Usually at the end: sequences grow. Parallel senders may come out of order. */
function insert(known: Producer, sequence: bigint): void {
  const last = known.sequences[known.sequences.length - 1];
  if (last === undefined || sequence > last) known.sequences.push(sequence);
  else known.sequences.splice(lowerBound(known, sequence), 0, sequence);
}

function lowerBound(known: Producer, sequence: bigint): number {
  let low = known.start;
  let high = known.sequences.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((known.sequences[middle] as bigint) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

function forgetLowest(known: Producer): void {
  const lowest = known.sequences[known.start] as bigint;
  known.start++;
  known.bySequence.delete(lowest);
  if (lowest > known.forgotten) known.forgotten = lowest;
  if (known.start < limits.idempotencyWindowCount) return;
  known.sequences = known.sequences.slice(known.start);
  known.start = 0;
}
