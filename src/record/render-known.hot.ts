/** Renders the pieces of a template whose placeholders are known to be plain values: what most entries consist of. */
import { assert } from "../base/assert.ts";
import type { ByteColumn } from "../base/bytes.ts";
import * as words from "../base/words.hot.ts";
import type { FieldsOutline } from "./fields-outline.hot.ts";
import { pieceStride, type Template } from "./template.ts";
import { slotNone, type TemplateShape } from "./template-shape.hot.ts";

const quote = 0x22;

// Constants of this module: the compiler knows their values, and imported functions are looked up at every call.
const stride = pieceStride;
const noSlot = slotNone;
const slack = words.wordSlackBytes;
const { copyWords } = words;

/**
 * Appends pieces from number `first` on, up to one whose value is not copied as it was sent. The literal of that one is there.
 * @param lengthMax length of the target from which on nothing more is appended.
 * @returns the number of the piece whose value is missing, or at which the target was too long; else how many pieces there are.
 */
export function appendKnownPieces(
  target: ByteColumn,
  template: Template,
  shape: TemplateShape,
  outline: FieldsOutline,
  first: number,
  lengthMax: number,
): number {
  const { pieces } = template;
  const { text, slots } = shape;
  const { rows, bytes, view } = outline;
  const count = slots.length;
  assert(first <= count && count * stride === pieces.length, "the piece is of this template");
  let out = target.view;
  let capacity = target.bytes.length;
  let to = target.length;
  let index = first;
  for (; index < count && to <= lengthMax; index++) {
    const piece = index * stride;
    const literalStart = pieces[piece]!;
    const literalEnd = pieces[piece + 1]!;
    const slot = slots[index]!;
    let start = 0;
    let end = 0;
    if (slot > noSlot) {
      start = rows[slot + 2]!;
      end = rows[slot + 3]!;
    }
    const size = literalEnd - literalStart + Math.max(end - start, 0) + 2 * slack;
    if (to + size > capacity) {
      target.length = to;
      target.reserve(size);
      out = target.view;
      capacity = target.bytes.length;
    }
    copyWords(out, to, text, literalStart, literalEnd);
    to += literalEnd - literalStart;
    if (slot === noSlot) continue;
    if (end <= 0) break;
    if (bytes[start] === quote) {
      start++;
      end--;
    }
    copyWords(out, to, view, start, end);
    to += end - start;
  }
  target.length = to;
  return index;
}
