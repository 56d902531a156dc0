/** Decodes a client's LogBatch: everything is checked first, then its columns are taken as they lie. */
import { isAscii, isUtf8 } from "node:buffer";
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import { appendWords } from "../base/words.hot.ts";
import type { EntryColumns } from "../record/columns.hot.ts";
import { columnsSizeBytes, rowSizeBytes } from "../record/columns-size.hot.ts";
import type { Dictionary } from "../record/dictionary.hot.ts";
import { levelCount, levelNone } from "../record/levels.ts";
import { BatchTable, slot, VectorRange } from "./batch-table.hot.ts";
import type { DecodeContext } from "./decode-context.ts";
import { fault, type JsonScanner } from "./json-scan.hot.ts";
import { type Refusal, refuse } from "./outcome.ts";
import { refusalOfBatchSize, refusalOfFieldCount, refusalOfSize, refusalOfTemplates } from "./refusals.ts";

const openBrace = 0x7b;

/** A vector's slot, the size of its elements, and its name in the schema. */
interface Column {
  readonly slot: number;
  readonly sizeBytes: number;
  readonly name: string;
  readonly range: VectorRange;
}

function column(slotOffset: number, sizeBytes: number, name: string): Column {
  return { slot: slotOffset, sizeBytes, name, range: new VectorRange() };
}

export class BatchDecoder {
  readonly #scanner: JsonScanner;
  readonly #table = new BatchTable();
  readonly #timestamps = column(slot.timestamps, 8, "timestamps");
  readonly #levels = column(slot.levels, 1, "levels");
  readonly #loggers = column(slot.loggers, 4, "loggers");
  readonly #loggerIndexes = column(slot.loggerIndexes, 4, "logger_indexes");
  readonly #text = column(slot.text, 1, "text");
  readonly #textEnds = column(slot.textEnds, 4, "text_ends");
  readonly #templates = column(slot.templates, 4, "templates");
  readonly #templateIndexes = column(slot.templateIndexes, 4, "template_indexes");
  readonly #fields = column(slot.fields, 1, "fields");
  readonly #fieldEnds = column(slot.fieldEnds, 4, "field_ends");
  readonly #all = [
    this.#timestamps,
    this.#levels,
    this.#loggers,
    this.#loggerIndexes,
    this.#text,
    this.#textEnds,
    this.#templates,
    this.#templateIndexes,
    this.#fields,
    this.#fieldEnds,
  ];
  readonly #string = new VectorRange();
  #count = 0;
  /** Templates of the entries that were rendered, together. */
  #templatesSizeBytes = 0;
  /** Our number of each string of the batch; 0: not interned yet. */
  #loggerNumbers = new Uint32Array(64);
  #templateNumbers = new Uint32Array(64);
  #context!: DecodeContext;
  #columns!: EntryColumns;

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
  }

  /** Decodes the body that the scanner holds behind the entries of `columns`. */
  decode(context: DecodeContext, columns: EntryColumns): Refusal | undefined {
    this.#context = context;
    this.#columns = columns;
    const refusal = this.#checkTable() ?? this.#checkRows() ?? this.#checkText() ?? this.#checkStrings();
    if (refusal !== undefined) return refusal;
    columns.reserveEntries(this.#count);
    this.#loggerNumbers = cleared(this.#loggerNumbers, this.#loggers.range.count);
    this.#templateNumbers = cleared(this.#templateNumbers, this.#templates.range.count);
    const isWhole = this.#text.range.at >= 0 && this.#fields.range.at < 0;
    return isWhole ? this.#takeColumns() : this.#takeRows();
  }

  #checkTable(): Refusal | undefined {
    const { view, begin, end } = this.#scanner;
    const table = this.#table;
    if (!table.open(view, begin, end)) return broken("its root table does not lie in it");
    this.#count = table.count();
    if (this.#count < 0) return broken("count does not lie in its table");
    for (const { slot: slotOffset, sizeBytes, range, name } of this.#all) {
      if (!table.vector(slotOffset, sizeBytes, range)) return broken(`${name} does not lie in it`);
    }
    return undefined;
  }

  /** Counts agree, ends are monotone and reach to the end of what they divide. */
  #checkRows(): Refusal | undefined {
    const count = this.#count;
    for (const { range, name } of [this.#timestamps, this.#levels, this.#loggerIndexes, this.#templateIndexes]) {
      if (range.at >= 0 && range.count !== count) return broken(`${name} has ${range.count} rows, count is ${count}`);
    }
    const refusal = this.#checkEnds(this.#text, this.#textEnds) ?? this.#checkEnds(this.#fields, this.#fieldEnds);
    if (refusal !== undefined) return refusal;
    if (this.#text.range.at < 0 && this.#templateIndexes.range.at < 0 && count > 0) {
      return broken("it has neither text nor template_indexes");
    }
    const { limits } = this.#context;
    return count * rowSizeBytes <= limits.columnsSizeBytesMax ? undefined : refusalOfBatchSize(limits);
  }

  #checkEnds(divided: Column, ends: Column): Refusal | undefined {
    const { range } = ends;
    if (divided.range.at < 0 && range.at < 0) return undefined;
    if (divided.range.at < 0 || range.at < 0) return broken(`${divided.name} and ${ends.name} need each other`);
    if (range.count !== this.#count + 1) return broken(`${ends.name} has ${range.count} rows, count + 1 is ${this.#count + 1}`);
    const { view } = this.#scanner;
    let before = view.getUint32(range.at, true);
    if (before !== 0) return broken(`${ends.name} does not begin with 0`);
    for (let index = 1; index < range.count; index++) {
      const end = view.getUint32(range.at + index * 4, true);
      if (end < before) return broken(`${ends.name} goes back at row ${index}`);
      before = end;
    }
    return before === divided.range.count ? undefined : broken(`${ends.name} does not end where ${divided.name} ends`);
  }

  /** Text and fields are UTF-8; no end of a text cuts a character. */
  #checkText(): Refusal | undefined {
    const { bytes, view } = this.#scanner;
    const fields = this.#fields.range;
    if (fields.at >= 0 && !isUtf8(bytes.subarray(fields.at, fields.at + fields.count))) return notUtf8("fields");
    const text = this.#text.range;
    if (text.at < 0) return undefined;
    const textBytes = bytes.subarray(text.at, text.at + text.count);
    if (isAscii(textBytes)) return undefined;
    if (!isUtf8(textBytes)) return notUtf8("text");
    const ends = this.#textEnds.range.at;
    for (let index = 0; index < this.#count; index++) {
      const start = view.getUint32(ends + index * 4, true);
      if (start < text.count && (bytes[text.at + start]! & 0xc0) === 0x80) return notUtf8(`text of entry ${index}`);
    }
    return undefined;
  }

  /** Names and templates lie in the batch and are UTF-8; together they are no larger than it, though they may overlap. */
  #checkStrings(): Refusal | undefined {
    const { bytes, begin, end } = this.#scanner;
    const string = this.#string;
    let sizeBytes = 0;
    for (const { range, name } of [this.#loggers, this.#templates]) {
      for (let index = 0; index < range.count; index++) {
        if (!this.#table.string(range, index, string)) return broken(`string ${index} of ${name} does not lie in it`);
        sizeBytes += string.count;
        if (sizeBytes > end - begin) return broken("its strings overlap");
        const { at, count } = string;
        if (count > this.#context.limits.entrySizeBytesMax) return broken(`string ${index} of ${name} is too large`);
        if (!isAsciiName(bytes, at, at + count) && !isUtf8(bytes.subarray(at, at + count)))
          return notUtf8(`string ${index} of ${name}`);
      }
    }
    return undefined;
  }

  /** Takes whole columns, when neither fields are to be looked at nor text is to be rendered. */
  #takeColumns(): Refusal | undefined {
    const columns = this.#columns;
    const { limits } = this.#context;
    const { bytes } = this.#scanner;
    const text = this.#text.range;
    const sizeBytesMax = columnsSizeBytes(columns) + limits.columnsSizeBytesMax;
    const refusal =
      this.#takeTextEnds() ??
      this.#takeLevels() ??
      this.#takeIndexes(this.#loggers, this.#loggerIndexes, this.#loggerNumbers, columns.loggers, columns.loggerIndexes) ??
      this.#takeIndexes(
        this.#templates,
        this.#templateIndexes,
        this.#templateNumbers,
        columns.templates,
        columns.templateIndexes,
      );
    if (refusal !== undefined) return refusal;
    this.#takeTimestamps();
    columns.text.append(bytes, text.at, text.at + text.count);
    columns.fieldEnds.fill(columns.fields.length, columns.count + 1, columns.count + this.#count + 1);
    columns.count += this.#count;
    return columnsSizeBytes(columns) > sizeBytesMax ? refusalOfBatchSize(limits) : undefined;
  }

  #takeTextEnds(): Refusal | undefined {
    const { view } = this.#scanner;
    const { limits } = this.#context;
    const { textEnds, text, count } = this.#columns;
    const at = this.#textEnds.range.at + 4;
    let start = 0;
    for (let index = 0; index < this.#count; index++) {
      const end = view.getUint32(at + index * 4, true);
      if (end - start > limits.entrySizeBytesMax) return refusalOfSize(limits, index);
      textEnds[count + index + 1] = text.length + end;
      start = end;
    }
    return undefined;
  }

  #takeLevels(): Refusal | undefined {
    const { levels, count } = this.#columns;
    const { bytes } = this.#scanner;
    const { at } = this.#levels.range;
    if (at < 0) {
      levels.fill(levelNone, count, count + this.#count);
      return undefined;
    }
    for (let index = 0; index < this.#count; index++) {
      const level = bytes[at + index]!;
      if (level >= levelCount) return refuseLevel(index, level);
      levels[count + index] = level;
    }
    return undefined;
  }

  #takeIndexes(
    strings: Column,
    indexes: Column,
    numbers: Uint32Array,
    target: Dictionary,
    column: Uint32Array,
  ): Refusal | undefined {
    const { count } = this.#columns;
    for (let index = 0; index < this.#count; index++) {
      const number = this.#number(strings.range, indexes.range, index, target, numbers);
      if (number < 0) return refuseIndex(strings, index);
      column[count + index] = number;
    }
    return undefined;
  }

  #takeTimestamps(): void {
    const { timestamps, count } = this.#columns;
    const { at } = this.#timestamps.range;
    const { receivedLow, receivedHigh } = this.#context;
    if (at >= 0) {
      const target = new Uint8Array(timestamps.buffer, timestamps.byteOffset + count * 8, this.#count * 8);
      target.set(this.#scanner.bytes.subarray(at, at + this.#count * 8));
      return;
    }
    for (let index = count; index < count + this.#count; index++) {
      timestamps[index * 2] = receivedLow;
      timestamps[index * 2 + 1] = receivedHigh;
    }
  }

  /** Takes the rows, which only may still be refused for what single entries hold. */
  #takeRows(): Refusal | undefined {
    const columns = this.#columns;
    const { limits, receivedLow, receivedHigh } = this.#context;
    const { view } = this.#scanner;
    const sizeBytesMax = columnsSizeBytes(columns) + limits.columnsSizeBytesMax;
    const timestamps = this.#timestamps.range.at;
    const levels = this.#levels.range.at;
    this.#templatesSizeBytes = 0;
    for (let index = 0; index < this.#count; index++) {
      const level = levels < 0 ? levelNone : view.getUint8(levels + index);
      if (level >= levelCount) return refuseLevel(index, level);
      const logger = this.#number(this.#loggers.range, this.#loggerIndexes.range, index, columns.loggers, this.#loggerNumbers);
      if (logger < 0) return refuseIndex(this.#loggers, index);
      const templates = columns.templates;
      const template = this.#number(this.#templates.range, this.#templateIndexes.range, index, templates, this.#templateNumbers);
      if (template < 0) return refuseIndex(this.#templates, index);
      const refusal = this.#takeFields(index) ?? this.#takeText(index, template);
      if (refusal !== undefined) return refusal;
      const low = timestamps < 0 ? receivedLow : view.getInt32(timestamps + index * 8, true);
      const high = timestamps < 0 ? receivedHigh : view.getInt32(timestamps + index * 8 + 4, true);
      columns.finishEntry(low, high, level, logger, template);
      if (columnsSizeBytes(columns) > sizeBytesMax) return refusalOfBatchSize(limits);
    }
    return undefined;
  }

  /** Our number of the string that row `index` of `indexes` means; 0 for none, -1 when there is no such string. */
  #number(strings: VectorRange, indexes: VectorRange, index: number, target: Dictionary, numbers: Uint32Array): number {
    if (indexes.at < 0) return 0;
    const theirs = this.#scanner.view.getUint32(indexes.at + index * 4, true);
    if (theirs === 0) return 0;
    if (theirs > strings.count) return -1;
    const known = numbers[theirs - 1]!;
    if (known !== 0) return known;
    const string = this.#string;
    assert(this.#table.string(strings, theirs - 1, string), "strings were checked");
    const ours = target.intern(this.#scanner.bytes, string.at, string.at + string.count);
    numbers[theirs - 1] = ours;
    return ours;
  }

  #takeFields(index: number): Refusal | undefined {
    const ends = this.#fieldEnds.range.at;
    if (ends < 0) return undefined;
    const scanner = this.#scanner;
    const { limits } = this.#context;
    const start = this.#fields.range.at + scanner.view.getUint32(ends + index * 4, true);
    const end = this.#fields.range.at + scanner.view.getUint32(ends + index * 4 + 4, true);
    if (start === end) return undefined;
    if (end - start > limits.entrySizeBytesMax) return refusalOfSize(limits, index);
    if (scanner.bytes[start] !== openBrace) return refuseEntry(index, "fields", "is not an object");
    // The entry's own object would be one level.
    scanner.depthMax = limits.jsonDepthMax - 1;
    scanner.fault = fault.none;
    const next = scanner.skipFields(start);
    if (scanner.fault === fault.tooDeep)
      return refuseEntry(index, "fields", `is nested deeper than ${limits.jsonDepthMax} levels`);
    if (next !== end) return refuseEntry(index, "fields", "is not one JSON object");
    if (scanner.memberCount > limits.fieldCountMax) return refusalOfFieldCount(limits, index);
    scanner.copyValue(start, end, this.#columns.fields);
    return undefined;
  }

  #takeText(index: number, template: number): Refusal | undefined {
    const columns = this.#columns;
    const { limits } = this.#context;
    const ends = this.#textEnds.range.at;
    if (ends < 0) return this.#render(index, template);
    const scanner = this.#scanner;
    const { view } = scanner;
    const start = this.#text.range.at + view.getUint32(ends + index * 4, true);
    const end = this.#text.range.at + view.getUint32(ends + index * 4 + 4, true);
    if (end - start > limits.entrySizeBytesMax) return refusalOfSize(limits, index);
    appendWords(columns.text, scanner, start, end);
    return undefined;
  }

  #render(index: number, template: number): Refusal | undefined {
    if (template === 0) return refuseEntry(index, "format", "is missing, and so is text");
    const { templates, fields, fieldEnds, count, text } = this.#columns;
    const { limits, renderer } = this.#context;
    const start = fieldEnds[count]!;
    const sizeBytes = templates.end(template) - templates.start(template);
    if (sizeBytes + fields.length - start > limits.entrySizeBytesMax) return refusalOfSize(limits, index);
    this.#templatesSizeBytes += sizeBytes;
    if (this.#templatesSizeBytes > limits.renderedTemplatesSizeBytesMax) return refusalOfTemplates(limits, index);
    const outline = start < fields.length ? this.#scanner.outline : undefined;
    renderer.render(templates, template, fields.bytes, start, fields.length, text, outline);
    return undefined;
  }
}

/** A table of `count` zeros, in `numbers` when they fit. */
function cleared(numbers: Uint32Array<ArrayBuffer>, count: number): Uint32Array<ArrayBuffer> {
  if (count > numbers.length) return new Uint32Array(count);
  return numbers.fill(0, 0, count);
}

/** Whether all bytes are below 0x80; names are short and do not pay for a call out. */
function isAsciiName(bytes: AnyBytes, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! >= 0x80) return false;
  return true;
}

function broken(what: string): Refusal {
  return refuse("invalid_batch", `The binary batch is broken: ${what}.`);
}

function notUtf8(what: string): Refusal {
  return refuse("invalid_utf8", `The binary batch is broken: ${what} is not UTF-8.`);
}

function refuseLevel(index: number, level: number): Refusal {
  return refuseEntry(index, "level", `is ${level}, more than ${levelCount - 1}`);
}

function refuseIndex(strings: Column, index: number): Refusal {
  const field = strings.slot === slot.loggers ? "logger" : "format";
  return refuseEntry(index, field, `is not in ${strings.name}`);
}

function refuseEntry(index: number, field: string, what: string): Refusal {
  return refuse("invalid_entry", `Entry ${index}: ${field} ${what}.`, { index, field });
}
