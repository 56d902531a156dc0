/** Plain entries as a model beside columns and blocks, and how tests make them. */
import fc from "fast-check";
import { type AnyBytes, type OwnedBytes, utf8 } from "#src/base/bytes.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import type { BlockView } from "#src/record/scan.hot.ts";

/** An entry as an obvious object. Text may hold lone surrogates; `fields` is compact JSON. */
export interface ModelEntry {
  timeNs: bigint;
  /** 0…6 */
  level: number;
  logger?: string;
  template?: string;
  text: string;
  fields?: string;
}

export const head = { firstSeq: 1, saltLow: 0x12345678, saltHigh: 0x9abcdef0, previousCrc: 77 };
const empty = new Uint8Array(0);

/** Returns the WTF-8 of `text`: lone surrogates in their three-byte form. */
export function wtf8(text: string): OwnedBytes {
  if (!/\p{Surrogate}/u.test(text)) return utf8(text);
  const parts: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code >= 0xd800 && code <= 0xdfff) parts.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else parts.push(...utf8(character));
  }
  return new Uint8Array(parts);
}

/** Returns the text that WTF-8 bytes spell. */
export function textOfWtf8(bytes: AnyBytes): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    let code = size === 1 ? first : first & (0xff >> (size + 1));
    for (let index = 1; index < size; index++) code = (code << 6) | ((bytes[at + index] as number) & 63);
    text += String.fromCodePoint(code);
    at += size;
  }
  return text;
}

/** Fills new columns with `entries`. */
export function columnsOf(entries: readonly ModelEntry[]): EntryColumns {
  const columns = new EntryColumns();
  columns.reserveEntries(entries.length);
  for (const entry of entries) {
    const logger = entry.logger === undefined ? 0 : intern(columns.loggers, entry.logger);
    const template = entry.template === undefined ? 0 : intern(columns.templates, entry.template);
    const text = wtf8(entry.text);
    columns.text.append(text, 0, text.length);
    const fields = utf8(entry.fields ?? "");
    columns.fields.append(fields, 0, fields.length);
    columns.finishEntry(Number(BigInt.asIntN(32, entry.timeNs)), Number(entry.timeNs >> 32n), entry.level, logger, template);
  }
  return columns;
}

function intern(dictionary: EntryColumns["loggers"], text: string): number {
  const bytes = wtf8(text);
  return dictionary.intern(bytes, 0, bytes.length);
}

/** Returns a block of `entries` in new memory, at `offset` bytes from its start. */
export function blockOf(entries: readonly ModelEntry[], firstSeq = 1, offset = 0): Uint8Array<ArrayBuffer> {
  const columns = columnsOf(entries);
  const bytes = new Uint8Array(offset + encodedSizeBytes(columns, 0));
  encodeBlock(columns, { ...head, firstSeq }, empty, bytes, offset);
  return bytes;
}

/** Returns entry `index` of a view as a model entry. */
export function entryOf(view: BlockView, index: number): ModelEntry {
  const entry: ModelEntry = {
    timeNs: (BigInt(view.timeHigh(index)) << 32n) | BigInt(view.timeLow(index) >>> 0),
    level: view.level(index),
    text: textOfWtf8(view.bytes.slice(view.textStart(index), view.textEnd(index))),
  };
  const logger = view.loggerIndex(index);
  if (logger > 0) entry.logger = textOfWtf8(view.bytes.slice(view.loggerStart(logger), view.loggerEnd(logger)));
  const template = view.templateIndex(index);
  if (template > 0) entry.template = textOfWtf8(view.bytes.slice(view.templateStart(template), view.templateEnd(template)));
  const fields = textOfWtf8(view.bytes.slice(view.fieldsStart(index), view.fieldsEnd(index)));
  if (fields !== "") entry.fields = fields;
  return entry;
}

/** Returns all entries of a view as model entries. */
export function entriesOf(view: BlockView): ModelEntry[] {
  return Array.from({ length: view.count }, (_, index) => entryOf(view, index));
}

/** Text of all sorts: quotes, control characters, lone surrogates, several scripts, no surrogate pair by accident. */
export const textArbitrary = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 12 }) },
      fc.constantFrom(
        "\u0000",
        "\n",
        "\t",
        '"',
        "\\",
        "/",
        "\u007f",
        "\u2028",
        "Ä",
        "ß",
        "İ",
        "ſ",
        "K",
        "…",
        "日本",
        "😀",
        "\ud800",
        "\udfff",
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(""));

const fieldsArbitrary = fc
  .dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((value) => JSON.stringify(value));

/** One entry, usual and unusual. */
export const entryArbitrary: fc.Arbitrary<ModelEntry> = fc.record(
  {
    timeNs: fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: 1_700_000_000_000_000_000n, max: 1_700_000_000_000_000_999n }),
    ),
    level: fc.integer({ min: 0, max: 6 }),
    logger: fc.oneof(fc.constantFrom("LogHttp", "LogNet", "a,b", ""), textArbitrary),
    template: fc.oneof(fc.constantFrom("user {id} came", "{x}"), textArbitrary),
    text: textArbitrary,
    fields: fieldsArbitrary,
  },
  { requiredKeys: ["timeNs", "level", "text"], noNullPrototype: true },
);

/** A batch of entries. */
export const entriesArbitrary = fc.array(entryArbitrary, { maxLength: 60 });
