import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { paintFor, visible, visibleJson, visibleLine } from "#src/cli/terminal.ts";
import { cut, displayWidth, tableLines } from "#src/cli/width.ts";

test("characters that act on a terminal or reorder text are spelled out", () => {
  assert.equal(visible("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m");
  assert.equal(visible("a\rb"), "a\\rb");
  assert.equal(visible("\x9b31m \x07 \x7f \x00"), "\\x9b31m \\x07 \\x7f \\x00");
  assert.equal(visible("user\u202egnp.exe\u2066x\u2069"), "user\\u202egnp.exe\\u2066x\\u2069");
  assert.equal(visible("a\u2028b\ufeff"), "a\\u2028b\\ufeff");
  assert.equal(visible("\u{e0041}"), "\\u{e0041}");
  assert.equal(visible("\ud800"), "\\ud800");
});

test("JSON on a terminal means the same and acts on nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 20 })), (value) => {
      const json = visibleJson(JSON.stringify(value));
      assert.deepEqual(JSON.parse(json), value);
      assert.equal(visible(json), json);
    }),
  );
});

test("tabs, newlines, every script and joined emoji stay as they are", () => {
  const text = "tab\there\nnext Übung 夜の街 العربية 👩‍💻 e\u0301";
  assert.equal(visible(text), text);
  assert.equal(visibleLine("a\nb\tc"), "a\\nb\\tc");
});

test("no text at all puts a control character on the terminal", () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is left is what is shown
  const acting = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => !acting.test(visible(text))),
    { numRuns: 2000 },
  );
});

test("colours need a terminal, and NO_COLOR or a dumb terminal switches them off", () => {
  const red = (isTTY: boolean, environment: Record<string, string>) => paintFor({ isTTY }, environment)("red", "x");
  assert.equal(red(true, { TERM: "xterm" }), "\x1b[31mx\x1b[0m");
  assert.equal(red(true, { NO_COLOR: "1" }), "x");
  assert.equal(red(true, { TERM: "dumb" }), "x");
  assert.equal(red(false, {}), "x");
});

test("width counts columns, not characters", () => {
  const widths: [string, number][] = [
    ["plain", 5],
    ["夜の街", 6],
    ["ｆｕｌｌ", 8],
    ["한글", 4],
    ["e\u0301", 1],
    ["👩‍💻", 2],
    ["🇩🇪", 2],
    ["❤️", 2],
    ["Übung", 5],
    ["", 0],
  ];
  for (const [text, width] of widths) assert.equal(displayWidth(text), width, text);
});

test("columns stay aligned with wide characters", () => {
  const lines = tableLines(
    [
      ["NAME", "COUNT"],
      ["夜の街", "7"],
      ["Città", "12345"],
      ["👩‍💻", "99"],
    ],
    [1],
  );
  assert.deepEqual(lines, ["NAME    COUNT", "夜の街      7", "Città   12345", "👩‍💻         99"]);
  assert.equal(new Set(lines.map(displayWidth)).size, 1);
});

test("a cut text never takes more columns than it may", () => {
  assert.equal(cut("abcdef", 4), "abc…");
  assert.equal(cut("夜の街", 4), "夜…");
  assert.equal(cut("abc", 3), "abc");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), fc.integer({ min: 1, max: 10 }), (text, width) => {
      assert.ok(displayWidth(cut(text, width)) <= width);
    }),
  );
});
