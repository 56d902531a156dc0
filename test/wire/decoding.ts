/** Decodes bodies for tests and gives back plain entries. */
import assert from "node:assert/strict";
import { type AnyBytes, type ByteColumn, utf8 } from "#src/base/bytes.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import type { Dictionary } from "#src/record/dictionary.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { decode } from "#src/wire/decode.ts";
import { type DecodeContext, type DecodeLimits, decodeLimitsDefault, type TemplateRenderer } from "#src/wire/decode-context.ts";
import type { Refusal } from "#src/wire/outcome.ts";
import { type ModelEntry, textOfWtf8 } from "../record/entries.ts";

/** 2026-11-20T10:00:00Z, what entries without a time stamp get. */
export const receivedNs = 1_795_168_800_000_000_000n;

/** Writes template and fields one behind the other, so that tests of decoding see what rendering was given. */
export const plainRenderer: TemplateRenderer = {
  beginBlock: () => {},
  render: (templates: Dictionary, index: number, fields: AnyBytes, start: number, end: number, target: ByteColumn) => {
    target.append(templates.bytes.bytes, templates.start(index), templates.end(index));
    target.append(fields, start, end);
  },
};

export interface Decoding {
  readonly renderer?: TemplateRenderer;
  readonly limits?: Partial<DecodeLimits>;
}

export function contextOf(how: Decoding = {}): DecodeContext {
  return {
    receivedLow: Number(BigInt.asIntN(32, receivedNs)),
    receivedHigh: Number(receivedNs >> 32n),
    renderer: how.renderer ?? new Renderer(),
    limits: { ...decodeLimitsDefault, ...how.limits },
  };
}

/** Decodes `body` as it lies in a slab: in shared memory, between the bodies of others. */
export function decodeIn(columns: EntryColumns, kind: number, body: string | AnyBytes, how?: Decoding): Refusal | undefined {
  const bytes = typeof body === "string" ? utf8(body) : body;
  const slab = new Uint8Array(new SharedArrayBuffer(bytes.length + 20)).fill(0x22);
  slab.set(bytes, 11);
  return decode(kind, slab, 11, 11 + bytes.length, contextOf(how), columns);
}

/** Returns the entries of `body`, which must be taken. */
export function entriesIn(kind: number, body: string | AnyBytes, how?: Decoding): ModelEntry[] {
  const columns = new EntryColumns();
  const refusal = decodeIn(columns, kind, body, how);
  assert.equal(refusal, undefined);
  return rowsOf(columns);
}

/** Returns why `body` is refused. */
export function refusalIn(kind: number, body: string | AnyBytes, how?: Decoding): Refusal {
  const refusal = decodeIn(new EntryColumns(), kind, body, how);
  assert.notEqual(refusal, undefined, `taken: ${typeof body === "string" ? body.slice(0, 200) : "bytes"}`);
  return refusal as Refusal;
}

/** Returns the one entry that `json` is. */
export function entryIn(json: string, how?: Decoding): ModelEntry {
  const [entry, ...more] = entriesIn(bodyKind.json, json, how);
  assert.deepEqual(more, []);
  return entry as ModelEntry;
}

/** Returns code and details of a refusal, the words aside. */
export function gist(refusal: Refusal): object {
  return { code: refusal.code, ...refusal.details };
}

/** Returns the rows of `columns` as plain entries. */
export function rowsOf(columns: EntryColumns): ModelEntry[] {
  return Array.from({ length: columns.count }, (_, index) => {
    const low = BigInt(columns.timestamps[index * 2] as number) & 0xffffffffn;
    const entry: ModelEntry = {
      timeNs: (BigInt(columns.timestamps[index * 2 + 1] as number) << 32n) | low,
      level: columns.levels[index] as number,
      text: textIn(columns.text, columns.textEnds, index),
    };
    const logger = columns.loggerIndexes[index] as number;
    if (logger > 0) entry.logger = stringIn(columns.loggers, logger);
    const template = columns.templateIndexes[index] as number;
    if (template > 0) entry.template = stringIn(columns.templates, template);
    const fields = textIn(columns.fields, columns.fieldEnds, index);
    if (fields !== "") entry.fields = fields;
    return entry;
  });
}

function textIn(column: ByteColumn, ends: Uint32Array, index: number): string {
  return textOfWtf8(column.bytes.subarray(ends[index] as number, ends[index + 1] as number));
}

function stringIn(dictionary: Dictionary, index: number): string {
  return textOfWtf8(dictionary.bytes.bytes.subarray(dictionary.start(index), dictionary.end(index)));
}
