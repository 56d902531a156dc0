/**
 * Recognizes JSON strings that came before: loggers and templates of a batch are few. One look at the bytes behind a quote
 * finds such a string, its end and its number in a dictionary, instead of scanning, hashing and comparing it.
 */
import { assert } from "../base/assert.ts";
import { ByteColumn } from "../base/bytes.ts";
import * as words from "../base/words.hot.ts";
import type { Dictionary } from "./dictionary.hot.ts";
import { appendUnescaped } from "./json-text.hot.ts";

const slotBits = 8;
const slotCount = 1 << slotBits;
/** Slots are numbers below this one. */
export const knownStringCountMax = slotCount;
const quote = 0x22;
// A constant of this module: imported functions are looked up at every call.
const same = words.sameWords;
/** Longer strings are not kept; of these, and of new ones, the last words may be read past their end. */
const stringSizeBytesMax = 252;
const slotSizeBytes = stringSizeBytesMax + 4;

export class KnownStrings {
  /** Size of the string that was found last. */
  size = 0;
  /** Strings as they were sent, each in a slot of its own. */
  readonly #bytes = new Uint8Array(slotCount * slotSizeBytes);
  readonly #words = new DataView(this.#bytes.buffer);
  /** 0: the slot is free. */
  readonly #sizes = new Uint16Array(slotCount);
  /** 1: the string has escapes. */
  readonly #escaped = new Uint8Array(slotCount);
  readonly #unescaped = new ByteColumn(slotSizeBytes);
  /** The number of the string in a dictionary, as it was at that generation of it. */
  readonly #indexes = new Uint32Array(slotCount);
  readonly #generations = new Float64Array(slotCount).fill(-1);

  /**
   * Returns the slot of the string that begins at `at` and ends with a quote, -1 when it is not known.
   * @param view zeros stand behind the text, at least eight of them.
   */
  find(view: DataView, at: number): number {
    const slot = slotOf(view, at);
    if (this.#isAt(slot, view, at)) return slot;
    return this.#isAt(slot ^ 1, view, at) ? slot ^ 1 : -1;
  }

  #isAt(slot: number, view: DataView, at: number): boolean {
    const size = this.#sizes[slot]!;
    this.size = size;
    return size > 0 && same(view, at, this.#words, slot * slotSizeBytes, size) && view.getUint8(at + size) === quote;
  }

  /** Remembers the string [start, end) of `view`, behind which a quote stands. */
  keep(view: DataView, start: number, end: number, isEscaped: boolean): void {
    const size = end - start;
    if (size > stringSizeBytesMax) return;
    const first = slotOf(view, start);
    const slot = this.#sizes[first] === 0 ? first : first ^ 1;
    const target = slot * slotSizeBytes;
    for (let index = 0; index < size; index++) this.#bytes[target + index] = view.getUint8(start + index);
    this.#sizes[slot] = size;
    this.#escaped[slot] = isEscaped ? 1 : 0;
    this.#generations[slot] = -1;
  }

  /** Returns the number in `dictionary` of the string in `slot`; it is taken in when it is new. */
  indexIn(dictionary: Dictionary, slot: number): number {
    if (this.#generations[slot] === dictionary.generation) return this.#indexes[slot]!;
    assert(this.#sizes[slot]! > 0, "the slot was found");
    const index = this.#intern(dictionary, slot * slotSizeBytes, this.#sizes[slot]!, this.#escaped[slot] === 1);
    this.#indexes[slot] = index;
    this.#generations[slot] = dictionary.generation;
    return index;
  }

  #intern(dictionary: Dictionary, start: number, size: number, isEscaped: boolean): number {
    if (!isEscaped) return dictionary.intern(this.#bytes, start, start + size);
    const text = this.#unescaped;
    text.length = 0;
    appendUnescaped(text, this.#bytes, start, start + size);
    return dictionary.intern(text.bytes, 0, text.length);
  }
}

/** Takes the first eight bytes, of short strings what follows too: then they have a few slots. A slot's neighbour is its second choice. */
function slotOf(view: DataView, at: number): number {
  const mixed = view.getInt32(at, true) ^ Math.imul(view.getInt32(at + 4, true), 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> (32 - slotBits);
}
