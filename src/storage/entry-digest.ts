/** A checksum of entries that does not depend on how they are divided into blocks: what a rewritten segment must keep. */
import { assert } from "../base/assert.ts";
import { crc32Of } from "../base/crc.ts";
import type { BlockView } from "../record/scan.hot.ts";

/** Words of one entry in a row: time, level, lengths of text and fields, checksums of logger and template. */
const rowWordCount = 7;
const rowCountMax = 1024;

export class EntryDigest {
  count = 0;
  /** Over all text, all fields, and the rows. */
  text = 0;
  fields = 0;
  rows = 0;
  #row = new Int32Array(rowWordCount * rowCountMax);
  #rowBytes = new Uint8Array(this.#row.buffer);
  #loggers = new Uint32Array(64);
  #templates = new Uint32Array(64);

  /** Takes all entries of the block in; blocks come in the order of their seqs. */
  add(view: BlockView): void {
    if (view.count === 0) return;
    const last = view.count - 1;
    this.text = crc32Of(view.bytes, view.textStart(0), view.textEnd(last), this.text);
    this.fields = crc32Of(view.bytes, view.fieldsStart(0), view.fieldsEnd(last), this.fields);
    this.#sumNames(view);
    for (let from = 0; from < view.count; from += rowCountMax) {
      this.#addRows(view, from, Math.min(view.count, from + rowCountMax));
    }
    this.count += view.count;
  }

  /** True when both have seen the same entries. */
  equals(other: EntryDigest): boolean {
    return this.count === other.count && this.text === other.text && this.fields === other.fields && this.rows === other.rows;
  }

  #sumNames(view: BlockView): void {
    if (this.#loggers.length <= view.loggerCount) this.#loggers = new Uint32Array(view.loggerCount * 2);
    if (this.#templates.length <= view.templateCount) this.#templates = new Uint32Array(view.templateCount * 2);
    for (let index = 1; index <= view.loggerCount; index++) {
      this.#loggers[index] = crc32Of(view.bytes, view.loggerStart(index), view.loggerEnd(index), 1);
    }
    for (let index = 1; index <= view.templateCount; index++) {
      this.#templates[index] = crc32Of(view.bytes, view.templateStart(index), view.templateEnd(index), 1);
    }
  }

  #addRows(view: BlockView, from: number, to: number): void {
    assert(to - from <= rowCountMax, "the rows fit");
    const row = this.#row;
    let word = 0;
    for (let index = from; index < to; index++) {
      const logger = view.loggerIndex(index);
      const template = view.templateIndex(index);
      row[word++] = view.timeLow(index);
      row[word++] = view.timeHigh(index);
      row[word++] = view.level(index);
      row[word++] = view.textEnd(index) - view.textStart(index);
      row[word++] = view.fieldsEnd(index) - view.fieldsStart(index);
      row[word++] = logger === 0 ? 0 : this.#loggers[logger]!;
      row[word++] = template === 0 ? 0 : this.#templates[template]!;
    }
    this.rows = crc32Of(this.#rowBytes, 0, word * 4, this.rows);
  }
}
