/**
 * Where the members of an entry's `fields` lie, noted by whoever walks them first, so that rendering need not walk again.
 *
 *   {"user":"ada","asset":{"name":"x","tags":[{"a":1}]},"ms":2}     rows: user, asset, asset/name, asset/tags, ms
 *
 * Members of nested objects follow their object; what lies within arrays has no rows.
 */
import type { OwnedBytes } from "../base/bytes.ts";

/** Numbers per member: nameStart, `nameKind`, valueStart, valueEnd. Offsets are in `bytes`. */
export const outlineRowStride = 4;
/**
 * Bits of `nameKind` that hold the depth, 1 for the members of `fields` themselves; the size of the name is above them.
 * Members whose nameKind differs have different names or stand at different depths.
 */
export const outlineDepthBits = 6;
/** Members of more are not worth a list that is searched one by one. */
const rowCountMax = 64;
/** Where the last row can begin. */
export const outlineLastRow = rowCountMax * outlineRowStride;

/** Filled by a scanner per entry. */
export class FieldsOutline {
  /** Memory that the offsets lie in; can be read seven bytes past any value. */
  bytes: OwnedBytes = new Uint8Array(8);
  view: DataView<ArrayBuffer> = new DataView(this.bytes.buffer);
  /**
   * The first row begins at `outlineRowStride`: before it goes what has no row. A valueEnd is negative when the value is a
   * string with escapes or a number that may be shown otherwise, and 0 for objects and arrays.
   */
  readonly rows = new Int32Array(outlineLastRow + outlineRowStride);
  /** Where the last row begins; 0: no members. */
  lastRow = 0;
  /** All members are here, and no name has escapes. */
  isWhole = false;
  /** Outlines with the same one have the same names and nesting; 0: not known. */
  guide = 0;
}
