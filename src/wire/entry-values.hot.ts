/**
 * Takes the values of one entry's members as they are read: the message goes straight into the text column, fields into
 * theirs, the rest is kept here until the entry is closed.
 */
import { ByteColumn, type OwnedBytes, textOf } from "../base/bytes.ts";
import { appendWords } from "../base/words.hot.ts";
import type { EntryColumns } from "../record/columns.hot.ts";
import { KnownStrings, knownStringCountMax } from "../record/known-strings.hot.ts";
import { levelOfBytes, usualLevelAt, usualLevelSizeBytes } from "../record/level-bytes.hot.ts";
import { levelNone, levelOfPino } from "../record/levels.ts";
import { TimeReader } from "../record/time.hot.ts";
import { FieldsGuide } from "./fields-guide.hot.ts";
import { fault, type JsonScanner, TextSpan } from "./json-scan.hot.ts";
import { member } from "./members.hot.ts";

// What is compared per byte or per member is a constant of this module: the compiler knows its value, while an imported
// one is loaded each time, which costs a fifth of the whole decoder.
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const letterN = 0x6e;
const { other, entries, level: levelMember, logger, name, message, msg, format, fields: fieldsMember, data } = member;
const sizeBytesOfLevel = usualLevelSizeBytes;
const noLevel = levelNone;

export class EntryValues {
  /** Where the name of the member that is taken begins and ends. */
  nameStart = 0;
  nameEnd = 0;
  /** Bits of member numbers: seen with a value; with a value and then a null. */
  seen = 0;
  nulled = 0;
  /** Bits of member numbers that are to become fields, and that are to be skipped. */
  asFields = 0;
  skipped = 0;
  /** The first member whose value it cannot have; `other`: none. */
  invalidMember: number = other;
  /** Where text and fields of the entry begin in their columns. */
  textStart = 0;
  fieldsStart = 0;
  level: number = noLevel;
  hasPinoLevel = false;
  timeLow = 0;
  timeHigh = 0;
  /** Logger and format: their slots among what is known, -1: read them in the spans. */
  loggerSlot = -1;
  formatSlot = -1;
  readonly logger = new TextSpan();
  readonly format = new TextSpan();
  readonly knownLoggers = new KnownStrings();
  readonly knownFormats = new KnownStrings();
  /** The message as it was sent, with its quotes, and under which name. */
  messageMember: number = message;
  messageStart = 0;
  messageEnd = 0;
  /** Members of `fields`, and those that are to join them. */
  fieldCount = 0;
  otherCount = 0;
  /** The scanner's outline is that of the fields. */
  hasOutline = false;
  /** Members that are to become fields, as they were sent, with commas between. */
  readonly others = new ByteColumn(1024);
  readonly #scanner: JsonScanner;
  /** By the slot of the format. */
  readonly #guides: (FieldsGuide | undefined)[] = new Array(knownStringCountMax).fill(undefined);
  readonly #time = new TimeReader();
  readonly #span = new TextSpan();
  #columns!: EntryColumns;

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
  }

  /** Begins an entry at the end of `columns`. */
  begin(columns: EntryColumns): void {
    this.#columns = columns;
    this.textStart = columns.text.length;
    this.fieldsStart = columns.fields.length;
    this.asFields = 0;
    this.skipped = 0;
  }

  /** Begins to take the members of the entry, for the first time or again. */
  reset(): void {
    this.#columns.text.length = this.textStart;
    this.#columns.fields.length = this.fieldsStart;
    this.others.length = 0;
    this.seen = 0;
    this.nulled = 0;
    this.level = noLevel;
    this.hasPinoLevel = false;
    this.fieldCount = 0;
    this.otherCount = 0;
    this.hasOutline = false;
    this.invalidMember = other;
  }

  /** Takes the value at `at` of the member that was just named; returns the position behind it, or -1 after a fault. */
  take(number: number, at: number): number {
    const bit = 1 << number;
    if (number === other || number === entries || (this.asFields & bit) !== 0) return this.#takeOther(at);
    if ((this.skipped & bit) !== 0) return this.#scanner.skipValue(at);
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
    const others = this.others;
    if (this.otherCount > 0) others.push(comma);
    if (at === this.nameEnd + 2 && !scanner.spaced) {
      // Nothing but the colon stands between name and value.
      appendWords(others, scanner, this.nameStart - 1, next);
    } else {
      appendWords(others, scanner, this.nameStart - 1, this.nameEnd + 1);
      others.push(colon);
      scanner.copyValue(at, next, others);
    }
    this.otherCount++;
    return next;
  }

  /** A null is as good as an absent member; behind a value of the same name it takes that back. */
  #takeNull(bit: number, at: number): number {
    if ((this.seen & bit) !== 0) {
      this.seen &= ~bit;
      this.nulled |= bit;
    }
    return this.#scanner.skipValue(at);
  }

  #see(number: number): void {
    this.seen |= 1 << number;
    this.nulled &= ~(1 << number);
  }

  /** Skips a value that its member cannot have. */
  #takeInvalid(number: number, at: number): number {
    this.#see(number);
    if (this.invalidMember === other) this.invalidMember = number;
    return this.#scanner.skipValue(at);
  }

  #takeMessage(number: number, at: number): number {
    if (this.#scanner.bytes[at] !== quote) return this.#takeInvalid(number, at);
    const text = this.#columns.text;
    text.length = this.textStart;
    const next = this.#scanner.copyString(at + 1, text);
    this.#see(number);
    this.messageMember = number;
    this.messageStart = at;
    this.messageEnd = next;
    return next;
  }

  #takeTime(number: number, at: number): number {
    const scanner = this.#scanner;
    const span = this.#span;
    const byte = scanner.bytes[at]!;
    let next = at;
    let valid = false;
    if (byte === quote) {
      next = this.#time.tryReadKnown(scanner.view, at + 1);
      if (next > 0 && scanner.bytes[next] === quote) return this.#keepTime(number, next + 1);
      next = scanner.readString(at + 1, span);
      if (next < 0) return -1;
      valid = this.#time.readText(span.bytes, span.start, span.end);
    } else if (startsNumber(byte)) {
      next = scanner.skipNumber(at);
      if (next < 0) return -1;
      valid = this.#time.readNumber(scanner.bytes, at, next);
    }
    return valid ? this.#keepTime(number, next) : this.#takeInvalid(number, at);
  }

  #keepTime(number: number, next: number): number {
    this.timeLow = this.#time.low;
    this.timeHigh = this.#time.high;
    this.#see(number);
    return next;
  }

  #takeLevel(at: number): number {
    const scanner = this.#scanner;
    const span = this.#span;
    const byte = scanner.bytes[at]!;
    let next = at;
    let level = -1;
    if (byte === quote) {
      level = usualLevelAt(scanner.view, at + 1);
      next = at + 1 + sizeBytesOfLevel[level]!;
      if (level > 0 && scanner.bytes[next] === quote) return this.#keepLevel(level, false, next + 1);
      next = scanner.readString(at + 1, span);
      if (next < 0) return -1;
      level = levelOfBytes(span.bytes, span.start, span.end);
    } else if (startsNumber(byte)) {
      next = scanner.skipNumber(at);
      if (next < 0) return -1;
      level = levelOfPino(numberOf(scanner.bytes, at, next));
    }
    return level < 0 ? this.#takeInvalid(levelMember, at) : this.#keepLevel(level, byte !== quote, next);
  }

  #keepLevel(level: number, isPino: boolean, next: number): number {
    this.level = level;
    this.hasPinoLevel = isPino;
    this.#see(levelMember);
    return next;
  }

  #takeLogger(number: number, at: number): number {
    const scanner = this.#scanner;
    if (scanner.bytes[at] !== quote) return number === name ? this.#takeOther(at) : this.#takeInvalid(number, at);
    this.#see(number);
    const known = this.knownLoggers;
    this.loggerSlot = known.find(scanner.view, at + 1);
    return this.loggerSlot >= 0 ? at + known.size + 2 : this.#readNew(at + 1, this.logger, known);
  }

  #takeFormat(at: number): number {
    const scanner = this.#scanner;
    if (scanner.bytes[at] !== quote) return this.#takeInvalid(format, at);
    this.#see(format);
    const known = this.knownFormats;
    this.formatSlot = known.find(scanner.view, at + 1);
    return this.formatSlot >= 0 ? at + known.size + 2 : this.#readNew(at + 1, this.format, known);
  }

  /** Reads a string that is not known, and remembers it. */
  #readNew(at: number, span: TextSpan, known: KnownStrings): number {
    const scanner = this.#scanner;
    const next = scanner.readString(at, span);
    if (next >= 0) known.keep(scanner.view, at, next - 1, scanner.escaped);
    return next;
  }

  #takeFields(number: number, at: number): number {
    const scanner = this.#scanner;
    if (scanner.bytes[at] !== openBrace) return number === data ? this.#takeOther(at) : this.#takeInvalid(number, at);
    const next = scanner.skipFields(at, this.#guide());
    if (next < 0) return -1;
    if (next > scanner.stop) return scanner.fail(fault.tooLarge, scanner.stop);
    this.fieldCount = scanner.memberCount;
    this.hasOutline = true;
    const fields = this.#columns.fields;
    fields.length = this.fieldsStart;
    scanner.copyValue(at, next, fields);
    this.#see(number);
    return next;
  }

  /** Fields of one format mostly look alike. */
  #guide(): FieldsGuide | undefined {
    const slot = (this.seen & (1 << format)) !== 0 ? this.formatSlot : -1;
    if (slot < 0) return undefined;
    const known = this.#guides[slot];
    if (known !== undefined) return known;
    const guide = new FieldsGuide();
    this.#guides[slot] = guide;
    return guide;
  }
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
