/**
 * Decodes one entry object from JSON bytes into the columns.
 *
 * The usual entry is read in one pass: its message goes straight into the text column, its fields into theirs. An entry that
 * names one thing twice (`message` and `msg`) is read again, now knowing which name wins; the others become fields.
 */
import { assert } from "../base/assert.ts";
import { ByteColumn, type OwnedBytes, textOf } from "../base/bytes.ts";
import { appendWords, wordSlackBytes } from "../base/words.hot.ts";
import type { EntryColumns } from "../record/columns.hot.ts";
import { InternCache } from "../record/intern-cache.hot.ts";
import { levelOfBytes, usualLevelAt, usualLevelSizeBytes } from "../record/level-bytes.hot.ts";
import { levelNone, levelOfPino } from "../record/levels.ts";
import { TimeReader } from "../record/time.hot.ts";
import type { DecodeContext } from "./decode-context.ts";
import { fault, type JsonScanner } from "./json-scan.hot.ts";
import {
  fieldsNames,
  loggerNames,
  member,
  memberAt,
  memberBytes,
  memberOf,
  memberSizeBytes,
  messageNames,
  timeNames,
} from "./members.hot.ts";

/** What an entry may be refused for beside its JSON. */
export const entryProblem = { none: 0, invalid: 1, tooManyFields: 2, tooLarge: 3, batchTooLarge: 4 } as const;

// What is compared per byte or per member is a constant of this module: the compiler knows its value, while an imported
// one is loaded each time, which costs a fifth of the whole decoder.
const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const letterN = 0x6e;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const { other, entries, level: levelMember, logger, name, message, msg, format, fields: fieldsMember, data } = member;
const timeBits = timeNames;
const loggerBits = loggerNames;
const messageBits = messageNames;
const fieldsBits = fieldsNames;
const noProblem = entryProblem.none;
const sizeBytesOfMember = memberSizeBytes;
const sizeBytesOfLevel = usualLevelSizeBytes;
const noLevel = levelNone;
/** An entry's row in all columns. */
export const rowSizeBytes = 25;
/** What a distinct string costs in a dictionary beside its bytes. */
const stringOverheadBytes = 16;

export class EntryDecoder {
  /** Why the last entry was refused, if it was not the scanner's fault; the member at fault. */
  problem: number = noProblem;
  problemMember = 0;
  /** Where the name of the member that was read last begins and ends. */
  nameStart = 0;
  nameEnd = 0;
  readonly #scanner: JsonScanner;
  readonly #time = new TimeReader();
  #context!: DecodeContext;
  #columns!: EntryColumns;
  /** Size of the columns at which the batch is too large. */
  #sizeBytesMax = 0;

  /** Bits of member numbers: seen with a value; with a value and then a null; to be kept as fields; to be skipped. */
  #seen = 0;
  #nulled = 0;
  #asFields = 0;
  #skipped = 0;
  #textStart = 0;
  #fieldsStart = 0;
  #level = noLevel;
  #pinoLevel = false;
  #timeLow = 0;
  #timeHigh = 0;
  readonly #loggers = new InternCache();
  readonly #templates = new InternCache();
  #loggerBytes: OwnedBytes;
  #loggerView: DataView;
  #loggerStart = 0;
  #loggerEnd = 0;
  #formatBytes: OwnedBytes;
  #formatView: DataView;
  #formatStart = 0;
  #formatEnd = 0;
  /** The message as it was sent, with its quotes, and under which name. */
  #messageMember = 0;
  #messageStart = 0;
  #messageEnd = 0;
  #fieldCount = 0;
  #otherCount = 0;
  readonly #loggerScratch = new ByteColumn(256);
  readonly #formatScratch = new ByteColumn(1024);
  readonly #scratch = new ByteColumn(256);
  /** Members that become fields, as they were sent, with commas between. */
  readonly #others = new ByteColumn(1024);

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
    this.#loggerBytes = scanner.bytes;
    this.#loggerView = scanner.view;
    this.#formatBytes = scanner.bytes;
    this.#formatView = scanner.view;
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
    const stop = Math.min(at + this.#context.limits.entrySizeBytesMax, scanner.end);
    scanner.stop = stop;
    scanner.fault = fault.none;
    // The entry's own object is one level.
    scanner.depthMax = this.#context.limits.jsonDepthMax - 1;
    columns.reserveEntries(1);
    columns.text.reserve(stop - at + wordSlackBytes);
    this.#textStart = columns.text.length;
    this.#fieldsStart = columns.fields.length;
    this.#asFields = 0;
    this.#skipped = 0;
    let next = this.#members(at);
    if (next < 0) return -1;
    if (next > stop) return this.#refuse(entryProblem.tooLarge, other);
    const losers =
      losersOf(this.#seen & timeBits) |
      losersOf(this.#seen & loggerBits) |
      losersOf(this.#seen & messageBits) |
      losersOf(this.#seen & fieldsBits);
    if ((losers | this.#nulled) !== 0) {
      this.#asFields = losers;
      this.#skipped = this.#nulled;
      next = this.#members(at);
      assert(next > 0, "what was read once is read again");
    }
    return this.problem === noProblem && this.#finish() ? next : -1;
  }

  #members(at: number): number {
    const scanner = this.#scanner;
    const bytes = scanner.bytes;
    this.#reset();
    at++;
    if (bytes[at]! <= space) at = scanner.white(at);
    if (bytes[at] === closeBrace) return at + 1;
    for (;;) {
      if (bytes[at] !== quote) return scanner.fail(fault.syntax, at);
      this.nameStart = ++at;
      let number = memberAt(scanner.view, at);
      if (number === other) {
        at = scanner.skipString(at);
        if (at < 0) return -1;
        if (scanner.escaped) number = this.#memberOfEscaped();
      } else {
        at += sizeBytesOfMember[number]! + 1;
      }
      this.nameEnd = at - 1;
      at = scanner.colon(at);
      if (at < 0) return -1;
      at = this.#take(number, at);
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

  #reset(): void {
    this.#columns.text.length = this.#textStart;
    this.#columns.fields.length = this.#fieldsStart;
    this.#others.length = 0;
    this.#seen = 0;
    this.#nulled = 0;
    this.#level = noLevel;
    this.#pinoLevel = false;
    this.#fieldCount = 0;
    this.#otherCount = 0;
    this.problem = noProblem;
  }

  #memberOfEscaped(): number {
    const scanner = this.#scanner;
    if (scanner.readString(this.nameStart, this.#scratch) < 0) return other;
    return memberOf(scanner.source, scanner.sourceStart, scanner.sourceEnd);
  }

  /** Takes the value at `at` of the member that was just named. */
  #take(number: number, at: number): number {
    const bit = 1 << number;
    if (number === other || number === entries || (this.#asFields & bit) !== 0) return this.#takeOther(at);
    if ((this.#skipped & bit) !== 0) return this.#scanner.skipValue(at);
    if (this.#scanner.bytes[at] === letterN) return this.#takeNull(bit, at);
    switch (number) {
      case message:
      case msg:
        return this.#takeMessage(number, at);
      case levelMember:
        return this.#takeLevel(at);
      case logger:
      case name:
        return this.#takeLogger(number, at);
      case format:
        return this.#takeFormat(at);
      case fieldsMember:
      case data:
        return this.#takeFields(number, at);
      default:
        return this.#takeTime(number, at);
    }
  }

  #takeOther(at: number): number {
    const scanner = this.#scanner;
    const next = scanner.skipValue(at);
    if (next < 0) return -1;
    if (next > scanner.stop) return scanner.fail(fault.tooLarge, scanner.stop);
    const others = this.#others;
    if (this.#otherCount > 0) putByte(others, comma);
    if (at === this.nameEnd + 2 && !scanner.spaced) {
      // Nothing but the colon stands between name and value.
      appendWords(others, scanner.view, this.nameStart - 1, next);
    } else {
      appendWords(others, scanner.view, this.nameStart - 1, this.nameEnd + 1);
      putByte(others, colon);
      scanner.copyValue(at, next, others);
    }
    this.#otherCount++;
    return next;
  }

  /** A null is as good as an absent member; behind a value of the same name it takes that back. */
  #takeNull(bit: number, at: number): number {
    if ((this.#seen & bit) !== 0) {
      this.#seen &= ~bit;
      this.#nulled |= bit;
    }
    return this.#scanner.skipValue(at);
  }

  #see(number: number): void {
    this.#seen |= 1 << number;
    this.#nulled &= ~(1 << number);
  }

  /** Skips a value that its member cannot have. */
  #takeInvalid(number: number, at: number): number {
    this.#see(number);
    this.#note(number);
    return this.#scanner.skipValue(at);
  }

  #note(number: number): void {
    if (this.problem !== noProblem) return;
    this.problem = entryProblem.invalid;
    this.problemMember = number;
  }

  #takeMessage(number: number, at: number): number {
    if (this.#scanner.bytes[at] !== quote) return this.#takeInvalid(number, at);
    const text = this.#columns.text;
    text.length = this.#textStart;
    const next = this.#scanner.copyString(at + 1, text);
    this.#see(number);
    this.#messageMember = number;
    this.#messageStart = at;
    this.#messageEnd = next;
    return next;
  }

  #takeTime(number: number, at: number): number {
    const scanner = this.#scanner;
    const byte = scanner.bytes[at]!;
    let next = at;
    let valid = false;
    if (byte === quote) {
      next = this.#time.tryReadKnown(scanner.view, at + 1);
      if (next > 0 && scanner.bytes[next] === quote) {
        this.#timeLow = this.#time.low;
        this.#timeHigh = this.#time.high;
        this.#see(number);
        return next + 1;
      }
      next = scanner.readString(at + 1, this.#scratch);
      if (next < 0) return -1;
      valid = this.#time.readText(scanner.source, scanner.sourceStart, scanner.sourceEnd);
    } else if (startsNumber(byte)) {
      next = scanner.skipNumber(at);
      if (next < 0) return -1;
      valid = this.#time.readNumber(scanner.bytes, at, next);
    }
    if (!valid) return this.#takeInvalid(number, at);
    this.#timeLow = this.#time.low;
    this.#timeHigh = this.#time.high;
    this.#see(number);
    return next;
  }

  #takeLevel(at: number): number {
    const scanner = this.#scanner;
    const byte = scanner.bytes[at]!;
    let next = at;
    let level = -1;
    if (byte === quote) {
      level = usualLevelAt(scanner.view, at + 1);
      next = at + 1 + sizeBytesOfLevel[level]!;
      if (level > 0 && scanner.bytes[next] === quote) {
        this.#level = level;
        this.#pinoLevel = false;
        this.#see(levelMember);
        return next + 1;
      }
      next = scanner.readString(at + 1, this.#scratch);
      if (next < 0) return -1;
      level = levelOfBytes(scanner.source, scanner.sourceStart, scanner.sourceEnd);
    } else if (startsNumber(byte)) {
      next = scanner.skipNumber(at);
      if (next < 0) return -1;
      level = levelOfPino(numberOf(scanner.bytes, at, next));
    }
    if (level < 0) return this.#takeInvalid(levelMember, at);
    this.#level = level;
    this.#pinoLevel = byte !== quote;
    this.#see(levelMember);
    return next;
  }

  #takeLogger(number: number, at: number): number {
    const scanner = this.#scanner;
    if (scanner.bytes[at] !== quote) return number === name ? this.#takeOther(at) : this.#takeInvalid(number, at);
    const next = scanner.readString(at + 1, this.#loggerScratch);
    if (next < 0) return -1;
    this.#loggerBytes = scanner.source;
    this.#loggerView = scanner.sourceView;
    this.#loggerStart = scanner.sourceStart;
    this.#loggerEnd = scanner.sourceEnd;
    this.#see(number);
    return next;
  }

  #takeFormat(at: number): number {
    const scanner = this.#scanner;
    if (scanner.bytes[at] !== quote) return this.#takeInvalid(format, at);
    const next = scanner.readString(at + 1, this.#formatScratch);
    if (next < 0) return -1;
    this.#formatBytes = scanner.source;
    this.#formatView = scanner.sourceView;
    this.#formatStart = scanner.sourceStart;
    this.#formatEnd = scanner.sourceEnd;
    this.#see(format);
    return next;
  }

  #takeFields(number: number, at: number): number {
    const scanner = this.#scanner;
    if (scanner.bytes[at] !== openBrace) return number === data ? this.#takeOther(at) : this.#takeInvalid(number, at);
    const next = scanner.skipValue(at);
    if (next < 0) return -1;
    if (next > scanner.stop) return scanner.fail(fault.tooLarge, scanner.stop);
    this.#fieldCount = scanner.memberCount;
    const fields = this.#columns.fields;
    fields.length = this.#fieldsStart;
    scanner.copyValue(at, next, fields);
    this.#see(number);
    return next;
  }

  /** Closes the entry whose members were taken; false when it is refused. */
  #finish(): boolean {
    const columns = this.#columns;
    const context = this.#context;
    const seen = this.#seen;
    const hasMessage = (seen & messageBits) !== 0;
    const hasFormat = (seen & (1 << format)) !== 0;
    if (!hasMessage && !hasFormat && !this.#pinoLevel) return this.#refuse(entryProblem.invalid, message) > 0;
    if (this.#otherCount > 0) this.#appendOthers(this.#others);
    if (this.#fieldCount + this.#otherCount > context.limits.fieldCountMax) {
      return this.#refuse(entryProblem.tooManyFields, fieldsMember) > 0;
    }
    let loggerIndex = 0;
    if ((seen & loggerBits) !== 0) {
      const { loggers } = columns;
      loggerIndex = this.#loggers.intern(loggers, this.#loggerBytes, this.#loggerView, this.#loggerStart, this.#loggerEnd);
    }
    const templateIndex = hasFormat ? this.#render(hasMessage) : 0;
    const hasTime = (seen & timeBits) !== 0;
    const low = hasTime ? this.#timeLow : context.receivedLow;
    const high = hasTime ? this.#timeHigh : context.receivedHigh;
    columns.finishEntry(low, high, this.#level, loggerIndex, templateIndex);
    return columnsSizeBytes(columns) <= this.#sizeBytesMax || this.#refuse(entryProblem.batchTooLarge, other) > 0;
  }

  /** Renders the text; a message that was sent beside the format and says something else becomes a field. */
  #render(hasMessage: boolean): number {
    const columns = this.#columns;
    const text = columns.text;
    const { templates } = columns;
    const index = this.#templates.intern(templates, this.#formatBytes, this.#formatView, this.#formatStart, this.#formatEnd);
    const start = this.#textStart;
    const sentEnd = text.length;
    const { fields } = columns;
    this.#context.renderer.render(templates, index, fields.bytes, this.#fieldsStart, fields.length, text);
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
    const others = this.#others;
    const name = memberBytes[this.#messageMember]!;
    others.length = 0;
    putByte(others, quote);
    others.append(name, 0, name.length);
    putByte(others, quote);
    putByte(others, colon);
    appendWords(others, this.#scanner.view, this.#messageStart, this.#messageEnd);
    this.#appendOthers(others);
  }

  /** Appends members, with commas between, to the entry's fields. */
  #appendOthers(others: ByteColumn): void {
    const fields = this.#columns.fields;
    if (fields.length === this.#fieldsStart) {
      putByte(fields, openBrace);
    } else {
      fields.length--;
      if (fields.length > this.#fieldsStart + 1) putByte(fields, comma);
    }
    others.reserve(wordSlackBytes);
    appendWords(fields, others.view, 0, others.length);
    putByte(fields, closeBrace);
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

function startsNumber(byte: number): boolean {
  return (byte - 0x30) >>> 0 <= 9 || byte === 0x2d;
}

/** The value of a number literal; only short integers, which levels are, come without a string. */
function numberOf(bytes: OwnedBytes, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit >>> 0 > 9) return Number(textOf(bytes, start, end));
    value = value * 10 + digit;
  }
  return value;
}

function putByte(target: ByteColumn, byte: number): void {
  target.reserve(1);
  target.bytes[target.length++] = byte;
}

/** Returns what the columns come to in a block, headers aside. */
export function columnsSizeBytes(columns: EntryColumns): number {
  const { loggers, templates } = columns;
  const strings = (loggers.count + templates.count) * stringOverheadBytes + loggers.bytes.length + templates.bytes.length;
  return columns.count * rowSizeBytes + columns.text.length + columns.fields.length + strings;
}
