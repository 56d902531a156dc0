/** Counts entries per level over time, and per logger: what an overview of a session shows. */
import { assert } from "../base/assert.ts";
import { textOf } from "../base/bytes.ts";
import { levelCount } from "./levels.ts";
import { millisecondsOf } from "./milliseconds.hot.ts";
import type { BlockView } from "./scan.hot.ts";

/** Loggers beyond this many are counted together. */
const loggerCountMax = 10_000;

export class Histogram {
  readonly bucketCount: number;
  /** Milliseconds since the epoch, whole. */
  readonly fromMs: number;
  readonly bucketMs: number;
  /** Row per level, column per bucket. */
  readonly counts: Uint32Array;
  total = 0;
  readonly #loggers = new Map<string, number>();
  #otherLoggerCount = 0;
  /** Entries of each dictionary index of the block at hand. */
  #perIndex = new Uint32Array(64);

  /** @param toMs last time, included. */
  constructor(fromMs: number, toMs: number, bucketCount: number) {
    assert(bucketCount > 0 && toMs >= fromMs, "there is at least one bucket");
    this.bucketCount = bucketCount;
    this.fromMs = fromMs;
    this.bucketMs = Math.max(1, Math.ceil((toMs - fromMs + 1) / bucketCount));
    this.counts = new Uint32Array(levelCount * bucketCount);
  }

  /** Counts the entries `indexes[0, count)` of `view`. */
  add(view: BlockView, indexes: Uint32Array, count: number): void {
    assert(count <= indexes.length, "the indexes exist");
    if (this.#perIndex.length <= view.loggerCount) this.#perIndex = new Uint32Array(view.loggerCount * 2 + 1);
    this.#perIndex.fill(0, 0, view.loggerCount + 1);
    const perIndex = this.#perIndex;
    for (let at = 0; at < count; at++) {
      const index = indexes[at]!;
      const ms = millisecondsOf(view.timeLow(index), view.timeHigh(index));
      let bucket = Math.floor((ms - this.fromMs) / this.bucketMs);
      if (bucket < 0) bucket = 0;
      if (bucket >= this.bucketCount) bucket = this.bucketCount - 1;
      const cell = view.level(index) * this.bucketCount + bucket;
      this.counts[cell] = this.counts[cell]! + 1;
      const logger = view.loggerIndex(index);
      perIndex[logger] = perIndex[logger]! + 1;
    }
    this.total += count;
    this.#addLoggers(view);
  }

  /** Returns the loggers with the most entries; those beyond the bound are not told apart. */
  topLoggers(countMax: number): { logger: string; count: number }[] {
    const all = [...this.#loggers].map(([logger, count]) => ({ logger, count }));
    // Of the same count by name: blocks differ between a log and its archive.
    return all.sort((a, b) => b.count - a.count || (a.logger < b.logger ? -1 : 1)).slice(0, countMax);
  }

  get otherLoggerCount(): number {
    return this.#otherLoggerCount;
  }

  #addLoggers(view: BlockView): void {
    for (let index = 0; index <= view.loggerCount; index++) {
      const count = this.#perIndex[index]!;
      if (count === 0) continue;
      const name = index === 0 ? "" : textOf(view.bytes, view.loggerStart(index), view.loggerEnd(index));
      const known = this.#loggers.get(name);
      if (known !== undefined || this.#loggers.size < loggerCountMax) this.#loggers.set(name, (known ?? 0) + count);
      else this.#otherLoggerCount += count;
    }
  }
}
