/** Decodes a JSON body: one entry, an array of entries, or an object whose `entries` is such an array. */
import type { ColumnsMark, EntryColumns } from "../record/columns.hot.ts";
import type { DecodeContext } from "./decode-context.ts";
import type { EntryDecoder } from "./decode-entry.hot.ts";
import { fault, type JsonScanner, TextSpan } from "./json-scan.hot.ts";
import { member, memberAt, memberOf } from "./members.hot.ts";
import { type Refusal, refuse } from "./outcome.ts";
import { refusalOfEntry, refusalOfItem, refusalOfScan } from "./refusals.ts";

const closeBrace = 0x7d;
const closeBracket = 0x5d;
const comma = 0x2c;
const openBrace = 0x7b;
const openBracket = 0x5b;
const quote = 0x22;
const space = 0x20;

const letterN = 0x6e;

export class JsonDecoder {
  /** Why the last body was refused. */
  refusal: Refusal | undefined;
  readonly #scanner: JsonScanner;
  readonly #entries: EntryDecoder;
  readonly #name = new TextSpan();
  /** The member that `#nameAt` read last. */
  #number = 0;
  #context!: DecodeContext;
  #columns!: EntryColumns;

  constructor(scanner: JsonScanner, entries: EntryDecoder) {
    this.#scanner = scanner;
    this.#entries = entries;
  }

  /** Decodes the body that the scanner holds behind the entries of `columns`. */
  decode(context: DecodeContext, columns: EntryColumns): Refusal | undefined {
    const scanner = this.#scanner;
    this.#context = context;
    this.#columns = columns;
    this.refusal = undefined;
    scanner.lineFeedIsWhite = true;
    this.#entries.begin(context, columns);
    const at = scanner.white(scanner.begin);
    const byte = scanner.bytes[at];
    let next: number;
    if (byte === openBrace) next = this.#object(at);
    else if (byte === openBracket) next = this.#array(at);
    else next = this.#scalar(at);
    // What stands behind the batch goes first: then nothing of the body was JSON.
    if (next >= 0 && scanner.white(next) !== scanner.end) {
      scanner.fail(fault.syntax, scanner.white(next));
      return refusalOfScan(scanner);
    }
    return this.refusal;
  }

  #scalar(at: number): number {
    const next = this.#skip(at);
    if (next >= 0) this.refusal = refuse("invalid_batch", "The body is neither an entry nor an array of entries.");
    return next;
  }

  /** Skips a value outside of any entry. */
  #skip(at: number): number {
    const scanner = this.#scanner;
    scanner.depthMax = this.#context.limits.jsonDepthMax;
    const next = scanner.skipValue(at);
    if (next < 0) this.refusal = refusalOfScan(scanner);
    return next;
  }

  #array(at: number): number {
    const scanner = this.#scanner;
    const bytes = scanner.bytes;
    at = scanner.white(at + 1);
    if (bytes[at] === closeBracket) return at + 1;
    for (let index = 0; ; index++) {
      at = bytes[at] === openBrace ? this.#entry(at, index) : this.#item(at, index);
      if (at < 0) return -1;
      if (bytes[at]! <= space) at = scanner.white(at);
      const after = bytes[at]!;
      if (after === comma) {
        at++;
        if (bytes[at]! <= space) at = scanner.white(at);
      } else {
        return after === closeBracket ? at + 1 : this.#fail(at);
      }
    }
  }

  #entry(at: number, index: number): number {
    const next = this.#entries.decode(at);
    if (next < 0) this.refusal = refusalOfEntry(this.#scanner, this.#entries, this.#context.limits, index);
    return next;
  }

  /** Refuses what stands where an entry belongs. */
  #item(at: number, index: number): number {
    if (this.#skip(at) >= 0) this.refusal = refusalOfItem(index);
    return -1;
  }

  #fail(at: number): number {
    this.#scanner.fail(fault.syntax, at);
    this.refusal = refusalOfScan(this.#scanner);
    return -1;
  }

  /**
   * Decodes an object: a wrapper when it has `entries` and no text of its own, else an entry. Until a text turns up,
   * `entries` is taken for the batch, so that a large one is read once.
   */
  #object(start: number): number {
    const scanner = this.#scanner;
    const bytes = scanner.bytes;
    const mark = this.#columns.mark();
    let batchAt = -1;
    let isRepeated = false;
    let batchRefusal: Refusal | undefined;
    let at = scanner.white(start + 1);
    if (bytes[at] === closeBrace) return this.#entry(start, 0);
    for (;;) {
      at = this.#nameAt(at);
      if (at < 0) return -1;
      const number = this.#number;
      const isText = number === member.message || number === member.msg || number === member.format;
      if (isText && bytes[at] !== letterN) return this.#single(start, mark);
      let next = -1;
      if (number === member.entries) {
        isRepeated = batchAt >= 0;
        batchAt = at;
        if (!isRepeated) {
          next = this.#batch(at);
          batchRefusal = this.refusal;
        }
      }
      if (next < 0) next = this.#skip(at);
      if (next < 0) {
        if (scanner.fault !== fault.tooDeep) return -1;
        if (batchRefusal === undefined) return this.#single(start, mark);
        this.refusal = batchRefusal;
        return -1;
      }
      at = scanner.white(next);
      if (bytes[at] === closeBrace) break;
      if (bytes[at] !== comma) return this.#fail(at);
      at = scanner.white(at + 1);
    }
    if (batchAt < 0) return this.#single(start, mark);
    this.refusal = batchRefusal;
    if (isRepeated) this.#lastBatch(batchAt, mark);
    return at + 1;
  }

  /** Decodes the last of several members `entries` instead of the first. */
  #lastBatch(at: number, mark: ColumnsMark): void {
    this.#rollback(mark);
    this.#batch(at);
  }

  /** Reads the name at `at` into `#number`; returns the position of its value. */
  #nameAt(at: number): number {
    const scanner = this.#scanner;
    if (scanner.bytes[at] !== quote) return this.#fail(at);
    this.#number = memberAt(scanner.view, at + 1);
    const name = this.#name;
    let next = scanner.readString(at + 1, name);
    if (next >= 0) {
      if (scanner.escaped) this.#number = memberOf(name.bytes, name.start, name.end);
      next = scanner.colon(next);
    }
    if (next < 0) this.refusal = refusalOfScan(scanner);
    return next;
  }

  /** Decodes the value of `entries`; what is wrong with it only counts when its object turns out to be a wrapper. */
  #batch(at: number): number {
    this.refusal = undefined;
    if (this.#scanner.bytes[at] === openBracket) return this.#array(at);
    this.refusal = refuse("invalid_batch", "The member entries is not an array.");
    return -1;
  }

  /** Decodes the object as one entry after all. */
  #single(start: number, mark: ColumnsMark): number {
    this.refusal = undefined;
    this.#rollback(mark);
    return this.#entry(start, 0);
  }

  #rollback(mark: ColumnsMark): void {
    if (this.#columns.count === mark.count) return;
    this.#columns.rollback(mark);
    this.#context.renderer.beginBlock();
  }
}
