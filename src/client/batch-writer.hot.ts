/** Builds LogBatch bodies (schema/batch.fbs) from entries: columns that are kept and reused from batch to batch. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn, type OwnedBytes } from "../base/bytes.ts";
import { EntryColumns } from "../record/columns.hot.ts";
import type { Dictionary } from "../record/dictionary.hot.ts";
import { encodePayload, payloadSizeBytes } from "../record/encode-payload.hot.ts";
import { Renderer } from "../record/render.hot.ts";

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
  readonly #mixed = new ByteColumn(1024);
  readonly #renderer = new Renderer();
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
    this.#columns.text.append(source, start, end);
    this.#finishEntry(timeMs, level, logger, 0);
  }

  /** Adds a plain entry. A lone surrogate of `message` becomes U+FFFD. */
  addMessage(timeMs: number, level: number, logger: string, message: string): void {
    appendString(this.#columns.text, message);
    this.#finishEntry(timeMs, level, logger, 0);
  }

  /**
   * Adds a structured entry. The server renders its text, unless plain entries stand in the same batch.
   * @param fields one JSON object without white space outside strings, or "" for none.
   */
  addStructured(timeMs: number, level: number, logger: string, format: string, fields: string): void {
    appendString(this.#columns.fields, fields);
    this.#structuredCount++;
    this.#finishEntry(timeMs, level, logger, this.#indexOf(this.#templateNames, this.#columns.templates, format));
  }

  /** Returns the body; valid until the next `finish`. The entries stay until `clear`. */
  finish(): OwnedBytes {
    const hasText = this.#structuredCount < this.count || this.count === 0;
    if (hasText && this.#structuredCount > 0) this.#renderText();
    const size = payloadSizeBytes(this.#columns, false, hasText);
    if (size > this.#output.length) this.#output = new Uint8Array(Math.max(size, this.#output.length * 2));
    encodePayload(this.#columns, 0, undefined, this.#output, 0, hasText);
    return this.#output.subarray(0, size);
  }

  /** Moves the later half of the entries to a writer of their own and returns it; there are two or more. */
  split(): BatchWriter {
    const columns = this.#columns;
    const half = columns.count >>> 1;
    assert(half > 0, "both halves have entries");
    const rest = new BatchWriter();
    rest.#copyFrom(columns, half);
    this.#structuredCount -= rest.#structuredCount;
    columns.count = half;
    columns.text.length = columns.textEnds[half]!;
    columns.fields.length = columns.fieldEnds[half]!;
    return rest;
  }

  #copyFrom(source: EntryColumns, from: number): void {
    const columns = this.#columns;
    columns.reserveEntries(source.count - from);
    for (let index = from; index < source.count; index++) {
      columns.text.append(source.text.bytes, source.textEnds[index]!, source.textEnds[index + 1]!);
      columns.fields.append(source.fields.bytes, source.fieldEnds[index]!, source.fieldEnds[index + 1]!);
      const logger = sameName(source.loggers, source.loggerIndexes[index]!, columns.loggers);
      const template = sameName(source.templates, source.templateIndexes[index]!, columns.templates);
      if (template > 0) this.#structuredCount++;
      const timeLow = source.timestamps[index * 2]!;
      columns.finishEntry(timeLow, source.timestamps[index * 2 + 1]!, source.levels[index]!, logger, template);
    }
  }

  /** A body has the text of all its entries or of none: puts the rendered ones between the plain ones. */
  #renderText(): void {
    const columns = this.#columns;
    const plain = columns.text;
    const mixed = this.#mixed;
    mixed.length = 0;
    this.#renderer.beginBlock();
    let start = 0;
    for (let index = 0; index < columns.count; index++) {
      const end = columns.textEnds[index + 1]!;
      // What was rendered before (`finish` was called twice) is plain text by now.
      if (columns.templateIndexes[index]! === 0 || end > start) mixed.append(plain.bytes, start, end);
      else this.#render(index);
      start = end;
      columns.textEnds[index + 1] = mixed.length;
    }
    plain.length = 0;
    plain.append(mixed.bytes, 0, mixed.length);
  }

  #render(index: number): void {
    const { templates, templateIndexes, fields, fieldEnds } = this.#columns;
    const from = fieldEnds[index]!;
    this.#renderer.render(templates, templateIndexes[index]!, fields.bytes, from, fieldEnds[index + 1]!, this.#mixed);
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

/** Returns the index in `target` of what has `index` in `source`; 0 is no name in both. */
function sameName(source: Dictionary, index: number, target: Dictionary): number {
  return index === 0 ? 0 : target.intern(source.bytes.bytes, source.start(index), source.end(index));
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
