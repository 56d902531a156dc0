/** What decoders are given beside the body, and the limits they keep. */
import type { AnyBytes, ByteColumn } from "../base/bytes.ts";
import { limits } from "../config.ts";
import type { Dictionary } from "../record/dictionary.hot.ts";
import type { FieldsOutline } from "../record/fields-outline.hot.ts";

/** Limits of a batch that settings may move. */
export interface DecodeLimits {
  /** What a body may inflate to. */
  readonly bodyInflatedSizeBytesMax: number;
  /** One entry as sent. */
  readonly entrySizeBytesMax: number;
  /** Members of `fields` of one entry. */
  readonly fieldCountMax: number;
  /** Nesting of an entry's JSON, the entry's own object included; at most 32. */
  readonly jsonDepthMax: number;
  /** What the columns of one batch may come to; rendering may make much of little. */
  readonly columnsSizeBytesMax: number;
  /** Sum of the templates of a batch's entries that are rendered: a binary batch names a large one again in a few bytes. */
  readonly renderedTemplatesSizeBytesMax: number;
}

/** The limits of config.ts. A block holds what was there before the batch, its header and keys too. */
export const decodeLimitsDefault: DecodeLimits = {
  bodyInflatedSizeBytesMax: limits.bodyInflatedSizeBytesMax,
  entrySizeBytesMax: limits.entrySizeBytesMax,
  fieldCountMax: limits.fieldCountMax,
  jsonDepthMax: limits.jsonDepthMax,
  columnsSizeBytesMax: limits.blockSizeBytesMax - 4 * limits.blockTargetSizeBytes,
  // What a JSON body of the same entries could hold.
  renderedTemplatesSizeBytesMax: limits.bodyInflatedSizeBytesMax,
};

/** What renders structured entries; `Renderer` of record/render.hot.ts is one. */
export interface TemplateRenderer {
  /** Is called when template numbers begin to mean something new. */
  beginBlock(): void;
  /**
   * Appends the text of template `templateIndex` filled with the object at fields[fieldsStart, fieldsEnd) to `target`.
   * @param outline where the members of the same object lie as they were sent, if that is known.
   */
  render(
    templates: Dictionary,
    templateIndex: number,
    fields: AnyBytes,
    fieldsStart: number,
    fieldsEnd: number,
    target: ByteColumn,
    outline: FieldsOutline | undefined,
  ): void;
}

/** What holds for a whole batch. */
export interface DecodeContext {
  /** Words of the receive time, int64 nanoseconds: what entries without a time stamp get. */
  receivedLow: number;
  receivedHigh: number;
  readonly renderer: TemplateRenderer;
  readonly limits: DecodeLimits;
}
