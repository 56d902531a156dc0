/**
 * Writes entries of blocks as JSON array items or NDJSON lines, from bytes to bytes. What a whole block shares (level and
 * logger between time and message, the template behind it) is put together and escaped once per block.
 */
import { assert } from "../base/assert.ts";
import { type AnyBytes, type ByteColumn, utf8 } from "../base/bytes.ts";
import { levelCount, levelNames } from "../record/levels.ts";
import type { BlockView } from "../record/scan.hot.ts";
import { PieceCache } from "./answer-pieces.hot.ts";
import { LineStart } from "./line-start.hot.ts";
import { copyBytes, copyEscaped, escapeFactor } from "./text-copy.hot.ts";

/** `","fields":` and `}` or what else closes an entry. */
const closeSizeBytesMax = 16;
const seqPiece = utf8(',{"seq":');
const timePiece = utf8(',"timestamp":"');
const fieldsPiece = utf8(',"fields":');
const messagePiece = utf8(',"message":"');
const loggerPiece = utf8(',"logger":"');
const formatPiece = utf8('","format":"');
const levelPieces = levelNames.map((name) => utf8(name === "" ? 'Z"' : `Z","level":"${name}"`));
const comma = 0x2c;
const newline = 0x0a;
const quote = 0x22;
const brace = 0x7d;

/** Appends entries to a column; one kind for each format. */
export interface EntryWriter {
  /** Byte that stands before each entry but the first in a column; 0: none. */
  readonly separator: number;
  /**
   * Appends the entries `indexes[from, to)` of `view` (without `indexes`: entries from…to - 1) to `target`, until it holds
   * `sizeBytesMax` bytes or more. Returns where it stopped: `to`, or the next one to write.
   */
  append(
    view: BlockView,
    indexes: Uint32Array | undefined,
    from: number,
    to: number,
    target: ByteColumn,
    sizeBytesMax: number,
  ): number;
}

/** Writes JSON: items of an array with commas between them, or lines. */
export class JsonWriter implements EntryWriter {
  readonly separator: number;
  readonly #isLines: boolean;
  readonly #start = new LineStart(seqPiece, true, timePiece, 0x54);
  /** Per logger and level: what stands between the time and the message. */
  readonly #heads = new PieceCache();
  /** Per template: what stands behind the message. */
  readonly #formats = new PieceCache();

  /** @param isLines NDJSON: a newline behind each entry instead of a comma between two. */
  constructor(isLines: boolean) {
    this.#isLines = isLines;
    this.separator = isLines ? 0 : comma;
  }

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
    this.#formats.begin(view.templateCount + 1);
    let next = from;
    while (next < to && target.length < sizeBytesMax) {
      this.#appendEntry(view, indexes === undefined ? next : indexes[next]!, target);
      next++;
    }
    return next;
  }

  #appendEntry(view: BlockView, index: number, column: ByteColumn): void {
    const head = this.#headOf(view, index);
    const format = this.#formatOf(view, index);
    const textStart = view.textStart(index);
    const textEnd = view.textEnd(index);
    const fieldsStart = view.fieldsStart(index);
    const fieldsEnd = view.fieldsEnd(index);
    const pieces = this.#heads.size(head) + this.#formats.size(format) + (fieldsEnd - fieldsStart);
    column.reserve(this.#start.sizeBytesMax + closeSizeBytesMax + pieces + (textEnd - textStart) * escapeFactor);
    const target = column.bytes;
    const words = column.view;
    let at = column.length;
    const skip = this.#isLines || at === 0 ? 1 : 0;
    at = this.#start.write(view.seq(index), view.timeLow(index), view.timeHigh(index), skip, target, words, at);
    at = this.#heads.copy(head, target, words, at);
    at = copyEscaped(view.bytes, view.words, textStart, textEnd, target, words, at);
    at = this.#formats.copy(format, target, words, at);
    target[at++] = quote;
    if (fieldsEnd > fieldsStart) {
      at = put(fieldsPiece, target, at);
      at = copyBytes(view.bytes, view.words, fieldsStart, fieldsEnd, target, words, at);
    }
    target[at++] = brace;
    if (this.#isLines) target[at++] = newline;
    column.length = at;
  }

  /** `Z","level":"info","logger":"LogHttp","message":"` of an entry, made at its first use in the block. */
  #headOf(view: BlockView, index: number): number {
    const level = view.level(index);
    const logger = view.loggerIndex(index);
    const key = logger * levelCount + level;
    const heads = this.#heads;
    if (heads.has(key)) return key;
    heads.open(key);
    heads.add(levelPieces[level]!);
    if (logger > 0) {
      heads.add(loggerPiece);
      heads.addEscaped(view, view.loggerStart(logger), view.loggerEnd(logger));
      heads.addByte(quote);
    }
    heads.add(messagePiece);
    heads.close();
    return key;
  }

  /** `","format":"user {id} came` of an entry; nothing for a plain one. */
  #formatOf(view: BlockView, index: number): number {
    const template = view.templateIndex(index);
    const formats = this.#formats;
    if (formats.has(template)) return template;
    formats.open(template);
    if (template > 0) {
      formats.add(formatPiece);
      formats.addEscaped(view, view.templateStart(template), view.templateEnd(template));
    }
    formats.close();
    return template;
  }
}

function put(piece: AnyBytes, target: AnyBytes, at: number): number {
  for (let index = 0; index < piece.length; index++) target[at + index] = piece[index]!;
  return at + piece.length;
}
