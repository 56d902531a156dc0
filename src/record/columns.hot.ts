/**
 * The entries of one block while it is being made: columns that decode fills and encode lays out.
 *
 *   timestamps [lo hi lo hi …]   levels [b b …]   loggerIndexes   templateIndexes
 *   text   aaaabbbccccc…   textEnds   [0 4 7 12 …]     (entry i is [ends[i], ends[i + 1]))
 *   fields {..}{...}…      fieldEnds  [0 4 4 9 …]      (an empty range: no fields)
 */
import { assert } from "../base/assert.ts";
import { ByteColumn } from "../base/bytes.ts";
import { Dictionary } from "./dictionary.hot.ts";

const entryCapacityInitial = 1024;

/** Where a batch began, so that a refused one leaves nothing behind. */
export interface ColumnsMark {
  count: number;
  textLength: number;
  fieldsLength: number;
  loggerCount: number;
  templateCount: number;
}

export class EntryColumns {
  count = 0;
  /** Nanoseconds since the epoch as int64, two little-endian words an entry: [2i] low, [2i + 1] high. */
  timestamps = new Int32Array(entryCapacityInitial * 2);
  levels = new Uint8Array(entryCapacityInitial);
  /** Index into `loggers`; 0: no logger. */
  loggerIndexes = new Uint32Array(entryCapacityInitial);
  /** Index into `templates`; 0: a plain entry. */
  templateIndexes = new Uint32Array(entryCapacityInitial);
  /** Message text: UTF-8, where a lone surrogate of JSON stands as its three-byte form (WTF-8). */
  readonly text = new ByteColumn(128 * 1024);
  textEnds = new Uint32Array(entryCapacityInitial + 1);
  /** JSON objects as sent, without white space outside strings. */
  readonly fields = new ByteColumn(64 * 1024);
  fieldEnds = new Uint32Array(entryCapacityInitial + 1);
  readonly loggers = new Dictionary();
  readonly templates = new Dictionary();
  #capacity = entryCapacityInitial;

  /** Forgets all entries; memory is kept. */
  clear(): void {
    this.count = 0;
    this.text.length = 0;
    this.fields.length = 0;
    this.loggers.clear();
    this.templates.clear();
  }

  mark(): ColumnsMark {
    return {
      count: this.count,
      textLength: this.text.length,
      fieldsLength: this.fields.length,
      loggerCount: this.loggers.count,
      templateCount: this.templates.count,
    };
  }

  /** Takes back everything since `mark`. */
  rollback(mark: ColumnsMark): void {
    assert(mark.count <= this.count, "a mark lies behind");
    this.count = mark.count;
    this.text.length = mark.textLength;
    this.fields.length = mark.fieldsLength;
    this.loggers.truncate(mark.loggerCount);
    this.templates.truncate(mark.templateCount);
  }

  /** Makes room for `more` entries, so that `finishEntry` need not look. */
  reserveEntries(more: number): void {
    const needed = this.count + more;
    if (needed <= this.#capacity) return;
    let capacity = this.#capacity;
    while (capacity < needed) capacity *= 2;
    this.timestamps = grown(this.timestamps, new Int32Array(capacity * 2));
    this.levels = grown(this.levels, new Uint8Array(capacity));
    this.loggerIndexes = grown(this.loggerIndexes, new Uint32Array(capacity));
    this.templateIndexes = grown(this.templateIndexes, new Uint32Array(capacity));
    this.textEnds = grown(this.textEnds, new Uint32Array(capacity + 1));
    this.fieldEnds = grown(this.fieldEnds, new Uint32Array(capacity + 1));
    this.#capacity = capacity;
  }

  /**
   * Closes the entry whose text and fields were appended to `text` and `fields`.
   * Room for it was reserved before.
   */
  finishEntry(timeLow: number, timeHigh: number, level: number, loggerIndex: number, templateIndex: number): void {
    const index = this.count;
    assert(index < this.#capacity, "room was reserved");
    this.timestamps[index * 2] = timeLow;
    this.timestamps[index * 2 + 1] = timeHigh;
    this.levels[index] = level;
    this.loggerIndexes[index] = loggerIndex;
    this.templateIndexes[index] = templateIndex;
    this.textEnds[index + 1] = this.text.length;
    this.fieldEnds[index + 1] = this.fields.length;
    this.count = index + 1;
  }
}

function grown<T extends Int32Array | Uint8Array | Uint32Array>(source: T, target: T): T {
  target.set(source);
  return target;
}
