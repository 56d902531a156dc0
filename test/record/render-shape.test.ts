import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteColumn, textOf, utf8 } from "#src/base/bytes.ts";
import { limits } from "#src/config.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { Dictionary } from "#src/record/dictionary.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { JsonScanner } from "#src/wire/json-scan.hot.ts";
import { decodeIn } from "../wire/decoding.ts";
import { wtf8 } from "./entries.ts";
import { fieldObjects, templates } from "./render-arbitrary.ts";
import { renderModel } from "./render-model.ts";

const runCount = process.env["TAILRACE_LONG"] === "1" ? 20_000 : 1500;
const tight = { messageSizeBytesMax: 24, renderDepthMax: 3, templateCacheCountMax: 3, templateCacheSizeBytesMax: 8192 };

/** Returns the messages of entries with one template, decoded from one body. */
function messagesOf(format: string, fields: readonly string[], renderer: Renderer): Uint8Array[] {
  const shown = JSON.stringify(format);
  const members = (own: string) => (own === "" ? "" : `,"fields":${own}`);
  const body = utf8(`[${fields.map((own) => `{"format":${shown}${members(own)}}`).join(",")}]`);
  const columns = new EntryColumns();
  renderer.beginBlock();
  const refusal = decodeIn(columns, bodyKind.json, body, { renderer });
  fc.pre(refusal?.details?.limit !== limits.jsonDepthMax);
  assert.equal(refusal, undefined);
  return fields.map((_, index) => columns.text.bytes.slice(columns.textEnds[index], columns.textEnds[index + 1]));
}

/** Returns the JSON with `replace` done to what lies between its strings. */
function outsideStrings(json: string, replace: (part: string) => string): string {
  return json.replace(/"(?:\\.|[^"\\])*"|[^"]+/g, (part) => (part[0] === '"' ? part : replace(part)));
}

/** Returns the same JSON with white space around its punctuation. */
function spaced(json: string): string {
  return outsideStrings(json, (part) => part.replace(/[,:{}[\]]/g, " $&\n"));
}

/** Fields of which most look like the ones before: the same members with other values, now and then others. */
const alikeFields = fc
  .array(fieldObjects, { minLength: 1, maxLength: 3 })
  .chain((pool) =>
    fc.array(
      fc.tuple(fc.constantFrom(...pool), fc.constantFrom("7", '"v"', '"\\u00e9\\n"', "[1,2]", '{"a":1}', "-0", "0.10", "null")),
      { minLength: 1, maxLength: 8 },
    ),
  );

/** Returns the fields with `value` in the place of each whole number among their members. */
function withValue([fields, value]: [string, string]): string {
  return outsideStrings(fields, (part) => part.replace(/^:-?\d+(?=[,}])/, `:${value}`));
}

for (const [bounds, how] of [
  [limits, ""],
  [tight, " under tight limits"],
] as const) {
  test(`R2: entries that look like those before render by the same rules${how}`, () => {
    const renderer = new Renderer(bounds);
    fc.assert(
      fc.property(templates, alikeFields, fc.boolean(), (format, alike, isSpaced) => {
        const fields = alike.map(withValue);
        const expected = fields.map((own) => wtf8(renderModel(format, own, bounds)));
        assert.deepEqual(messagesOf(format, isSpaced ? fields.map(spaced) : fields, renderer), expected);
      }),
      { numRuns: runCount },
    );
  });
}

test("R2: entries of ever other shapes cost no more than in proportion to what they hold", () => {
  const renderer = new Renderer(limits, 7);
  const format = Array.from({ length: 60 }, (_, index) => `{n${index}}`).join("");
  const fields = Array.from(
    { length: 200 },
    (_, index) => `{${Array.from({ length: 60 }, (_, id) => `"n${id}":${index}`).join(",")},"m${index}":0}`,
  );
  messagesOf(format, fields, renderer);
  const perByte = renderer.workCount / fields.join().length;
  assert.ok(perByte <= 8, `${perByte} steps per byte`);
});

test("a template that the cache lets go of while its fields are rendered is still rendered whole", () => {
  const renderer = new Renderer(tight);
  const format = "{a}{b}{c} and more than fits";
  const fields = '{"a":{"$format":"1"},"b":{"$format":"2"},"c":{"$format":"3"}}';
  const message = wtf8(renderModel(format, fields, tight));
  assert.deepEqual(messagesOf(format, [fields, fields, fields], renderer), [message, message, message]);
});

test("memory grows with the message, not with where values lay in entries before", () => {
  const format = "{a}";
  const long = `{"a":"${"x".repeat(60_000)}"}`;
  const renderer = new Renderer();
  messagesOf(format, [long, long, long], renderer);
  const target = new ByteColumn(64);
  const templates = new Dictionary();
  const scanner = new JsonScanner();
  const fields = utf8('{"a":[]}');
  scanner.load(utf8(long), 0, long.length);
  scanner.skipFields(scanner.begin);
  scanner.load(fields, 0, fields.length);
  scanner.skipFields(scanner.begin);
  const template = templates.intern(utf8(format), 0, format.length);
  renderer.beginBlock();
  for (let count = 0; count < 4; count++) {
    target.length = 0;
    renderer.render(templates, template, fields, 0, fields.length, target, scanner.outline);
    assert.equal(textOf(target.bytes, 0, target.length), "[]");
  }
  assert.ok(target.bytes.length < 1024);
});
