/**
 * What the fields of a template looked like last time: names, nesting, and which member each placeholder took. Entries of
 * one template mostly look alike, and then nothing needs to be looked up.
 */
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import * as words from "../base/words.hot.ts";
import * as outlines from "./fields-outline.hot.ts";
import * as templates from "./template.ts";

/** Pieces of a template; one of more is rendered the general way. */
const pieceCountMax = 64;
/** Text of such a template, which a shape holds once more. */
const textSizeBytesMax = 2048;
/** All names of a shape, each in whole words. */
const namesSizeBytesMax = 768;

/** Slot of a placeholder that stands for nothing. */
export const slotNone = 0;
/** Slot of a placeholder that no outline can tell, because its path goes through an array. */
export const slotUnknown = -1;

// Constants of this module: the compiler knows their values.
const rowStride = outlines.outlineRowStride;
const depthBits = outlines.outlineDepthBits;
const depthMask = (1 << depthBits) - 1;
const same = words.sameWords;
const { pieceStride, stepStride, stepIsIndex } = templates;

export class TemplateShape {
  /** The template's text and a few bytes more, to be read in words. Only templates that come again pay for it. */
  readonly text: DataView<ArrayBuffer>;
  /** Per piece of the template: the row of its value in every outline that matches, or `slotNone` or `slotUnknown`. */
  readonly slots: Int32Array;
  /** nameKind per row. */
  #kinds = new Int32Array(0);
  #names = new DataView(new ArrayBuffer(0));
  /** -1: nothing was learned. */
  #lastRow = -1;
  /** That of the outline which was seen last. */
  #guide = 0;

  constructor(template: templates.Template) {
    assert(TemplateShape.suits(template), "only templates that suit have shapes");
    const text = new Uint8Array(template.text.length + words.wordSlackBytes);
    text.set(template.text);
    this.text = new DataView(text.buffer);
    this.slots = new Int32Array(template.pieces.length / pieceStride);
  }

  /** Returns whether shapes can be learned for `template`. */
  static suits(template: templates.Template): boolean {
    return (
      !template.malformed &&
      !template.hasHalves &&
      template.pieces.length <= pieceCountMax * pieceStride &&
      template.text.length <= textSizeBytesMax
    );
  }

  /** Returns whether names and nesting of `outline` are those that were learned. */
  matches(outline: outlines.FieldsOutline): boolean {
    if (outline.guide !== 0 && outline.guide === this.#guide) return true;
    const lastRow = outline.lastRow;
    if (lastRow !== this.#lastRow) return false;
    const { rows, view } = outline;
    const kinds = this.#kinds;
    const names = this.#names;
    let name = 0;
    for (let row = rowStride; row <= lastRow; row += rowStride) {
      const kind = rows[row + 1]!;
      if (kind !== kinds[row >> 2]) return false;
      const sizeBytes = kind >>> depthBits;
      if (!same(view, rows[row]!, names, name, sizeBytes)) return false;
      name += (sizeBytes + 3) & ~3;
    }
    this.#guide = outline.guide;
    return true;
  }

  /** Learns the shape of `outline`; returns false when it is too large. Rare: takes rows times pieces. */
  learn(template: templates.Template, outline: outlines.FieldsOutline): boolean {
    assert(this.slots.length * pieceStride === template.pieces.length, "the shape is of this template");
    this.#lastRow = -1;
    this.#guide = 0;
    if (!this.#keepNames(outline)) return false;
    const { text, pieces } = template;
    let step = 0;
    for (let piece = 0; piece < pieces.length; piece += pieceStride) {
      const nameStart = pieces[piece + 2]!;
      const nameEnd = pieces[piece + 3]!;
      const stepEnd = pieces[piece + 4]!;
      let slot = slotNone;
      if (nameEnd > 0) slot = findRow(outline, slotNone, text, nameStart, nameEnd);
      if (slot === slotNone) slot = follow(outline, template, step, stepEnd);
      this.slots[piece / pieceStride] = slot;
      step = stepEnd;
    }
    this.#lastRow = outline.lastRow;
    this.#guide = outline.guide;
    return true;
  }

  #keepNames(outline: outlines.FieldsOutline): boolean {
    const { rows, lastRow, bytes } = outline;
    let sizeBytes = 0;
    for (let row = rowStride; row <= lastRow; row += rowStride) {
      sizeBytes += ((rows[row + 1]! >>> depthBits) + 3) & ~3;
      if (sizeBytes > namesSizeBytesMax) return false;
    }
    if (sizeBytes > this.#names.byteLength) this.#names = new DataView(new ArrayBuffer(sizeBytes));
    if (lastRow / rowStride >= this.#kinds.length) this.#kinds = new Int32Array(lastRow / rowStride + 1);
    let name = 0;
    for (let row = rowStride; row <= lastRow; row += rowStride) {
      const kind = rows[row + 1]!;
      const start = rows[row]!;
      const count = kind >>> depthBits;
      this.#kinds[row / rowStride] = kind;
      for (let index = 0; index < count; index++) this.#names.setUint8(name + index, bytes[start + index]!);
      name += (count + 3) & ~3;
    }
    return true;
  }
}

/** Returns the shape of `template` if `outline` has it. One is learned once the template turned out to be used again. */
export function shapeOf(template: templates.Template, outline: outlines.FieldsOutline): TemplateShape | undefined {
  const known = template.shape;
  if (known !== undefined) return known.matches(outline) || known.learn(template, outline) ? known : undefined;
  if (!template.isRepeated) {
    template.isRepeated = true;
    return undefined;
  }
  if (!template.kept || !TemplateShape.suits(template)) return undefined;
  const shape = new TemplateShape(template);
  template.shape = shape;
  return shape.learn(template, outline) ? shape : undefined;
}

/** Returns the row at the end of a path, `slotNone` when it leads nowhere, `slotUnknown` when it goes through an array. */
function follow(outline: outlines.FieldsOutline, template: templates.Template, firstStep: number, stepEnd: number): number {
  const { steps, text } = template;
  let row = slotNone;
  for (let step = firstStep; step < stepEnd; step += stepStride) {
    if (steps[step] === stepIsIndex) return slotUnknown;
    row = findRow(outline, row, text, steps[step]!, steps[step + 1]!);
    if (row === slotNone) return slotNone;
  }
  return row;
}

/** Returns the last member with the name `text[start, end)` of the object at row `parent` (`slotNone`: of the fields), or `slotNone`. */
function findRow(outline: outlines.FieldsOutline, parent: number, text: AnyBytes, start: number, end: number): number {
  const { rows, lastRow } = outline;
  const parentDepth = parent === slotNone ? 0 : rows[parent + 1]! & depthMask;
  const kind = ((end - start) << depthBits) | (parentDepth + 1);
  let found = slotNone;
  for (let row = parent + rowStride; row <= lastRow; row += rowStride) {
    if ((rows[row + 1]! & depthMask) <= parentDepth) break;
    if (rows[row + 1] === kind && isName(outline, rows[row]!, text, start, end)) found = row;
  }
  return found;
}

function isName(outline: outlines.FieldsOutline, at: number, text: AnyBytes, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (outline.bytes[at++] !== text[index]) return false;
  return true;
}
