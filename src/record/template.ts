/** Parses message templates into pieces (templates rules 1, 2, 5 and 8). */
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import type { TemplateShape } from "./template-shape.hot.ts";

const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const backtick = 0x60;
const dot = 0x2e;
const slash = 0x2f;
const underscore = 0x5f;
const surrogateLead = 0xed;
const indexMax = 0x7fffffff;

/** Memory of a kept template beside its text and numbers; a shape takes up to 3.5 KiB, usually a tenth of that. */
const templateOverheadSizeBytes = 1024;

/**
 * Numbers per piece of a template, a literal and the placeholder behind it:
 * [literalStart, literalEnd) and [nameStart, nameEnd) of the text, nameEnd 0 when no placeholder follows, and stepEnd.
 */
export const pieceStride = 5;
/** Numbers per step of a path: [nameStart, nameEnd) of the text, or `stepIsIndex` and the position in an array. */
export const stepStride = 2;
export const stepIsIndex = -1;

/** A parsed template. It is empty after the cache let it go. */
export class Template {
  /** UTF-8 (WTF-8) as it came. */
  text: OwnedBytes;
  /** See `pieceStride`; empty when malformed. */
  pieces: Int32Array;
  /** See `stepStride`; the steps of a piece end at its stepEnd. A name without a path has none. */
  steps: Int32Array;
  readonly localized: boolean;
  readonly malformed: boolean;
  /** The text holds lone surrogates, which may meet their other half in a message. */
  readonly hasHalves: boolean;
  /** Looked up since the cache last passed by. */
  used = false;
  /** Held by a cache, at this place of its clock and under this hash. */
  kept = false;
  place = 0;
  hash = 0;
  /** It was rendered before, so that it pays to learn its shape. */
  isRepeated = false;
  /** What its fields look like. */
  shape: TemplateShape | undefined = undefined;

  constructor(text: OwnedBytes, pieces: number[] | undefined, steps: number[], localized: boolean) {
    this.text = text;
    this.pieces = pieces === undefined || pieces.length === 0 ? noNumbers : new Int32Array(pieces);
    this.steps = pieces === undefined || steps.length === 0 ? noNumbers : new Int32Array(steps);
    this.localized = localized;
    this.malformed = pieces === undefined;
    this.hasHalves = holdsHalves(text);
  }

  get sizeBytes(): number {
    return this.text.length + (this.pieces.length + this.steps.length) * 4 + templateOverheadSizeBytes;
  }

  /** Drops the content, so that whoever still knows the template does not keep its memory. */
  release(): void {
    this.text = noBytes;
    this.pieces = noNumbers;
    this.steps = noNumbers;
    this.shape = undefined;
    this.kept = false;
  }
}

const noBytes: OwnedBytes = new Uint8Array(0);
const noNumbers = new Int32Array(0);

/**
 * Parses the template `source[start, end)`, which is copied. Never throws: what breaks the grammar is marked `malformed`.
 * @param localized the backtick escapes, and doubled braces do not (rule 8).
 */
export function parseTemplate(source: AnyBytes, start: number, end: number, localized: boolean): Template {
  const text: OwnedBytes = new Uint8Array(end - start);
  text.set(source.subarray(start, end));
  const pieces: number[] = [];
  const steps: number[] = [];
  const sound = localized ? scanLocalized(text, pieces, steps) : scanPlain(text, pieces, steps);
  return new Template(text, sound ? pieces : undefined, steps, localized);
}

/** Returns a template that renders as `text`. */
export function escapeTemplate(text: string): string {
  return text.replace(/[{}]/g, "$&$&");
}

/** Returns a localized template that renders as `text`. */
export function escapeLocalizedTemplate(text: string): string {
  return text.replace(/[`{}]/g, "`$&");
}

/** Rule 1: `{{` and `}}` stand for a brace, looked for before a placeholder. */
function scanPlain(text: OwnedBytes, pieces: number[], steps: number[]): boolean {
  let literalStart = 0;
  let at = 0;
  while (at < text.length) {
    const byte = text[at];
    if (byte !== openBrace && byte !== closeBrace) {
      at++;
    } else if (text[at + 1] === byte) {
      pieces.push(literalStart, at + 1, 0, 0, steps.length);
      literalStart = at += 2;
    } else if (byte === openBrace) {
      const next = scanPlaceholder(text, at + 1, literalStart, pieces, steps);
      if (next < 0) return false;
      literalStart = at = next;
    } else {
      return false;
    }
  }
  if (literalStart < at) pieces.push(literalStart, at, 0, 0, steps.length);
  return true;
}

/** Rule 8: the backtick stands before a backtick or a brace that is meant literally. */
function scanLocalized(text: OwnedBytes, pieces: number[], steps: number[]): boolean {
  let literalStart = 0;
  let at = 0;
  while (at < text.length) {
    const byte = text[at];
    if (byte === backtick) {
      const escaped = text[at + 1];
      if (escaped !== backtick && escaped !== openBrace && escaped !== closeBrace) return false;
      if (literalStart < at) pieces.push(literalStart, at, 0, 0, steps.length);
      literalStart = at + 1;
      at += 2;
    } else if (byte === openBrace) {
      const next = scanPlaceholder(text, at + 1, literalStart, pieces, steps);
      if (next < 0) return false;
      literalStart = at = next;
    } else if (byte === closeBrace) {
      return false;
    } else {
      at++;
    }
  }
  if (literalStart < at) pieces.push(literalStart, at, 0, 0, steps.length);
  return true;
}

/** Takes the placeholder whose name starts at `nameStart` and returns the offset behind its brace, or -1. */
function scanPlaceholder(text: OwnedBytes, nameStart: number, literalStart: number, pieces: number[], steps: number[]): number {
  const firstStep = steps.length;
  let at = nameStart;
  for (;;) {
    const segmentStart = at;
    while (isNameByte(text[at])) at++;
    if (at === segmentStart) return -1;
    steps.push(segmentStart, at);
    while (text[at] === openBracket) {
      at = scanIndex(text, at + 1, steps);
      if (at < 0) return -1;
    }
    if (text[at] !== dot && text[at] !== slash) break;
    at++;
  }
  if (text[at] !== closeBrace) return -1;
  // A lone name is found by the look at the whole text between the braces.
  if (steps.length === firstStep + stepStride) steps.length = firstStep;
  pieces.push(literalStart, nameStart - 1, nameStart, at, steps.length);
  return at + 1;
}

/** Takes `N]` and returns the offset behind it, or -1. */
function scanIndex(text: OwnedBytes, start: number, steps: number[]): number {
  let at = start;
  let index = 0;
  for (; isDigit(text[at]); at++) index = Math.min(indexMax, index * 10 + (text[at] as number) - 0x30);
  if (at === start || text[at] !== closeBracket) return -1;
  steps.push(stepIsIndex, index);
  return at + 1;
}

function isNameByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || isDigit(byte) || byte === underscore;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function holdsHalves(text: OwnedBytes): boolean {
  for (let at = text.indexOf(surrogateLead); at >= 0; at = text.indexOf(surrogateLead, at + 1)) {
    if ((text[at + 1] as number) >= 0xa0) return true;
  }
  return false;
}
