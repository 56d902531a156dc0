import assert from "node:assert/strict";
import { test } from "node:test";
import { durationText, entryLine, highlightOf, sizeText } from "#src/cli/format.ts";
import { paintFor } from "#src/cli/terminal.ts";
import type { EntryObject } from "#src/wire/api.ts";

const plain = { paint: paintFor({}, {}), isTerminal: false };
const screen = { paint: paintFor({ isTTY: true }, {}), isTerminal: true };
const bare = { ...plain, isTerminal: true };

function entry(members: Partial<EntryObject>): EntryObject {
  return { seq: 1, timestamp: "2026-11-20T10:00:00.123456Z", message: "hello", ...members };
}

test("a line has time, level, logger and message, and leaves out what is absent", () => {
  assert.equal(entryLine(entry({ level: "warn", logger: "LogNet" }), plain), "[26-11-20 10:00:00.123] [wrn] [LogNet] hello");
  assert.equal(entryLine(entry({}), plain), "[26-11-20 10:00:00.123] hello");
  const short = (["trace", "debug", "info", "warn", "error", "critical"] as const).map(
    (level) => /\[(...)\] hello/.exec(entryLine(entry({ level }), plain))?.[1],
  );
  assert.deepEqual(short, ["trc", "dbg", "inf", "wrn", "err", "crt"]);
});

test("further lines of a message are indented", () => {
  assert.equal(entryLine(entry({ message: "a\nb\nc" }), plain), "[26-11-20 10:00:00.123] a\n    b\n    c");
});

test("a pipe gets the message as it is, a terminal gets nothing that acts on it", () => {
  const hostile = entry({ message: "\x1b[2Jx\ry\u202e", logger: "a\nb" });
  assert.ok(entryLine(hostile, plain).endsWith("\x1b[2Jx\ry\u202e"));
  assert.equal(entryLine(hostile, bare), "[26-11-20 10:00:00.123] [a\\nb] \\x1b[2Jx\\ry\\u202e");
});

test("matches are marked in any letter case, and special characters of the text mean themselves", () => {
  const marked = entryLine(entry({ message: "A.b a.B axb ÄRGER" }), { ...screen, highlight: highlightOf("a.b") });
  assert.equal(marked.split("\x1b[1m").length - 1, 2);
  assert.ok(entryLine(entry({ message: "ÄRGER" }), { ...screen, highlight: highlightOf("ärger") }).includes("\x1b[1mÄRGER"));
  for (const text of "\\^$.*+?()[]{}|/-") assert.ok(highlightOf(text)?.test(`x${text}y`), text);
});

test("durations and sizes read well", () => {
  const durations: [number, string][] = [
    [0, "0ms"],
    [999, "999ms"],
    [1500, "1.5s"],
    [59_949, "59.9s"],
    [59_960, "1m 00s"],
    [65_000, "1m 05s"],
    [3_600_000, "1h 00m"],
    [90_061_000, "1d 01h"],
  ];
  for (const [ms, text] of durations) assert.equal(durationText(ms), text);
  const sizes: [number, string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [10_485_760, "10 MiB"],
    [1024 ** 4 * 3, "3.0 TiB"],
  ];
  for (const [bytes, text] of sizes) assert.equal(sizeText(bytes), text);
});
