/** Counts the entries of a session by template: what an overview of its templates shows. */
import { assert } from "../base/assert.ts";
import { limits } from "../config.ts";
import { Dictionary } from "./dictionary.hot.ts";
import { type LevelName, levelCount, levelNames } from "./levels.ts";
import type { BlockView } from "./scan.hot.ts";
import { wtf8TextOf } from "./wtf8.ts";

/** Numbers per template: entries, entries of each level, first and last seq. */
const rowStride = levelCount + 3;
const rowCount = 0;
const rowLevels = 1;
const rowFirst = levelCount + 1;
const rowLast = levelCount + 2;

/** Row 0 takes the entries whose templates are too many to tell apart. */
const rowOfOthers = 0;
const notLookedUp = -1;

/** One template and its entries. */
export interface TemplateCount {
  template: string;
  count: number;
  /** Entries of each level; those without level count in `count` only. */
  levels: Partial<Record<LevelName, number>>;
  first: number;
  last: number;
}

/** Takes blocks in any order; bounded by count and bytes of templates, of which those that came first are told apart. */
export class TemplateSummary {
  readonly #templates = new Dictionary();
  readonly #countMax: number;
  readonly #sizeBytesMax: number;
  /** Row of template n of `#templates` at n * rowStride. Doubles, because seqs may pass 2^32. */
  #rows = new Float64Array(64 * rowStride);
  /** Row of each template of the block at hand. */
  #rowOfIndex = new Int32Array(64);

  /** @param countMax templates that are told apart, at least one. */
  constructor(countMax: number, sizeBytesMax: number = limits.templateSummarySizeBytesMax) {
    assert(countMax > 0 && countMax * rowStride < 2 ** 31, "rows are numbered by small integers");
    this.#countMax = countMax;
    this.#sizeBytesMax = sizeBytesMax;
  }

  /** Entries of templates that came when the bound was reached. */
  get otherCount(): number {
    return this.#rows[rowOfOthers + rowCount]!;
  }

  /** Counts the entries from…to - 1 of `view` that have a template. */
  add(view: BlockView, from: number, to: number): void {
    assert(from >= 0 && from <= to && to <= view.count, "the entries exist");
    if (view.templateCount === 0) return;
    if (this.#rowOfIndex.length <= view.templateCount) this.#rowOfIndex = new Int32Array(view.templateCount * 2);
    const rowOfIndex = this.#rowOfIndex.fill(notLookedUp, 0, view.templateCount + 1);
    for (let index = from; index < to; index++) {
      const template = view.templateIndex(index);
      if (template === 0) continue;
      let row = rowOfIndex[template]!;
      if (row === notLookedUp) {
        row = this.#rowOf(view, template);
        rowOfIndex[template] = row;
      }
      this.#count(row, view.level(index), view.seq(index));
    }
  }

  /** Returns the counted templates, those with the most entries first. */
  result(): TemplateCount[] {
    const counts: TemplateCount[] = [];
    for (let index = 1; index <= this.#templates.count; index++) counts.push(this.#countOf(index));
    return counts.sort((one, other) => other.count - one.count || one.first - other.first);
  }

  #rowOf(view: BlockView, template: number): number {
    const start = view.templateStart(template);
    const end = view.templateEnd(template);
    const known = this.#templates.find(view.bytes, start, end);
    if (known > 0) return known * rowStride;
    const isFull = this.#templates.count >= this.#countMax || this.#templates.bytes.length + end - start > this.#sizeBytesMax;
    if (isFull) return rowOfOthers;
    const row = this.#templates.intern(view.bytes, start, end) * rowStride;
    if (row + rowStride > this.#rows.length) this.#grow();
    return row;
  }

  #count(row: number, level: number, seq: number): void {
    assert(level < levelCount, "the level exists");
    const rows = this.#rows;
    rows[row + rowCount]!++;
    rows[row + rowLevels + level]!++;
    const first = rows[row + rowFirst]!;
    if (first === 0 || seq < first) rows[row + rowFirst] = seq;
    if (seq > rows[row + rowLast]!) rows[row + rowLast] = seq;
  }

  #countOf(index: number): TemplateCount {
    const row = index * rowStride;
    const levels: Partial<Record<LevelName, number>> = {};
    for (const [level, name] of levelNames.entries()) {
      const count = this.#rows[row + rowLevels + level]!;
      if (name !== "" && count > 0) levels[name] = count;
    }
    const template = wtf8TextOf(this.#templates.bytes.bytes, this.#templates.start(index), this.#templates.end(index));
    return {
      template,
      count: this.#rows[row + rowCount]!,
      levels,
      first: this.#rows[row + rowFirst]!,
      last: this.#rows[row + rowLast]!,
    };
  }

  #grow(): void {
    const rows = new Float64Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
