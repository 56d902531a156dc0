import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteColumn, utf8 } from "#src/base/bytes.ts";
import { limits } from "#src/config.ts";
import { Dictionary } from "#src/record/dictionary.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { render } from "./render-text.ts";

/** Renders and asserts that the work done is at most `factor` times what was sent. */
function renderLinear(format: string, fields: string, factor: number): string {
  const renderer = new Renderer(limits, 7);
  const message = render(format, fields, renderer);
  const perByte = renderer.workCount / (format.length + fields.length);
  assert.ok(perByte <= factor, `${perByte} steps per byte`);
  assert.ok(utf8(message).length <= limits.messageSizeBytesMax);
  return message;
}

const numbered = (count: number, piece: (index: number) => string) => Array.from({ length: count }, (_, index) => piece(index));
const repeated = (count: number, text: string) => text.repeat(count);

test("10,000 placeholders over 1,000 fields cost in proportion to their bytes", () => {
  const fields = `{${numbered(1000, (index) => `"name${index}":""`).join(",")}}`;
  const format = numbered(10_000, (index) => `{name${(index * 7) % 2000}}`).join("");
  assert.equal(renderLinear(format, fields, 4), "");
});

test("names that look alike cost no more", () => {
  const fields = `{${numbered(1000, (index) => `"a${String(index).padStart(6, "0")}z":""`).join(",")}}`;
  const format = numbered(10_000, (index) => `{a${String(index).padStart(6, "0")}z}`).join("");
  assert.equal(renderLinear(format, fields, 4), "");
});

test("a large value that is asked for often is looked through once", () => {
  const large = `{"$format":"","x":[${repeated(50_000, "1,")}1]}`;
  assert.equal(renderLinear(repeated(10_000, "{a}"), `{"a":${large}}`, 4), "");
  assert.equal(renderLinear(numbered(10_000, (index) => `{a.n${index}}`).join(""), `{"a":${large}}`, 4), "");
  assert.equal(renderLinear(repeated(5000, "{a[99999]}"), `{"a":[${repeated(99_999, "1,")}{}]}`, 8).length, 10_000);
});

test("formats that multiply are rendered once each", () => {
  let value = '{"$format":""}';
  for (let level = 0; level < 7; level++) value = `{"$format":"${repeated(1000, "{a}")}","a":${value}}`;
  assert.equal(renderLinear(repeated(1000, "{a}"), `{"a":${value}}`, 20), "");
});

test("formats that multiply and end in a surrogate half stay within the limit", () => {
  let value = '"\\ude00\\ud83d"';
  for (let level = 0; level < 7; level++) value = `{"$format":"${repeated(100, "{a}")}","a":${value}}`;
  assert.ok(renderLinear(repeated(100, "{a}"), `{"a":${value}}`, 20).startsWith("\ude00😀😀"));
});

test("a number with very many digits is converted once", () => {
  const fields = `{"n":0.${repeated(100_000, "0")}1}`;
  assert.equal(renderLinear(repeated(1000, "{n}"), fields, 4), repeated(1000, "0"));
});

test("deep nesting is walked once per level at most", () => {
  const deep = (open: string, close: string) => `{"a":${repeated(31, open)}1${repeated(31, close)}}`;
  assert.equal(renderLinear("{a}", deep("[", "]"), 10), `${repeated(8, "[")}…${repeated(8, "]")}`);
  assert.equal(renderLinear(`{a${repeated(31, "[0]")}}`, deep("[", "]"), 40), "1");
});

test("a template of a megabyte renders", () => {
  assert.equal(renderLinear(repeated(350_000, "{a}"), '{"a":""}', 10), "");
  assert.equal(utf8(renderLinear(repeated(500_000, "{{"), "", 10)).length, limits.messageSizeBytesMax);
  assert.equal(utf8(renderLinear(repeated(1_000_000, "{"), "", 10)).length, limits.messageSizeBytesMax);
});

test("a new template in every entry is parsed once each and not kept for ever", () => {
  const renderer = new Renderer();
  const templates = new Dictionary();
  const target = new ByteColumn(1024);
  const fields = utf8('{"a":1}');
  const templateCount = 20_000;
  for (let index = 1; index <= templateCount; index++) {
    const format = utf8(`template ${index} {a}`);
    renderer.render(templates, templates.intern(format, 0, format.length), fields, 0, fields.length, target);
  }
  assert.equal(renderer.counters.cacheMisses, templateCount);
  renderer.beginBlock();
  for (let index = templateCount; index > templateCount - 1000; index--) {
    renderer.render(templates, index, fields, 0, fields.length, target);
  }
  assert.equal(renderer.counters.cacheMisses, templateCount);
});

test("large messages cannot overrun the target", () => {
  const fields = `{"a":"${repeated(200_000, "x")}"}`;
  assert.equal(renderLinear(repeated(1000, "{a}"), fields, 4).length, limits.messageSizeBytesMax - 2);
  assert.equal(renderLinear("{o}", `{"o":[${repeated(100_000, "[],")}[]]}`, 10).at(-1), "…");
});
