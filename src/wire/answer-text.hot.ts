/** Writes entries of blocks as lines for people: `[2026-11-20 10:00:00.123] [info] [LogHttp] message`. */
import { assert } from "../base/assert.ts";
import { type ByteColumn, utf8 } from "../base/bytes.ts";
import { levelCount, levelNames } from "../record/levels.ts";
import type { BlockView } from "../record/scan.hot.ts";
import type { EntryWriter } from "./answer.hot.ts";
import { PieceCache } from "./answer-pieces.hot.ts";
import { LineStart } from "./line-start.hot.ts";
import { copyUtf8 } from "./text-copy.hot.ts";

const levelPieces = levelNames.map((name) => utf8(name === "" ? "] " : `] [${name}] `));
const openBracket = 0x5b;
const closeBracket = 0x5d;
const space = 0x20;
const newline = 0x0a;

/** Writes text lines. A message goes out as it is, also when it has several lines. */
export class TextWriter implements EntryWriter {
  readonly separator = 0;
  readonly #start = new LineStart(utf8("["), false, utf8(""), space);
  /** Per logger and level: what stands between the time and the message. */
  readonly #heads = new PieceCache();

  append(
    view: BlockView,
    indexes: Uint32Array | undefined,
    from: number,
    to: number,
    target: ByteColumn,
    sizeBytesMax: number,
  ): number {
    assert(from >= 0 && from <= to && to <= (indexes === undefined ? view.count : indexes.length), "the entries exist");
    this.#heads.begin((view.loggerCount + 1) * levelCount);
    let next = from;
    while (next < to && target.length < sizeBytesMax) {
      this.#appendEntry(view, indexes === undefined ? next : indexes[next]!, target);
      next++;
    }
    return next;
  }

  #appendEntry(view: BlockView, index: number, column: ByteColumn): void {
    const head = this.#headOf(view, index);
    const textStart = view.textStart(index);
    const textEnd = view.textEnd(index);
    column.reserve(this.#start.sizeBytesMax + this.#heads.size(head) + (textEnd - textStart) + 1);
    const target = column.bytes;
    const words = column.view;
    let at = column.length;
    at = this.#start.write(0, view.timeLow(index), view.timeHigh(index), 0, target, words, at);
    at = this.#heads.copy(head, target, words, at);
    at = copyUtf8(view.bytes, view.words, textStart, textEnd, target, words, at);
    target[at] = newline;
    column.length = at + 1;
  }

  /** `] [info] [LogHttp] ` of an entry, made at its first use in the block. */
  #headOf(view: BlockView, index: number): number {
    const level = view.level(index);
    const logger = view.loggerIndex(index);
    const key = logger * levelCount + level;
    const heads = this.#heads;
    if (heads.has(key)) return key;
    heads.open(key);
    heads.add(levelPieces[level]!);
    if (logger > 0) {
      heads.addByte(openBracket);
      heads.addUtf8(view, view.loggerStart(logger), view.loggerEnd(logger));
      heads.addByte(closeBracket);
      heads.addByte(space);
    }
    heads.close();
    return key;
  }
}
