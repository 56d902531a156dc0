import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { escapeLocalizedTemplate, escapeTemplate, parseTemplate } from "#src/record/template.ts";
import { TemplateCache } from "#src/record/template-cache.ts";
import { wtf8 } from "./entries.ts";
import { templates } from "./render-arbitrary.ts";
import { piecesOf } from "./render-model.ts";
import { render } from "./render-text.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(..."{}`[].a0/ \ud83d\ude00") }),
  templates,
);

test("parsing never throws and marks malformed what breaks the grammar", () => {
  fc.assert(
    fc.property(anyText, fc.boolean(), (text, localized) => {
      const bytes = wtf8(text);
      assert.equal(parseTemplate(bytes, 0, bytes.length, localized).malformed, piecesOf(text, localized) === undefined);
    }),
    { numRuns: 10_000 },
  );
});

test("parsing never throws on arbitrary bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, localized) => {
      parseTemplate(bytes, 0, bytes.length, localized);
    }),
    { numRuns: 10_000 },
  );
});

test("an escaped text renders as itself", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(render(escapeTemplate(text), '{"a":1}'), text);
      const localized = JSON.stringify(escapeLocalizedTemplate(text));
      assert.equal(render("{o}", `{"o":{"$locformat":${localized},"$locns":"","$lockey":""}}`), text);
    }),
    { numRuns: 10_000 },
  );
});

test("a template is parsed once", () => {
  const cache = new TemplateCache(4, 1 << 20);
  const text = utf8("xx{a}");
  const first = cache.find(text, 2, 5, false);
  assert.equal(cache.find(text, 2, 5, false), first);
  assert.equal(cache.missCount, 1);
  assert.notEqual(cache.find(text, 2, 5, true), first);
  assert.equal(cache.missCount, 2);
});

test("the cache keeps what is used and stays within its count", () => {
  const cache = new TemplateCache(8, 1 << 20);
  const hot = utf8("hot {a}");
  for (let index = 0; index < 1000; index++) {
    const cold = utf8(`cold ${index} {a}`);
    cache.find(cold, 0, cold.length, false);
    cache.find(hot, 0, hot.length, false);
    assert.ok(cache.count <= 8);
  }
  assert.equal(cache.missCount, 1001);
});

test("the cache stays within its bytes and empties what it lets go", () => {
  const sizeBytesMax = 100_000;
  const cache = new TemplateCache(1_000_000, sizeBytesMax);
  const kept = [];
  for (let index = 0; index < 500; index++) {
    const text = utf8(`${index}${"{a}".repeat(500)}`);
    kept.push(cache.find(text, 0, text.length, false));
    assert.ok(cache.sizeBytes <= sizeBytesMax);
  }
  const heldSizeBytes = kept.reduce((sum, template) => sum + template.text.length + template.pieces.byteLength, 0);
  assert.ok(heldSizeBytes <= sizeBytesMax, `${heldSizeBytes} bytes are held`);
});

test("a template larger than half the cache is used and not kept", () => {
  const cache = new TemplateCache(8, 4096);
  const text = utf8("{a}".repeat(1000));
  assert.equal(cache.find(text, 0, text.length, false).pieces.length, 5000);
  assert.equal(cache.count, 0);
  assert.equal(cache.sizeBytes, 0);
});
