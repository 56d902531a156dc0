import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ByteColumn, utf8 } from "#src/base/bytes.ts";
import { limits } from "#src/config.ts";
import { Dictionary } from "#src/record/dictionary.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { render, renderBytes } from "./render-text.ts";

test("braces are escapes before they are placeholders", () => {
  assert.equal(render("{{{{a}}}}", '{"a":1}'), "{{a}}");
  assert.equal(render("{{{a}}}{{", '{"a":1}'), "{1}{");
  assert.equal(render("{a}}", '{"a":1}'), "{a}}");
  assert.equal(render("{a}}}", '{"a":1}'), "1}");
  assert.equal(render("}}}", ""), "}}}");
});

test("all digits is a name", () => {
  assert.equal(render("{0}", '{"0":"zero"}'), "zero");
  assert.equal(render("{a.0}", '{"a":["item"]}'), "");
  assert.equal(render("{a.0}", '{"a":{"0":"member"}}'), "member");
});

test("a whole text between braces is a name before it is a path", () => {
  assert.equal(render("{a[0]}", '{"a":[1],"a[0]":2}'), "2");
  assert.equal(render("{a/b}", '{"a":{"b":1},"a.b":2}'), "1");
  assert.equal(render("{a.b.c}", '{"a.b":{"c":1}}'), "");
  assert.equal(render("{a.b}", '{"a.b":null,"a":{"b":1}}'), "null");
});

test("names are case-sensitive, may be escaped in JSON, and the last of one name counts", () => {
  assert.equal(render("[{A}]", '{"a":1}'), "[]");
  assert.equal(render("{ab}", '{"\\u0061b":1}'), "1");
  assert.equal(render("{a}", '{"a":1,"a":2}'), "2");
  assert.equal(render("{a.x}", '{"a":{"x":1},"a":{"y":2}}'), "");
  assert.equal(render("{o}", '{"o":{"k":1,"k":2}}'), '{"k": 1, "k": 2}');
});

test("indexes take leading zeros and lead nowhere when too large", () => {
  assert.equal(render("{a[01]}", '{"a":[1,2]}'), "2");
  assert.equal(render("[{a[2]}{a[4294967297]}{a[99999999999999999999]}]", '{"a":[1,2]}'), "[]");
});

test("a malformed template stands for itself and is counted, within fields too", () => {
  const renderer = new Renderer();
  for (const format of [
    "{}",
    "{ a}",
    "{a.}",
    "{.a}",
    "{a..b}",
    "{a[]}",
    "{a[-1]}",
    "{a[0]b}",
    "{[0]}",
    "{a[0",
    "x{a",
    "{a:>5}",
  ]) {
    assert.equal(render(format, '{"a":[1]}', renderer), format);
  }
  assert.equal(renderer.counters.malformed, 12);
  assert.equal(render("<{o}>", '{"o":{"$format":"{x","x":1}}', renderer), "<{x>");
  assert.equal(renderer.counters.malformed, 13);
  assert.equal(renderer.counters.rendered, 13);
});

test("numbers", () => {
  const shown = (literal: string) => render("{n}", `{"n":${literal}}`);
  assert.equal(shown("1.0"), "1");
  assert.equal(shown("-0"), "0");
  assert.equal(shown("0.10"), "0.1");
  assert.equal(shown("1E5"), "100000");
  assert.equal(shown("1e21"), "1e+21");
  assert.equal(shown("0.0000001"), "1e-7");
  assert.equal(shown("12345678901234567890"), "12345678901234567890");
  assert.equal(shown("-10000000000000001"), "-10000000000000001");
  assert.equal(shown("12345678901234567890.0"), "12345678901234567000");
  assert.equal(shown("0.1000000000000000055511151231257827"), "0.1");
  assert.equal(shown("1e400"), "1e400");
});

test("$text, $format and $locformat in any case, the first that applies", () => {
  const shown = (json: string) => render("{o}", `{"o":${json}}`);
  assert.equal(shown('{"$FORMAT":"f","$Text":"t"}'), "t");
  assert.equal(shown('{"$locformat":"l","$locns":"","$lockey":"","$format":"f"}'), "f");
  assert.equal(shown('{"$LocFormat":"`{{x}`}","$LOCNS":"n","$LOCKEY":"k","x":1}'), "{1}");
  assert.equal(shown('{"$locformat":"l","$locns":"n","$lockey":5}'), '{"$locformat": l, "$locns": n, "$lockey": 5}');
  assert.equal(shown('{"$locformat":"{{x}}","$locns":"n","$lockey":"k","x":1}'), "{{x}}");
  assert.equal(shown('{"$locformat":"a`b","$locns":"n","$lockey":"k"}'), "a`b");
  assert.equal(shown('{"$type":"T","$value":1}'), '{"$type": T, "$value": 1}');
  assert.equal(shown('{"$text":"first","$TEXT":"second"}'), "first");
  assert.equal(shown('{"$text":"a","$text":7}'), '{"$text": a, "$text": 7}');
  assert.equal(render("x{a}", '{"$format":"no","$text":"no","a":1}'), "x1");
});

test("substituted text is not scanned again", () => {
  assert.equal(render("{a}{b}", '{"a":"{b}","b":"{a}"}'), "{b}{a}");
  assert.equal(render("{o}", '{"o":{"$format":"{t}","t":"{{t}}"}}'), "{{t}}");
});

test("surrogate halves come as sent and join where they meet", () => {
  assert.equal(render("{a}{b}", '{"a":"\\ud83d","b":"\\ude00"}'), "😀");
  assert.equal(render("{b}{a}", '{"a":"\\ud83d","b":"\\ude00"}'), "\ude00\ud83d");
  assert.equal(render("\ud83d{b}", '{"b":"\\ude00"}'), "😀");
  assert.equal(render("{o}{b}", '{"o":{"$format":"{h}","h":"\\ud83d"},"b":"\\ude00"}'), "😀");
  assert.equal(render("{o}", '{"o":{"\\ud83d":"\\ude00"}}'), '{"\\ud83d": \ude00}');
});

test("nesting deeper than eight is an ellipsis", () => {
  const nested = (count: number) => `{"a":${"[".repeat(count)}1${"]".repeat(count)}}`;
  assert.equal(render("{a}", nested(8)), `${"[".repeat(8)}1${"]".repeat(8)}`);
  assert.equal(render("{a}", nested(9)), `${"[".repeat(8)}…${"]".repeat(8)}`);
  assert.equal(render("{a[0][0][0][0]}", nested(9)), "[[[[[1]]]]]");
});

test("a message of the limit is whole; a longer one is cut at a character and ends in an ellipsis", () => {
  const renderer = new Renderer();
  const sized = (text: string) => renderBytes(utf8("{a}"), utf8(JSON.stringify({ a: text })), renderer);
  const limit = limits.messageSizeBytesMax;
  assert.equal(sized("x".repeat(limit)).length, limit);
  assert.equal(renderer.counters.truncated, 0);
  assert.equal(sized("x".repeat(limit + 1)).length, limit);
  assert.equal(renderer.counters.truncated, 1);
  for (const [text, count] of [
    ["x", limit - 3],
    ["é", (limit - 4) / 2],
    ["中", (limit - 4) / 3],
    ["😀", (limit - 4) / 4],
  ] as const) {
    assert.ok(isDeepStrictEqual(sized(text.repeat(limit + 1)), utf8(`${text.repeat(count)}…`)), text);
  }
});

test("a cut message does not split a pair that was joined", () => {
  const half = "{a}{b}";
  const message = render(half.repeat(40_000), '{"a":"\\ud83d","b":"\\ude00"}');
  assert.ok(message === `${"😀".repeat((limits.messageSizeBytesMax - 4) / 4)}…`);
});

test("a long template without placeholders, and one that is malformed, are cut too", () => {
  assert.equal(utf8(render("x".repeat(100_000))).length, limits.messageSizeBytesMax);
  assert.equal(utf8(render(`${"x".repeat(100_000)}{`)).length, limits.messageSizeBytesMax);
});

test("template numbers of a new block mean something new", () => {
  const renderer = new Renderer();
  const templates = new Dictionary();
  const target = new ByteColumn(64);
  const fields = utf8('{"a":1}');
  const append = (format: string) =>
    renderer.render(templates, templates.intern(utf8(format), 0, format.length), fields, 0, fields.length, target);
  append("x{a}");
  templates.clear();
  renderer.beginBlock();
  append("y{a}");
  append("z{a}");
  append("y{a}");
  assert.equal(new TextDecoder().decode(target.bytes.subarray(0, target.length)), "x1y1z1y1");
  assert.equal(renderer.counters.cacheMisses, 3);
});

test("bytes that are shared between threads render as any others", () => {
  const json = utf8('{"a":"shared"}');
  const fields = new Uint8Array(new SharedArrayBuffer(json.length));
  fields.set(json);
  assert.deepEqual(renderBytes(utf8("{a}"), fields, new Renderer()), utf8("shared"));
});
