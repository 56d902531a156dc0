/** Writes entries of blocks as CSV (RFC 4180): a header line, CRLF behind each line, quotes where they are needed. */
import { assert } from "../base/assert.ts";
import { type ByteColumn, utf8 } from "../base/bytes.ts";
import { levelNames } from "../record/levels.ts";
import type { BlockView } from "../record/scan.hot.ts";
import type { EntryWriter } from "./answer.hot.ts";
import { LineStart } from "./line-start.hot.ts";
import { copyQuoted, copyUtf8 } from "./text-copy.hot.ts";

/** The first line of a CSV answer. */
export const csvHeader = utf8("seq,timestamp,level,logger,message,format,fields\r\n");

const levelPieces = levelNames.map((name) => utf8(`Z,${name},`));
const levelSizeBytesMax = 16;
/** Three commas and CRLF, and two quotes for each of four texts. */
const separatorsSizeBytes = 16;
const comma = 0x2c;
const quote = 0x22;

/** 1 for the bytes that make a value need quotes: quote, comma, CR, LF. */
const needsQuotes = new Uint8Array(256);
needsQuotes[quote] = 1;
needsQuotes[comma] = 1;
needsQuotes[0x0d] = 1;
needsQuotes[0x0a] = 1;

/** Writes CSV lines; the header is the caller's. */
export class CsvWriter implements EntryWriter {
  readonly separator = 0;
  readonly #start = new LineStart(utf8(""), true, utf8(","), 0x54);

  append(
    view: BlockView,
    indexes: Uint32Array | undefined,
    from: number,
    to: number,
    target: ByteColumn,
    sizeBytesMax: number,
  ): number {
    assert(from >= 0 && from <= to && to <= (indexes === undefined ? view.count : indexes.length), "the entries exist");
    let next = from;
    while (next < to && target.length < sizeBytesMax) {
      this.#appendEntry(view, indexes === undefined ? next : indexes[next]!, target);
      next++;
    }
    return next;
  }

  #appendEntry(view: BlockView, index: number, column: ByteColumn): void {
    const logger = view.loggerIndex(index);
    const template = view.templateIndex(index);
    const loggerStart = logger > 0 ? view.loggerStart(logger) : 0;
    const loggerEnd = logger > 0 ? view.loggerEnd(logger) : 0;
    const templateStart = template > 0 ? view.templateStart(template) : 0;
    const templateEnd = template > 0 ? view.templateEnd(template) : 0;
    const textStart = view.textStart(index);
    const textEnd = view.textEnd(index);
    const fieldsStart = view.fieldsStart(index);
    const fieldsEnd = view.fieldsEnd(index);
    const size = loggerEnd - loggerStart + templateEnd - templateStart + textEnd - textStart + fieldsEnd - fieldsStart;
    // Each byte may be a quote, which doubles.
    column.reserve(this.#start.sizeBytesMax + levelSizeBytesMax + separatorsSizeBytes + size * 2);
    const target = column.bytes;
    const words = column.view;
    const level = levelPieces[view.level(index)]!;
    let at = column.length;
    at = this.#start.write(view.seq(index), view.timeLow(index), view.timeHigh(index), 0, target, words, at);
    for (let byte = 0; byte < level.length; byte++) target[at++] = level[byte]!;
    at = writeValue(view, loggerStart, loggerEnd, column, at);
    target[at++] = comma;
    at = writeValue(view, textStart, textEnd, column, at);
    target[at++] = comma;
    at = writeValue(view, templateStart, templateEnd, column, at);
    target[at++] = comma;
    at = writeValue(view, fieldsStart, fieldsEnd, column, at);
    target[at] = 0x0d;
    target[at + 1] = 0x0a;
    column.length = at + 2;
  }
}

/** Writes one value: in quotes, with quotes doubled, when it has a quote, a comma or a line end. */
function writeValue(view: BlockView, start: number, end: number, column: ByteColumn, at: number): number {
  const source = view.bytes;
  const target = column.bytes;
  let plainEnd = start;
  while (plainEnd < end && needsQuotes[source[plainEnd]!] === 0) plainEnd++;
  if (plainEnd === end) return copyUtf8(source, view.words, start, end, target, column.view, at);
  target[at] = quote;
  const to = copyQuoted(source, start, end, target, at + 1);
  target[to] = quote;
  return to + 1;
}

/** Appends the CSV header to an empty answer. */
export function appendCsvHeader(target: ByteColumn): void {
  target.append(csvHeader, 0, csvHeader.length);
}
