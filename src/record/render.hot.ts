/** Renders templates with the fields of an entry into message text: bytes to bytes (templates rules 3 to 9). */
import { assert } from "../base/assert.ts";
import { type AnyBytes, ByteColumn } from "../base/bytes.ts";
import { limits } from "../config.ts";
import type { Dictionary } from "./dictionary.hot.ts";
import { containerKinds, FieldsIndex } from "./fields-index.hot.ts";
import type { FieldsOutline } from "./fields-outline.hot.ts";
import { appendEscaped, appendNumber, appendUnescaped, joinHalves } from "./json-text.hot.ts";
import { OffsetMap } from "./offset-map.hot.ts";
import { appendKnownPieces } from "./render-known.hot.ts";
import { pieceStride, stepIsIndex, stepStride, type Template } from "./template.ts";
import { TemplateCache } from "./template-cache.ts";
import { shapeOf, type TemplateShape } from "./template-shape.hot.ts";

const quote = 0x22;
const nine = 0x39;
const openBracket = 0x5b;
const openBrace = 0x7b;

/** "…" */
const ellipsis = new Uint8Array([0xe2, 0x80, 0xa6]);
const arrayOpen = new Uint8Array([openBracket]);
const arrayClose = new Uint8Array([0x5d]);
const objectOpen = new Uint8Array([openBrace]);
const objectClose = new Uint8Array([0x7d]);
const separator = new Uint8Array([0x2c, 0x20]);
const keyQuote = new Uint8Array([quote]);
const keyEnd = new Uint8Array([quote, 0x3a, 0x20]);

/** Pieces up to this size are copied byte by byte, without a look at the limit. */
const shortSizeBytes = 64;
/** Longer numbers are remembered like containers: the rare way over strings takes as long as they are. */
const numberSizeBytesPlain = 40;
/** Fields are smaller than this, so that an offset and a depth make one key. */
const fieldsSizeBytesMax = 2 ** 27;

const containerUnopened = -1;

// Imported functions are looked up at every call.
const appendKnown = appendKnownPieces;

/** Bounds of rendering; `limits` of config.ts has them. */
export interface RenderLimits {
  readonly messageSizeBytesMax: number;
  readonly renderDepthMax: number;
  readonly templateCacheCountMax: number;
  readonly templateCacheSizeBytesMax: number;
}

/** What a renderer has done since it was made. */
export interface RenderCounters {
  rendered: number;
  /** Templates that broke the grammar and stood for themselves, those within fields too. */
  malformed: number;
  cacheMisses: number;
  /** Messages that were cut. */
  truncated: number;
}

/** One per thread: keeps parsed templates and its memory between entries. */
export class Renderer {
  readonly counters: RenderCounters = { rendered: 0, malformed: 0, cacheMisses: 0, truncated: 0 };
  readonly #limits: RenderLimits;
  readonly #cache: TemplateCache;
  readonly #index: FieldsIndex;
  /** Parsed templates of this block by their number. */
  readonly #block: (Template | undefined)[] = [];
  /** Where in the message a value was rendered, by its offset and depth: it is never rendered twice. */
  readonly #rendered = new OffsetMap();
  readonly #formatText = new ByteColumn(1024);
  #fields: AnyBytes = ellipsis;
  #fieldsStart = 0;
  #fieldsEnd = 0;
  /** The container of the whole fields; opened when it is needed. */
  #root = containerUnopened;
  #target: ByteColumn = this.#formatText;
  #messageStart = 0;
  /** Length of the target from which on nothing more is needed. */
  #stop = 0;
  /** A lone surrogate was written, which may stand beside its other half. */
  #hasHalves = false;
  #pieceCount = 0;

  constructor(bounds: RenderLimits = limits, hashSeed: number = Math.random() * 2 ** 32) {
    assert(bounds.renderDepthMax < 16, "a depth takes four bits of a key");
    this.#limits = bounds;
    this.#cache = new TemplateCache(bounds.templateCacheCountMax, bounds.templateCacheSizeBytesMax);
    this.#index = new FieldsIndex(hashSeed);
  }

  /** Bytes of fields looked at, members passed and placeholders filled so far: what hostile input costs. */
  get workCount(): number {
    return this.#index.workCount + this.#pieceCount;
  }

  /** Call when `templates` was cleared or truncated: template numbers mean something new. */
  beginBlock(): void {
    // Setting the length of an array is slow even when it has it already.
    if (this.#block.length > 0) this.#block.length = 0;
  }

  /**
   * Appends the text of template number `templateIndex` of `templates`, filled with the members of the object
   * `fields[fieldsStart, fieldsEnd)`, to `target`. Never throws for what a client sent, never refuses.
   * @param fields valid compact JSON, or an empty range for none. Not looked at afterwards.
   * @param outline of the same fields, if known: entries that look like the one before are then rendered three times as fast.
   */
  render(
    templates: Dictionary,
    templateIndex: number,
    fields: AnyBytes,
    fieldsStart: number,
    fieldsEnd: number,
    target: ByteColumn,
    outline?: FieldsOutline,
  ): void {
    assert(fieldsStart <= fieldsEnd && fieldsEnd <= fields.length, "the fields lie in the source");
    assert(fieldsEnd - fieldsStart < fieldsSizeBytesMax, "fields are bounded");
    this.counters.rendered++;
    this.#fields = fields;
    this.#fieldsStart = fieldsStart;
    this.#fieldsEnd = fieldsEnd;
    this.#target = target;
    this.#messageStart = target.length;
    // Two halves of a pair take six bytes until they are joined to four.
    this.#stop = target.length + ((this.#limits.messageSizeBytesMax * 3) >> 1);
    this.#hasHalves = false;
    this.#root = containerUnopened;
    this.#rendered.clear();
    let template = this.#templateOf(templates, templateIndex);
    const shape = outline?.isWhole === true ? shapeOf(template, outline) : undefined;
    let isDone = false;
    if (outline !== undefined && shape !== undefined) {
      isDone = this.#appendKnown(template, shape, outline);
      // The cache may have let go of the template while its own fields were rendered.
      if (!isDone) template = this.#templateOf(templates, templateIndex);
    }
    if (!isDone) this.#appendTemplate(template, template.pieces.length > 0 ? this.#openFields() : -1, 0);
    this.#finish();
  }

  /** Returns the container of the whole fields, or -1 when there are none. */
  #openFields(): number {
    if (this.#root === containerUnopened && this.#fieldsStart < this.#fieldsEnd) {
      this.#index.begin(this.#fields, this.#fieldsStart, this.#fieldsEnd);
      this.#root = this.#index.root();
    }
    return this.#root;
  }

  /** Renders a template whose fields have the shape; false when the message may be too long, and must be begun again. */
  #appendKnown(template: Template, shape: TemplateShape, outline: FieldsOutline): boolean {
    const { text, pieces, steps } = template;
    const { slots } = shape;
    const target = this.#target;
    const lengthMax = this.#messageStart + this.#limits.messageSizeBytesMax;
    this.#pieceCount += slots.length;
    let index = appendKnown(target, template, shape, outline, 0, lengthMax);
    while (index < slots.length && target.length <= lengthMax) {
      const slot = slots[index]!;
      if (slot < 0 || !this.#appendScalar(outline, slot)) {
        const piece = index * pieceStride;
        const step = piece > 0 ? pieces[piece - 1]! : 0;
        const row = this.#find(this.#openFields(), text, pieces, piece, steps, step);
        if (row >= 0) this.#appendValue(row, 0);
      }
      // The cache may have let go of the template while its own fields were rendered.
      if (!template.kept) return this.#startAgain();
      index = appendKnown(target, template, shape, outline, index + 1, lengthMax);
    }
    return target.length <= lengthMax || this.#startAgain();
  }

  /** Forgets what was rendered of the entry. */
  #startAgain(): boolean {
    this.#target.length = this.#messageStart;
    this.#root = containerUnopened;
    this.#rendered.clear();
    return false;
  }

  /** Appends a string with escapes or a number that is not shown as it was sent; false for anything else, and for long numbers. */
  #appendScalar(outline: FieldsOutline, row: number): boolean {
    const { rows, bytes } = outline;
    const start = rows[row + 2]!;
    const end = -rows[row + 3]!;
    if (bytes[start] === quote) {
      if (appendUnescaped(this.#target, bytes, start + 1, end - 1)) this.#hasHalves = true;
      return true;
    }
    if (end === 0 || end - start > numberSizeBytesPlain) return false;
    appendNumber(this.#target, bytes, start, end);
    return true;
  }

  #templateOf(templates: Dictionary, templateIndex: number): Template {
    assert(templateIndex > 0 && templateIndex <= templates.count, "the template is in the dictionary");
    const known = templateIndex < this.#block.length ? this.#block[templateIndex] : undefined;
    if (known?.kept) return known;
    const template = this.#cached(templates.bytes.bytes, templates.start(templateIndex), templates.end(templateIndex), false);
    if (template.kept && templateIndex <= this.#limits.templateCacheCountMax) {
      while (this.#block.length <= templateIndex) this.#block.push(undefined);
      this.#block[templateIndex] = template;
    }
    return template;
  }

  #cached(source: AnyBytes, start: number, end: number, localized: boolean): Template {
    const template = this.#cache.find(source, start, end, localized);
    this.counters.cacheMisses = this.#cache.missCount;
    return template;
  }

  #appendTemplate(template: Template, container: number, depth: number): void {
    if (template.hasHalves) this.#hasHalves = true;
    // The cache may let go of the template while its own fields are rendered.
    const { text, pieces, steps } = template;
    if (template.malformed) {
      this.counters.malformed++;
      this.#append(text, 0, text.length);
      return;
    }
    this.#pieceCount += pieces.length / pieceStride;
    let step = 0;
    for (let piece = 0; piece < pieces.length && this.#target.length <= this.#stop; piece += pieceStride) {
      this.#append(text, pieces[piece]!, pieces[piece + 1]!);
      const nameEnd = pieces[piece + 3]!;
      const stepEnd = pieces[piece + 4]!;
      if (nameEnd > 0 && container >= 0) {
        const row = this.#find(container, text, pieces, piece, steps, step);
        if (row >= 0) this.#appendValue(row, depth);
      }
      step = stepEnd;
    }
  }

  /** Returns the row that the placeholder of a piece means, or -1. */
  #find(container: number, text: AnyBytes, pieces: Int32Array, piece: number, steps: Int32Array, step: number): number {
    const row = this.#index.find(container, text, pieces[piece + 2]!, pieces[piece + 3]!);
    const stepEnd = pieces[piece + 4]!;
    return row < 0 && step < stepEnd ? this.#follow(container, text, steps, step, stepEnd) : row;
  }

  /** Returns the row at the end of a path, or -1 when it leads nowhere. */
  #follow(start: number, text: AnyBytes, steps: Int32Array, firstStep: number, stepEnd: number): number {
    let container = start;
    let row = -1;
    for (let step = firstStep; step < stepEnd; step += stepStride) {
      if (row >= 0) {
        container = this.#index.containerOf(row);
        if (container < 0) return -1;
      }
      row =
        steps[step] === stepIsIndex
          ? this.#index.item(container, steps[step + 1]!)
          : this.#index.find(container, text, steps[step]!, steps[step + 1]!);
      if (row < 0) return -1;
    }
    return row;
  }

  /** @param depth of the containers around the value. */
  #appendValue(row: number, depth: number): void {
    const start = this.#index.valueStart(row);
    const end = this.#index.valueEnd(row);
    const first = this.#fields[start]!;
    if (first === quote) this.#appendString(row);
    else if (first === openBrace || first === openBracket) this.#appendContainer(row, start, depth + 1);
    else if (first > nine) this.#append(this.#fields, start, end);
    else this.#appendNumber(start, end);
  }

  #appendString(row: number): void {
    const start = this.#index.valueStart(row) + 1;
    const end = this.#index.valueEnd(row) - 1;
    if (!this.#index.isEscaped(row)) this.#append(this.#fields, start, end);
    else if (appendUnescaped(this.#target, this.#fields, start, end)) this.#hasHalves = true;
  }

  #appendNumber(start: number, end: number): void {
    if (end - start <= numberSizeBytesPlain) {
      appendNumber(this.#target, this.#fields, start, end);
    } else if (!this.#appendAgain(start, 0)) {
      const from = this.#target.length;
      appendNumber(this.#target, this.#fields, start, end);
      this.#remember(start, 0, from);
    }
  }

  #appendContainer(row: number, start: number, depth: number): void {
    if (depth > this.#limits.renderDepthMax) {
      this.#append(ellipsis, 0, ellipsis.length);
      return;
    }
    const container = this.#index.containerOf(row);
    const kind = this.#index.kind(container);
    if (kind === containerKinds.text) {
      this.#appendString(this.#index.mainRow(container));
    } else if (!this.#appendAgain(start, depth)) {
      const from = this.#target.length;
      if (kind === containerKinds.array) this.#appendItems(container, depth);
      else if (kind === containerKinds.object) this.#appendMembers(container, depth);
      else this.#appendFormat(container, depth, kind === containerKinds.localized);
      this.#remember(start, depth, from);
    }
  }

  #appendItems(container: number, depth: number): void {
    this.#append(arrayOpen, 0, arrayOpen.length);
    const rowStart = this.#index.rowStart(container);
    const rowEnd = this.#index.rowEnd(container);
    for (let row = rowStart; row < rowEnd && this.#target.length <= this.#stop; row = this.#index.nextRow(row)) {
      if (row > rowStart) this.#append(separator, 0, separator.length);
      this.#appendValue(row, depth);
    }
    this.#append(arrayClose, 0, arrayClose.length);
  }

  #appendMembers(container: number, depth: number): void {
    this.#append(objectOpen, 0, objectOpen.length);
    const rowStart = this.#index.rowStart(container);
    const rowEnd = this.#index.rowEnd(container);
    for (let row = rowStart; row < rowEnd && this.#target.length <= this.#stop; row = this.#index.nextRow(row)) {
      if (row > rowStart) this.#append(separator, 0, separator.length);
      this.#append(keyQuote, 0, keyQuote.length);
      const keys = this.#index.keyBytes(row);
      if (this.#index.isKeyDecoded(row)) appendEscaped(this.#target, keys, this.#index.keyStart(row), this.#index.keyEnd(row));
      else this.#append(keys, this.#index.keyStart(row), this.#index.keyEnd(row));
      this.#append(keyEnd, 0, keyEnd.length);
      this.#appendValue(row, depth);
    }
    this.#append(objectClose, 0, objectClose.length);
  }

  /** The object itself is the fields of its format. */
  #appendFormat(container: number, depth: number, localized: boolean): void {
    const row = this.#index.mainRow(container);
    const start = this.#index.valueStart(row) + 1;
    const end = this.#index.valueEnd(row) - 1;
    if (this.#index.isEscaped(row)) {
      this.#formatText.length = 0;
      appendUnescaped(this.#formatText, this.#fields, start, end);
      const template = this.#cached(this.#formatText.bytes, 0, this.#formatText.length, localized);
      this.#appendTemplate(template, container, depth);
    } else {
      this.#appendTemplate(this.#cached(this.#fields, start, end, localized), container, depth);
    }
  }

  /** Appends what the value at `start` gave before at this depth, if it was rendered before. */
  #appendAgain(start: number, depth: number): boolean {
    const slot = this.#rendered.find((start - this.#fieldsStart) * 16 + depth);
    if (slot < 0) return false;
    const from = this.#messageStart + this.#rendered.first(slot);
    const to = this.#messageStart + this.#rendered.second(slot);
    this.#target.reserve(to - from);
    this.#append(this.#target.bytes, from, to);
    return true;
  }

  #remember(start: number, depth: number, from: number): void {
    const key = (start - this.#fieldsStart) * 16 + depth;
    this.#rendered.set(key, from - this.#messageStart, this.#target.length - this.#messageStart);
  }

  /** Appends `source[start, end)`, or as much of it as can be needed. */
  #append(source: AnyBytes, start: number, end: number): void {
    const target = this.#target;
    const bytes = target.bytes;
    const length = target.length;
    const count = end - start;
    if (count <= shortSizeBytes && length + count <= bytes.length) {
      // A loop is faster than a call for the few bytes that most pieces have.
      for (let index = 0; index < count; index++) bytes[length + index] = source[start + index]!;
      target.length = length + count;
    } else {
      const room = this.#stop + 1 - length;
      if (count <= room) target.append(source, start, end);
      else if (room > 0) target.append(source, start, start + room);
    }
  }

  #finish(): void {
    const target = this.#target;
    if (this.#hasHalves) joinHalves(target, this.#messageStart);
    const sizeBytesMax = this.#limits.messageSizeBytesMax;
    if (target.length - this.#messageStart <= sizeBytesMax) return;
    this.counters.truncated++;
    const bytes = target.bytes;
    let cut = this.#messageStart + sizeBytesMax - ellipsis.length;
    while ((bytes[cut]! & 0xc0) === 0x80) cut--;
    target.length = cut;
    target.append(ellipsis, 0, ellipsis.length);
  }
}
