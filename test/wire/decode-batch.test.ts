import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { textOf, utf8 } from "#src/base/bytes.ts";
import { limits } from "#src/config.ts";
import { encodePayload, payloadSizeBytes } from "#src/record/encode-payload.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { columnsOf, entryArbitrary } from "../record/entries.ts";
import { type BatchParts, batchOf, partsOf } from "./batches.ts";
import { type Decoding, entriesIn, gist, plainRenderer, receivedNs, refusalIn } from "./decoding.ts";

const kind = bodyKind.flatbuffers;

function refused(parts: BatchParts, how?: Decoding): { code: string } {
  return gist(refusalIn(kind, batchOf(parts), how)) as { code: string };
}

function wellFormed(text: string): string {
  return textOf(utf8(text));
}

/** Entries whose text is UTF-8, as a binary batch must be. */
const entries = fc.array(
  entryArbitrary.map((entry) => ({
    ...entry,
    text: wellFormed(entry.text),
    ...(entry.logger === undefined ? {} : { logger: wellFormed(entry.logger) }),
    ...(entry.template === undefined ? {} : { template: wellFormed(entry.template) }),
  })),
  { maxLength: 20 },
);

test("a batch of the generated builder is taken as it is, with or without identifier", () => {
  fc.assert(
    fc.property(entries, fc.boolean(), (sent, hasIdentifier) => {
      assert.deepEqual(entriesIn(kind, batchOf(partsOf(sent, true), hasIdentifier)), sent);
    }),
    { numRuns: 500 },
  );
});

test("a payload of our own encoder is taken as it is", () => {
  fc.assert(
    fc.property(entries, (sent) => {
      const columns = columnsOf(sent);
      const payload = new Uint8Array(payloadSizeBytes(columns, false));
      encodePayload(columns, 0, undefined, payload, 0);
      assert.deepEqual(entriesIn(kind, payload), sent);
    }),
    { numRuns: 500 },
  );
});

test("without text the server renders template and fields", () => {
  fc.assert(
    fc.property(entries, (sent) => {
      const structured = sent.map((entry) => ({ ...entry, template: entry.template ?? "t" }));
      const taken = entriesIn(kind, batchOf(partsOf(structured, false)), { renderer: plainRenderer });
      assert.deepEqual(
        taken,
        structured.map((entry) => ({ ...entry, text: entry.template + (entry.fields ?? "") })),
      );
    }),
    { numRuns: 200 },
  );
});

test("columns that are absent mean none and now", () => {
  assert.deepEqual(entriesIn(kind, batchOf({ count: 2, text: "ab", textEnds: [0, 1, 2] })), [
    { timeNs: receivedNs, level: 0, text: "a" },
    { timeNs: receivedNs, level: 0, text: "b" },
  ]);
  assert.deepEqual(entriesIn(kind, batchOf({})), []);
  assert.deepEqual(entriesIn(kind, batchOf({ count: 0, text: "", textEnds: [0], loggers: ["unused"], levels: [] })), []);
  const rendered = batchOf({ count: 1, templates: ["{a}!"], templateIndexes: [1], fields: '{"a":1}', fieldEnds: [0, 7] });
  assert.deepEqual(entriesIn(kind, rendered), [
    { timeNs: receivedNs, level: 0, text: "1!", template: "{a}!", fields: '{"a":1}' },
  ]);
});

test("seqs of the sender have no meaning; fields lose white space; equal names are one", () => {
  const fields = '{ "a" : [ 1, 2 ] }';
  const body = batchOf({
    count: 2,
    text: "ab",
    textEnds: [0, 1, 2],
    fields,
    fieldEnds: [0, 0, fields.length],
    loggers: ["L", "L"],
    loggerIndexes: [1, 2],
    seqs: [9n, 3n],
  });
  assert.deepEqual(entriesIn(kind, body), [
    { timeNs: receivedNs, level: 0, text: "a", logger: "L" },
    { timeNs: receivedNs, level: 0, text: "b", logger: "L", fields: '{"a":[1,2]}' },
  ]);
});

test("columns that do not fit each other refuse the batch", () => {
  const good = { count: 2, text: "ab", textEnds: [0, 1, 2] };
  const bad: BatchParts[] = [
    { ...good, count: 1 },
    { ...good, count: 3 },
    { ...good, count: 4_000_000_000 },
    { text: "ab", textEnds: [0, 1, 2] },
    { ...good, textEnds: [0, 1] },
    { ...good, textEnds: [] },
    { ...good, textEnds: [1, 1, 2] },
    { ...good, textEnds: [0, 2, 1] },
    { ...good, textEnds: [0, 1, 1] },
    { ...good, textEnds: [0, 1, 3] },
    { ...good, textEnds: [0, 4_000_000_000, 2] },
    { count: 2, textEnds: [0, 1, 2] },
    { count: 2, text: "ab" },
    { count: 2 },
    { ...good, timestamps: [1n] },
    { ...good, levels: [1, 2, 3] },
    { ...good, loggers: ["a"], loggerIndexes: [1] },
    { ...good, templates: ["a"], templateIndexes: [] },
    { ...good, fields: "{}" },
    { ...good, fieldEnds: [0, 0, 0] },
    { ...good, fields: "{}", fieldEnds: [0, 2] },
    { ...good, fields: "{}", fieldEnds: [0, 0, 1] },
    { count: 1, text: "", textEnds: [0, 0, 0] },
  ];
  for (const parts of bad)
    assert.deepEqual(
      refused(parts),
      { code: "invalid_batch" },
      JSON.stringify(parts, (_, v) => String(v)),
    );
});

test("rows that mean nothing are named", () => {
  const good = { count: 2, text: "ab", textEnds: [0, 1, 2] };
  const entry = (index: number, field: string) => ({ code: "invalid_entry", index, field });
  assert.deepEqual(refused({ ...good, levels: [6, 7] }), entry(1, "level"));
  assert.deepEqual(refused({ ...good, loggers: ["a"], loggerIndexes: [1, 2] }), entry(1, "logger"));
  assert.deepEqual(refused({ ...good, loggerIndexes: [0, 1] }), entry(1, "logger"));
  assert.deepEqual(refused({ ...good, templates: ["a"], templateIndexes: [4_000_000_000, 0] }), entry(0, "format"));
  assert.deepEqual(refused({ count: 2, templates: ["a"], templateIndexes: [1, 0] }), entry(1, "format"));
  for (const fields of ["1", "[]", "{", "{}}", "{} ", " {}", '{"a"}', '{"a":1}{', "{}{}", '{"a":01}', '{"a":"\n"}']) {
    const parts = { ...good, fields: `{}${fields}`, fieldEnds: [0, 2, 2 + fields.length] };
    assert.deepEqual(refused(parts), entry(1, "fields"), fields);
  }
  const deep = `{"a":${"[".repeat(31)}${"]".repeat(31)}}`;
  assert.deepEqual(refused({ ...good, fields: deep, fieldEnds: [0, 0, deep.length] }), entry(1, "fields"));
  const many = `{${Array.from({ length: 1001 }, () => '"a":1').join(",")}}`;
  assert.deepEqual(refused({ ...good, fields: many, fieldEnds: [0, 0, many.length] }), {
    ...entry(1, "fields"),
    limit: limits.fieldCountMax,
  });
});

test("text, names, templates and fields must be UTF-8, and no end may cut a character", () => {
  const bad = Uint8Array.of(0x61, 0xff);
  const good = { count: 1, text: "ab", textEnds: [0, 2] };
  const invalid = { code: "invalid_utf8" };
  assert.deepEqual(refused({ ...good, text: bad }), invalid);
  assert.deepEqual(refused({ ...good, text: Uint8Array.of(0xed, 0xa0, 0x80), textEnds: [0, 3] }), invalid);
  assert.deepEqual(refused({ ...good, loggers: [bad] }), invalid);
  assert.deepEqual(refused({ ...good, templates: [bad] }), invalid);
  assert.deepEqual(refused({ ...good, fields: bad, fieldEnds: [0, 2] }), invalid);
  assert.deepEqual(refused({ count: 2, text: "é", textEnds: [0, 1, 2] }), invalid);
});

test("an entry, a name or a batch over its limit is refused", () => {
  const how = { limits: { entrySizeBytesMax: 10, columnsSizeBytesMax: 200 } };
  const text = "x".repeat(11);
  const fields = `{"a":"${"x".repeat(4)}"}`;
  const tooLarge = { code: "payload_too_large", index: 0, limit: 10 };
  assert.deepEqual(refused({ count: 1, text, textEnds: [0, 11] }, how), tooLarge);
  assert.deepEqual(refused({ count: 1, text: "", textEnds: [0, 0], fields, fieldEnds: [0, fields.length] }, how), tooLarge);
  assert.deepEqual(refused({ loggers: [text] }, how), { code: "invalid_batch" });
  const rows = (count: number) => ({ count, text: "", textEnds: new Array<number>(count + 1).fill(0) });
  assert.equal(entriesIn(kind, batchOf(rows(8)), how).length, 8);
  assert.deepEqual(refused(rows(9), how), { code: "payload_too_large", limit: 200 });
  assert.deepEqual(refused({ ...rows(8), loggers: ["abc"], loggerIndexes: [0, 0, 0, 0, 0, 0, 0, 1] }, how), {
    code: "payload_too_large",
    limit: 200,
  });
});

test("strings that share their bytes cannot make a small batch costly", () => {
  const body = batchOf({ loggers: ["x".repeat(1000), ...new Array<string>(50).fill("")] });
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  // Point every string of the vector at the first one.
  const table = view.getUint32(0, true);
  const member = table + view.getUint16(table - view.getInt32(table, true) + 10, true);
  const vector = member + view.getUint32(member, true);
  assert.equal(view.getUint32(vector, true), 51);
  const target = vector + 4 + view.getUint32(vector + 4, true);
  for (let index = 0; index < 51; index++) view.setUint32(vector + 4 + index * 4, target - (vector + 4 + index * 4), true);
  assert.deepEqual(gist(refusalIn(kind, body)), { code: "invalid_batch" });
});

test("a batch that is cut anywhere is refused", () => {
  const body = batchOf(partsOf([{ timeNs: 1n, level: 3, logger: "L", template: "t", text: "text", fields: '{"a":1}' }], true));
  for (let size = 0; size < body.length; size++) {
    let end = size;
    while (end < body.length && body[end] === 0) end++;
    // Zeros at the end may be no part of anything.
    if (end < body.length) assert.deepEqual(gist(refusalIn(kind, body.subarray(0, size))), { code: "invalid_batch" });
  }
});

/** A batch of `count` entries that all name one template and have the same fields. */
function repeating(count: number, template: string, fields: string): BatchParts {
  return {
    count,
    templates: [template],
    templateIndexes: Array.from({ length: count }, () => 1),
    fields: fields.repeat(count),
    fieldEnds: Array.from({ length: count + 1 }, (_, index) => index * fields.length),
  };
}

test("R2: entries that all name one large template cost no more than the limit of a body allows", () => {
  const template = "{a}".repeat(80_000);
  const renderer = new Renderer(limits, 7);
  const refusal = refusalIn(kind, batchOf(repeating(100_000, template, '{"a":""}')), { renderer });
  const limit = limits.bodyInflatedSizeBytesMax;
  assert.equal(refusal.code, "payload_too_large");
  const { length } = template;
  assert.deepEqual(refusal.details, { index: Math.floor(limit / length), limit });
  assert.ok(renderer.workCount <= 4 * limit, `${renderer.workCount} steps`);
});

test("templates count as often as entries name them, up to the limit and not with a text of their own", () => {
  const how = { limits: { renderedTemplatesSizeBytesMax: 40 } };
  assert.equal(entriesIn(kind, batchOf(repeating(10, "a{b}", "")), how).length, 10);
  assert.deepEqual(refusalIn(kind, batchOf(repeating(11, "a{b}", "")), how).details, { index: 10, limit: 40 });
  const withText = {
    ...repeating(11, "a{b}", ""),
    text: "x".repeat(11),
    textEnds: Array.from({ length: 12 }, (_, index) => index),
  };
  assert.equal(entriesIn(kind, batchOf(withText), how).length, 11);
});

test("template and fields of a rendered entry are together no larger than an entry", () => {
  const how = { limits: { entrySizeBytesMax: 20 } };
  assert.equal(entriesIn(kind, batchOf(repeating(2, "a".repeat(13), '{"b":1}')), how).length, 2);
  assert.deepEqual(refusalIn(kind, batchOf(repeating(2, "a".repeat(14), '{"b":1}')), how).details, { index: 0, limit: 20 });
});
