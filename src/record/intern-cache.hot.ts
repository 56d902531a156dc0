/**
 * Finds strings that a dictionary already has by a few of their words, without hashing every byte: loggers and templates of
 * a batch are few. What the cache says is compared with the dictionary, so it may be as stale as it likes.
 */
import type { OwnedBytes } from "../base/bytes.ts";
import type { Dictionary } from "./dictionary.hot.ts";

const slotCount = 64;
const slotMask = slotCount - 1;
const wordSizeBytes = 4;

export class InternCache {
  readonly #indexes = new Uint32Array(slotCount);

  /**
   * Returns the index of `source[start, end)` in `dictionary`, which takes it in when it is new.
   * @param view the memory of `source`.
   */
  intern(dictionary: Dictionary, source: OwnedBytes, view: DataView, start: number, end: number): number {
    const size = end - start;
    if (size < wordSizeBytes) return dictionary.intern(source, start, end);
    const last = end - wordSizeBytes;
    const mixed = view.getInt32(start, true) ^ Math.imul(view.getInt32(last, true) + size, 0x9e3779b1);
    const slot = (mixed ^ (mixed >>> 16) ^ (mixed >>> 8)) & slotMask;
    const known = this.#indexes[slot]!;
    if (known > 0 && known <= dictionary.count && isSame(dictionary, known, view, start, last)) return known;
    const index = dictionary.intern(source, start, end);
    this.#indexes[slot] = index;
    return index;
  }
}

/** Whether string `index` is what `view` holds from `start` to the word at `last`; the last words overlap. */
function isSame(dictionary: Dictionary, index: number, view: DataView, start: number, last: number): boolean {
  const from = dictionary.start(index);
  if (dictionary.end(index) - from !== last + wordSizeBytes - start) return false;
  const other = dictionary.bytes.view;
  const distance = from - start;
  for (let at = start; at < last; at += wordSizeBytes) {
    if (view.getInt32(at, true) !== other.getInt32(at + distance, true)) return false;
  }
  return view.getInt32(last, true) === other.getInt32(last + distance, true);
}
