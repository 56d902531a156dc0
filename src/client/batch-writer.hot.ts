/** Builds LogBatch bodies (schema/batch.fbs) from entries: columns that are kept and reused from batch to batch. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn, type OwnedBytes } from "../base/bytes.ts";
import { EntryColumns } from "../record/columns.hot.ts";
import type { Dictionary } from "../record/dictionary.hot.ts";
import { encodePayload, payloadSizeBytes } from "../record/encode-payload.hot.ts";

/** Columns of one entry beside its text: time, level, three or four u32. */
const columnsSizeBytesPerEntry = 8 + 1 + 4 * 4;
/** Strings up to so long are copied in a loop; `encodeInto` answers with a new object each time. */
const loopLengthMax = 1024;
/** Names remembered by string, so that a run of entries does not encode its logger again and again. */
const nameCountMax = 1024;

const encoder = new TextEncoder();

export class BatchWriter {
  readonly #columns = new EntryColumns();
  readonly #loggerNames = new Map<string, number>();
  readonly #templateNames = new Map<string, number>();
  readonly #scratch = new ByteColumn(1024);
  #structuredCount = 0;
  #timeMs = Number.NaN;
  #timeLow = 0;
  #timeHigh = 0;
  #output: OwnedBytes = new Uint8Array(0);

  get count(): number {
    return this.#columns.count;
  }

  /** About as many bytes as `finish` would return. */
  get sizeBytes(): number {
    const columns = this.#columns;
    return columns.count * columnsSizeBytesPerEntry + columns.text.length + columns.fields.length;
  }

  /** True when all entries so far are plain or all are structured: what one body without rendered text can hold. */
  takes(isStructured: boolean): boolean {
    const count = this.#columns.count;
    return count === 0 || this.#structuredCount > 0 === isStructured;
  }

  /** Forgets all entries; memory is kept. */
  clear(): void {
    this.#columns.clear();
    this.#loggerNames.clear();
    this.#templateNames.clear();
    this.#structuredCount = 0;
  }

  /**
   * Adds a plain entry whose message is `source[start, end)`, UTF-8. Copied: the caller keeps it.
   * @param timeMs milliseconds since the epoch, with fraction.
   * @param level as in record/levels.ts, 0: none.
   */
  addBytes(timeMs: number, level: number, logger: string, source: AnyBytes, start: number, end: number): void {
    assert(this.takes(false), "plain entries go with plain entries");
    this.#columns.text.append(source, start, end);
    this.#finishEntry(timeMs, level, logger, 0);
  }

  /** Adds a plain entry. A lone surrogate of `message` becomes U+FFFD. */
  addMessage(timeMs: number, level: number, logger: string, message: string): void {
    assert(this.takes(false), "plain entries go with plain entries");
    appendString(this.#columns.text, message);
    this.#finishEntry(timeMs, level, logger, 0);
  }

  /**
   * Adds a structured entry; the server renders its text.
   * @param fields one JSON object without white space outside strings, or "" for none.
   */
  addStructured(timeMs: number, level: number, logger: string, format: string, fields: string): void {
    assert(this.takes(true), "structured entries go with structured entries");
    appendString(this.#columns.fields, fields);
    this.#structuredCount++;
    this.#finishEntry(timeMs, level, logger, this.#indexOf(this.#templateNames, this.#columns.templates, format));
  }

  /** Returns the body; valid until the next `finish`. The entries stay until `clear`. */
  finish(): OwnedBytes {
    const hasText = this.#structuredCount === 0;
    const size = payloadSizeBytes(this.#columns, false, hasText);
    if (size > this.#output.length) this.#output = new Uint8Array(Math.max(size, this.#output.length * 2));
    encodePayload(this.#columns, 0, undefined, this.#output, 0, hasText);
    return this.#output.subarray(0, size);
  }

  #finishEntry(timeMs: number, level: number, logger: string, templateIndex: number): void {
    const columns = this.#columns;
    if (timeMs !== this.#timeMs) this.#splitTime(timeMs);
    const loggerIndex = logger === "" ? 0 : this.#indexOf(this.#loggerNames, columns.loggers, logger);
    columns.reserveEntries(1);
    columns.finishEntry(this.#timeLow, this.#timeHigh, level, loggerIndex, templateIndex);
  }

  #indexOf(names: Map<string, number>, dictionary: Dictionary, name: string): number {
    const known = names.get(name);
    if (known !== undefined) return known;
    const scratch = this.#scratch;
    scratch.length = 0;
    appendString(scratch, name);
    const index = dictionary.intern(scratch.bytes, 0, scratch.length);
    if (names.size < nameCountMax) names.set(name, index);
    return index;
  }

  /** Nanoseconds do not fit a number: ms × 10^6 is split at 2^21 ms so that both halves stay exact. */
  #splitTime(timeMs: number): void {
    const upper = Math.floor(timeMs / 2 ** 21);
    const lowerNs = Math.round((timeMs - upper * 2 ** 21) * 1e6);
    const upperNs = upper * 1e6;
    const carried = Math.floor(upperNs / 2 ** 11);
    const low = (upperNs - carried * 2 ** 11) * 2 ** 21 + lowerNs;
    const overflow = Math.floor(low / 2 ** 32);
    this.#timeMs = timeMs;
    this.#timeLow = (low - overflow * 2 ** 32) | 0;
    this.#timeHigh = (carried + overflow) | 0;
  }
}

function appendString(target: ByteColumn, text: string): void {
  const length = text.length;
  target.reserve(length * 3);
  const bytes = target.bytes;
  let at = target.length;
  if (length <= loopLengthMax) {
    let index = 0;
    for (; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) break;
      bytes[at++] = code;
    }
    if (index === length) {
      target.length = at;
      return;
    }
    at = target.length;
  }
  target.length = at + encoder.encodeInto(text, bytes.subarray(at)).written;
}
