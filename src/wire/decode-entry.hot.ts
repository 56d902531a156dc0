/**
 * Decodes one entry object from JSON bytes into the columns.
 *
 * The usual entry is read in one pass. One that names a thing twice (`message` and `msg`) is read again, now knowing which
 * name wins; the others become fields.
 */
import { assert } from "../base/assert.ts";
import type { ByteColumn } from "../base/bytes.ts";
import { appendWords, wordSlackBytes } from "../base/words.hot.ts";
import type { EntryColumns } from "../record/columns.hot.ts";
import { columnsSizeBytes } from "../record/columns-size.hot.ts";
import type { DecodeContext } from "./decode-context.ts";
import { EntryValues } from "./entry-values.hot.ts";
import { fault, type JsonScanner, TextSpan } from "./json-scan.hot.ts";
import * as known from "./members.hot.ts";

/** What an entry may be refused for beside its JSON. */
export const entryProblem = { none: 0, invalid: 1, tooManyFields: 2, tooLarge: 3, batchTooLarge: 4 } as const;

// Constants of this module: the compiler knows their values.
const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const { memberAt, memberSizeBytes, timeNames, loggerNames, messageNames, fieldsNames } = known;
const { other, message, format, fields: fieldsMember } = known.member;
const noProblem = entryProblem.none;

export class EntryDecoder {
  /** Why the last entry was refused, if it was not the scanner's fault; the member at fault. */
  problem: number = noProblem;
  problemMember = 0;
  readonly #scanner: JsonScanner;
  readonly #values: EntryValues;
  readonly #name = new TextSpan();
  #context!: DecodeContext;
  #columns!: EntryColumns;
  /** Size of the columns at which the batch is too large. */
  #sizeBytesMax = 0;

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
    this.#values = new EntryValues(scanner);
  }

  /** Where the name of the member that was read last begins and ends. */
  get nameStart(): number {
    return this.#values.nameStart;
  }

  get nameEnd(): number {
    return this.#values.nameEnd;
  }

  /** Begins a batch: its entries go behind those in `columns`. */
  begin(context: DecodeContext, columns: EntryColumns): void {
    assert(context.limits.jsonDepthMax <= 32, "depth fits a word");
    this.#context = context;
    this.#columns = columns;
    this.#sizeBytesMax = columnsSizeBytes(columns) + context.limits.columnsSizeBytesMax;
    this.problem = noProblem;
  }

  /** Decodes the object at `at`; returns the position behind it, or -1: see `problem`, then the scanner's fault. */
  decode(at: number): number {
    const scanner = this.#scanner;
    const columns = this.#columns;
    const values = this.#values;
    const stop = Math.min(at + this.#context.limits.entrySizeBytesMax, scanner.end);
    scanner.stop = stop;
    scanner.fault = fault.none;
    // The entry's own object is one level.
    scanner.depthMax = this.#context.limits.jsonDepthMax - 1;
    columns.reserveEntries(1);
    columns.text.reserve(stop - at + wordSlackBytes);
    values.begin(columns);
    let next = this.#members(at);
    if (next < 0) return -1;
    if (next > stop) return this.#refuse(entryProblem.tooLarge, other);
    const { seen, nulled } = values;
    const losers =
      losersOf(seen & timeNames) | losersOf(seen & loggerNames) | losersOf(seen & messageNames) | losersOf(seen & fieldsNames);
    if ((losers | nulled) !== 0) {
      values.asFields = losers;
      values.skipped = nulled;
      next = this.#members(at);
      assert(next > 0, "what was read once is read again");
    }
    if (values.invalidMember !== other) return this.#refuse(entryProblem.invalid, values.invalidMember);
    return this.#finish() ? next : -1;
  }

  #members(at: number): number {
    const scanner = this.#scanner;
    const values = this.#values;
    const bytes = scanner.bytes;
    values.reset();
    at++;
    if (bytes[at]! <= space) at = scanner.white(at);
    if (bytes[at] === closeBrace) return at + 1;
    for (;;) {
      if (bytes[at] !== quote) return scanner.fail(fault.syntax, at);
      values.nameStart = ++at;
      let number = memberAt(scanner.view, at);
      if (number === other) {
        at = scanner.skipString(at);
        if (at < 0) return -1;
        if (scanner.escaped) number = this.#memberOfEscaped();
      } else {
        at += memberSizeBytes[number]! + 1;
      }
      values.nameEnd = at - 1;
      at = scanner.colon(at);
      if (at < 0) return -1;
      at = values.take(number, at);
      if (at < 0) return -1;
      if (bytes[at]! <= space) at = scanner.white(at);
      const after = bytes[at]!;
      if (after === comma) {
        at++;
        if (bytes[at]! <= space) at = scanner.white(at);
      } else {
        return after === closeBrace ? at + 1 : scanner.fail(fault.syntax, at);
      }
    }
  }

  #memberOfEscaped(): number {
    const name = this.#name;
    if (this.#scanner.readString(this.#values.nameStart, name) < 0) return other;
    return known.memberOf(name.bytes, name.start, name.end);
  }

  /** Closes the entry whose members were taken; false when it is refused. */
  #finish(): boolean {
    const columns = this.#columns;
    const context = this.#context;
    const values = this.#values;
    const seen = values.seen;
    const hasMessage = (seen & messageNames) !== 0;
    const hasFormat = (seen & (1 << format)) !== 0;
    if (!hasMessage && !hasFormat && !values.hasPinoLevel) return this.#refuse(entryProblem.invalid, message) > 0;
    if (values.otherCount > 0) this.#appendOthers(values.others);
    if (values.fieldCount + values.otherCount > context.limits.fieldCountMax) {
      return this.#refuse(entryProblem.tooManyFields, fieldsMember) > 0;
    }
    const loggerIndex = (seen & loggerNames) !== 0 ? this.#loggerIndex() : 0;
    const templateIndex = hasFormat ? this.#render(hasMessage) : 0;
    const hasTime = (seen & timeNames) !== 0;
    const low = hasTime ? values.timeLow : context.receivedLow;
    const high = hasTime ? values.timeHigh : context.receivedHigh;
    columns.finishEntry(low, high, values.level, loggerIndex, templateIndex);
    return columnsSizeBytes(columns) <= this.#sizeBytesMax || this.#refuse(entryProblem.batchTooLarge, other) > 0;
  }

  #loggerIndex(): number {
    const { loggers } = this.#columns;
    const { loggerSlot, knownLoggers, logger } = this.#values;
    return loggerSlot >= 0 ? knownLoggers.indexIn(loggers, loggerSlot) : loggers.intern(logger.bytes, logger.start, logger.end);
  }

  #templateIndex(): number {
    const { templates } = this.#columns;
    const { formatSlot, knownFormats, format: text } = this.#values;
    return formatSlot >= 0 ? knownFormats.indexIn(templates, formatSlot) : templates.intern(text.bytes, text.start, text.end);
  }

  /** Renders the text; a message that was sent beside the format and says something else becomes a field. */
  #render(hasMessage: boolean): number {
    const { text, fields, templates } = this.#columns;
    const values = this.#values;
    const index = this.#templateIndex();
    const start = values.textStart;
    const sentEnd = text.length;
    // What other members add to the fields is not in the outline.
    const outline = values.hasOutline && values.otherCount === 0 ? this.#scanner.outline : undefined;
    this.#context.renderer.render(templates, index, fields.bytes, values.fieldsStart, fields.length, text, outline);
    if (!hasMessage) return index;
    const size = text.length - sentEnd;
    const bytes = text.bytes;
    let same = size === sentEnd - start;
    for (let at = 0; same && at < size; at++) same = bytes[start + at] === bytes[sentEnd + at];
    if (!same) {
      bytes.copyWithin(start, sentEnd, text.length);
      this.#keepMessage();
    }
    text.length = start + size;
    return index;
  }

  #keepMessage(): void {
    const { others, messageMember, messageStart, messageEnd } = this.#values;
    const name = known.memberBytes[messageMember]!;
    others.length = 0;
    others.push(quote);
    others.append(name, 0, name.length);
    others.push(quote);
    others.push(colon);
    appendWords(others, this.#scanner, messageStart, messageEnd);
    this.#appendOthers(others);
  }

  /** Appends members, with commas between, to the entry's fields. */
  #appendOthers(others: ByteColumn): void {
    const fields = this.#columns.fields;
    const start = this.#values.fieldsStart;
    if (fields.length === start) {
      fields.push(openBrace);
    } else {
      fields.length--;
      if (fields.length > start + 1) fields.push(comma);
    }
    others.reserve(wordSlackBytes);
    appendWords(fields, others, 0, others.length);
    fields.push(closeBrace);
  }

  #refuse(problem: number, number: number): number {
    this.problem = problem;
    this.problemMember = number;
    return -1;
  }
}

/** Of several names for one thing (bits), all but the one that wins. */
function losersOf(names: number): number {
  return names & (names - 1);
}
