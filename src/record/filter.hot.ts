/** Says which entries of a block a reader wants, from its columns: once for each distinct filter and block. */
import { assert } from "../base/assert.ts";
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import { hashOf } from "./dictionary.hot.ts";
import { wtf8Of } from "./fold.ts";
import { Needle } from "./needle.hot.ts";
import type { BlockView } from "./scan.hot.ts";

/** A time as int64 nanoseconds since the epoch, two words. */
export interface TimeWords {
  readonly low: number;
  readonly high: number;
}

/** What an entry must be; what is absent does not matter. */
export interface FilterSpec {
  /** Lowest level, 1…6; an entry without level has none. */
  readonly levelMin?: number | undefined;
  readonly logger?: string | undefined;
  /** Text that the message holds, by Unicode's simple case folding; empty: any. */
  readonly q?: string | undefined;
  readonly template?: string | undefined;
  /** First and last time, both included. */
  readonly since?: TimeWords | undefined;
  readonly until?: TimeWords | undefined;
}

/** Returns the filter that `spec` describes. */
export function compileFilter(spec: FilterSpec): Filter {
  return new Filter(spec);
}

/** A compiled filter; keeps scratch memory, so one thread uses it. */
export class Filter {
  /** Equal for filters that choose the same entries, so that they can share work. */
  readonly key: string;
  /** True when it lets every entry through. */
  readonly isEmpty: boolean;
  readonly #levelMin: number;
  readonly #levelSet: number;
  readonly #logger: OwnedBytes | undefined;
  readonly #loggerBit: number;
  readonly #template: OwnedBytes | undefined;
  readonly #needle: Needle | undefined;
  readonly #hasTimes: boolean;
  readonly #sinceLow: number;
  readonly #sinceHigh: number;
  readonly #untilLow: number;
  readonly #untilHigh: number;
  /** Of the block at hand: dictionary indexes, and whether times must be looked at. */
  #loggerIndex = 0;
  #templateIndex = 0;
  #looksAtTimes = false;

  constructor(spec: FilterSpec) {
    const { levelMin = 0, logger, template, q = "", since, until } = spec;
    assert(levelMin >= 0 && levelMin < 32, "levels are small numbers");
    this.#levelMin = levelMin;
    this.#levelSet = -1 << levelMin;
    this.#logger = logger === undefined ? undefined : wtf8Of(logger);
    this.#loggerBit = this.#logger === undefined ? 0 : 1 << (hashOf(this.#logger, 0, this.#logger.length) & 31);
    this.#template = template === undefined ? undefined : wtf8Of(template);
    this.#needle = q === "" ? undefined : new Needle(q);
    this.#hasTimes = since !== undefined || until !== undefined;
    this.#sinceLow = since === undefined ? 0 : since.low >>> 0;
    this.#sinceHigh = since === undefined ? -0x80000000 : since.high | 0;
    this.#untilLow = until === undefined ? 0xffffffff : until.low >>> 0;
    this.#untilHigh = until === undefined ? 0x7fffffff : until.high | 0;
    const times = [this.#sinceLow, this.#sinceHigh, this.#untilLow, this.#untilHigh];
    this.key = JSON.stringify([levelMin, logger ?? null, template ?? null, asciiLowerCase(q), ...times]);
    this.isEmpty = levelMin === 0 && logger === undefined && template === undefined && q === "" && !this.#hasTimes;
  }

  /** False when the header of the block tells that no entry matches. */
  mayMatch(view: BlockView): boolean {
    if (this.#levelMin > 0 && (view.levelSet & this.#levelSet) === 0) return false;
    if (this.#logger !== undefined && (view.loggerSet & this.#loggerBit) === 0) return false;
    if (!this.#hasTimes) return true;
    return (
      isAtMost(this.#sinceLow, this.#sinceHigh, view.timeMaxLow >>> 0, view.timeMaxHigh) &&
      isAtMost(view.timeMinLow >>> 0, view.timeMinHigh, this.#untilLow, this.#untilHigh)
    );
  }

  /**
   * Writes the indexes of the matching ones among the entries from…to - 1 to `target`, ascending, and returns how many.
   * @param target room for to - from indexes.
   */
  select(view: BlockView, from: number, to: number, target: Uint32Array): number {
    assert(from >= 0 && from <= to && to <= view.count, "the entries exist");
    assert(to - from <= target.length, "every entry may match");
    if (from === to || !this.mayMatch(view) || !this.#lookUp(view)) return 0;
    const needle = this.#needle;
    if (needle !== undefined) needle.look(view.bytes, view.textStart(from), view.textEnd(to - 1));
    if (!this.#looksAtColumns()) return this.#selectText(view, from, to, target, 0);
    let count = 0;
    let index = from;
    while (index < to) {
      if (this.#matchesColumns(view, index)) {
        const runStart = index++;
        while (index < to && this.#matchesColumns(view, index)) index++;
        count = this.#selectText(view, runStart, index, target, count);
      } else {
        index++;
      }
    }
    return count;
  }

  /** Finds logger and template among the block's; false when one is not there. */
  #lookUp(view: BlockView): boolean {
    if (this.#logger !== undefined) {
      this.#loggerIndex = findLogger(view, this.#logger);
      if (this.#loggerIndex === 0) return false;
    }
    if (this.#template !== undefined) {
      this.#templateIndex = findTemplate(view, this.#template);
      if (this.#templateIndex === 0) return false;
    }
    const isWithin =
      isAtMost(this.#sinceLow, this.#sinceHigh, view.timeMinLow >>> 0, view.timeMinHigh) &&
      isAtMost(view.timeMaxLow >>> 0, view.timeMaxHigh, this.#untilLow, this.#untilHigh);
    this.#looksAtTimes = this.#hasTimes && !isWithin;
    return true;
  }

  #looksAtColumns(): boolean {
    return this.#levelMin > 0 || this.#logger !== undefined || this.#template !== undefined || this.#looksAtTimes;
  }

  #matchesColumns(view: BlockView, index: number): boolean {
    if (this.#levelMin > 0 && view.level(index) < this.#levelMin) return false;
    if (this.#logger !== undefined && view.loggerIndex(index) !== this.#loggerIndex) return false;
    if (this.#template !== undefined && view.templateIndex(index) !== this.#templateIndex) return false;
    if (!this.#looksAtTimes) return true;
    const low = view.timeLow(index) >>> 0;
    const high = view.timeHigh(index);
    return isAtMost(this.#sinceLow, this.#sinceHigh, low, high) && isAtMost(low, high, this.#untilLow, this.#untilHigh);
  }

  /** Adds those of a run of entries whose message holds the text: their messages are searched as one. */
  #selectText(view: BlockView, from: number, to: number, target: Uint32Array, countBefore: number): number {
    let count = countBefore;
    const needle = this.#needle;
    if (needle === undefined) {
      for (let index = from; index < to; index++) target[count++] = index;
      return count;
    }
    const end = view.textEnd(to - 1);
    let index = from;
    let at = needle.find(view.bytes, view.textStart(from), end);
    while (at >= 0) {
      index = entryAt(view, at, index, to);
      if (needle.matchEnd <= view.textEnd(index)) {
        target[count++] = index++;
        if (index === to) return count;
        at = needle.find(view.bytes, view.textStart(index), end);
      } else {
        // It reaches into the next message: not a match.
        at = needle.find(view.bytes, at + 1, end);
      }
    }
    return count;
  }
}

/** Returns the entry whose message holds the byte at `at`; it is one of from…to - 1. */
function entryAt(view: BlockView, at: number, from: number, to: number): number {
  if (at < view.textEnd(from)) return from;
  let low = from + 1;
  let high = to - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at < view.textEnd(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function findLogger(view: BlockView, name: AnyBytes): number {
  for (let index = 1; index <= view.loggerCount; index++) {
    if (equals(view.bytes, view.loggerStart(index), view.loggerEnd(index), name)) return index;
  }
  return 0;
}

function findTemplate(view: BlockView, text: AnyBytes): number {
  for (let index = 1; index <= view.templateCount; index++) {
    if (equals(view.bytes, view.templateStart(index), view.templateEnd(index), text)) return index;
  }
  return 0;
}

function equals(bytes: AnyBytes, start: number, end: number, other: AnyBytes): boolean {
  if (end - start !== other.length) return false;
  for (let index = 0; index < other.length; index++) if (bytes[start + index]! !== other[index]!) return false;
  return true;
}

/** Compares two int64 given as unsigned low and signed high words. */
function isAtMost(low: number, high: number, otherLow: number, otherHigh: number): boolean {
  return high < otherHigh || (high === otherHigh && low <= otherLow);
}

function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
