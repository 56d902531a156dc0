/** The page's logic without a browser: filters, addresses, runs of entries, rows, the tree of sessions, texts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonTokens, NumberLiteral } from "#dashboard/model/exact-json.ts";
import { leavesOf, valueAtPath } from "#dashboard/model/fields.ts";
import { hasFields, type LogFilter, noFilter, serverFilterOf, toggleField, toggleSeenField } from "#dashboard/model/filter.ts";
import { agoText, compactCount, durationText, fullCount, offsetText, rowTime, sizeText } from "#dashboard/model/format.ts";
import { piecesOf } from "#dashboard/model/highlight.ts";
import { platformOf } from "#dashboard/model/platform.ts";
import { hashOf, parseRoute } from "#dashboard/model/route.ts";
import { numericPaths, seriesOf } from "#dashboard/model/series.ts";
import { isStackFrame } from "#dashboard/model/stack-trace.ts";
import { templatePieces } from "#dashboard/model/template.ts";
import { rangeOfBuckets, tryParseTime, typedTime } from "#dashboard/model/time-range.ts";
import { firstLine, lineWithMatch, visibleText } from "#dashboard/model/visible-text.ts";
import { levelNames } from "#src/record/levels.ts";
import type { EntryObject } from "#src/wire/api.ts";

const id = "0123456789abcdef01234567";
const entry = (fields: Record<string, unknown>): EntryObject => ({
  seq: 1,
  timestamp: "2026-11-20T10:00:00Z",
  message: "m",
  fields,
});

const plainObject = { noNullPrototype: true } as const;
const fieldFilters = fc.record({ path: fc.stringMatching(/^[^=]+$/), value: fc.string() }, plainObject);
const filters: fc.Arbitrary<LogFilter> = fc.record(
  {
    level: fc.constantFrom(...levelNames),
    logger: fc.string(),
    text: fc.string(),
    template: fc.string(),
    since: fc.constantFrom("", "2026-11-20T10:00:00.000Z"),
    until: fc.constantFrom("", "2026-11-21T10:00:00.123Z"),
    fields: fc.array(fieldFilters, { maxLength: 3 }),
  },
  plainObject,
);

test("an address opens the view that it was made of", () =>
  fc.assert(
    fc.property(filters, fc.nat(), fc.constantFrom("log", "overview", "metadata"), (filter, seq, tab) => {
      const route = { session: id, seq, tab, filter } as const;
      assert.deepEqual(parseRoute(hashOf(route)), route);
    }),
  ));

test("an address that nobody made opens the server's own session", () => {
  const plain = { session: "", seq: 0, tab: "log", filter: noFilter };
  for (const hash of ["", "#", "#s=xyz&c=-4&t=nope&level=loud&since=never&field==", "#%%%"])
    assert.deepEqual(parseRoute(hash), plain);
});

test("a field filter compares what is read, at any depth, and goes when it is asked for twice", () => {
  const fields = [{ path: "user.ids[1]", value: "7" }];
  assert.equal(hasFields(entry({ user: { ids: [3, 7] } }), fields), true);
  assert.equal(hasFields(entry({ user: { ids: [3] } }), fields), false);
  assert.equal(hasFields(entry({ "user.ids[1]": "7" }), fields), true);
  const on = toggleField(noFilter, fields[0]!);
  assert.deepEqual(on.fields, fields);
  assert.deepEqual(toggleField(on, fields[0]!), noFilter);
});

test("a value that its template renders narrows by template and text, so that the server looks for it", () => {
  const template = "user {user.id} did {what}";
  const seen = toggleSeenField(noFilter, { path: "user.id", value: "42" }, template);
  assert.deepEqual(serverFilterOf(seen), { template, q: "42" });
  assert.deepEqual(serverFilterOf(toggleSeenField(noFilter, { path: "trace", value: "c0ffee" }, template)), {});
  for (const value of ["76561198000000001234", "[1]", "{}", "two\nlines", "x".repeat(201)]) {
    assert.deepEqual(serverFilterOf(toggleSeenField(noFilter, { path: "what", value }, template)), { template });
  }
  assert.deepEqual(toggleSeenField(seen, { path: "user.id", value: "42" }, template), { ...noFilter, template });
});

test("every leaf is found again at its path", () =>
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.jsonValue({ noUnicodeString: true, maxDepth: 3 })),
      (fields) => {
        for (const { path, value } of leavesOf(fields)) {
          assert.deepEqual(valueAtPath(fields, path), value);
        }
      },
    ),
  ));

test("members of the prototype are no fields", () => {
  assert.equal(valueAtPath({}, "constructor.name"), undefined);
  assert.equal(valueAtPath({ a: {} }, "a.__proto__"), undefined);
});

test("control and direction characters become visible, everything else stays", () => {
  assert.equal(visibleText("\u001b[31mred\u001b[0m"), "␛[31mred␛[0m");
  assert.equal(visibleText("a\u202eb\r\u0000"), "a⟨U+202E⟩b␍␀");
  assert.equal(visibleText("tab\tline\nעברית 日本語 🎉"), "tab\tline\nעברית 日本語 🎉");
});

test("a folded row shows the first line, cut at its limit", () => {
  assert.equal(firstLine("one\r\ntwo"), "one");
  assert.equal(firstLine("x".repeat(5000)).length, 2001);
});

test("a match that a folded row would hide is shown in it", () => {
  assert.equal(lineWithMatch("Boom\n  at one\n  at needle (x)\nend", "NEEDLE"), "Boom … at needle (x)");
  assert.equal(lineWithMatch("a needle\nneedle", "needle"), "a needle");
  assert.match(lineWithMatch(`${"x".repeat(9000)}needle`, "needle"), /^x{120} … x{40}needle$/);
  assert.equal(lineWithMatch("nothing\nhere", "needle"), "nothing");
});

test("pieces join to the text, and each match reads as the needle in some case", () =>
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1, maxLength: 3 }), (text, needle) => {
      const pieces = piecesOf(text, needle);
      assert.equal(pieces.map((piece) => piece.text).join(""), text);
      for (const piece of pieces) if (piece.isMatch) assert.equal(piece.text.toLowerCase(), needle.toLowerCase());
    }),
  ));

test("frames of many languages are recognised, messages are not", () => {
  const frames = [
    "    at Handler.run (/srv/app.ts:4:2)",
    "\tat com.example.Service.call(Service.java:12)",
    '  File "/usr/lib/python3/x.py", line 3, in main',
    "\t... 12 more",
    "#3  0x00007f1c in main () at main.c:4",
    "[Callstack] 0x00007ff6 UnrealEditor-Core.dll!Assert()",
    "  0x00007ff6a1b2c3d4 UnrealEditor-Engine.dll!UWorld::Tick()",
  ];
  for (const frame of frames) assert.equal(isStackFrame(frame), true, frame);
  for (const message of ["at noon", "Loaded", "", "#4 done", "12: twelve", " indented"])
    assert.equal(isStackFrame(message), false, message);
});

test("a template falls into text and placeholders; doubled braces are text", () => {
  assert.deepEqual(templatePieces("{{x}} {a.b[0]} in {ms} ms"), [
    { text: "{{x}} ", isPlaceholder: false },
    { text: "{a.b[0]}", isPlaceholder: true },
    { text: " in ", isPlaceholder: false },
    { text: "{ms}", isPlaceholder: true },
    { text: " ms", isPlaceholder: false },
  ]);
});

test("platforms have one name for their many spellings, unknown ones keep theirs", () => {
  const names = ["Win64", "Windows NT", "darwin", "LinuxServer", "PS5", "XSX", "Android_ASTC", "TempleOS"].map((text) =>
    platformOf(text),
  );
  assert.deepEqual(names, [
    { name: "Windows", icon: "windows" },
    { name: "Windows", icon: "windows" },
    { name: "macOS", icon: "apple" },
    { name: "Linux", icon: "linux" },
    { name: "PS5", icon: "playstation" },
    { name: "Xbox Series", icon: "xbox" },
    { name: "Android", icon: "android" },
    { name: "TempleOS" },
  ]);
});

test("numbers, sizes and times read well", () => {
  assert.deepEqual([7, 9999, 12_345, 1_000_000, 2_500_000_000].map(compactCount), ["7", "9999", "12.3k", "1M", "2.5G"]);
  assert.equal(fullCount(1234567), "1\u202f234\u202f567");
  assert.deepEqual([0, 1536, 5 * 2 ** 30].map(sizeText), ["0 B", "1.5 KiB", "5 GiB"]);
  assert.deepEqual([850, 61_000, 3_600_000, 90_061_000].map(durationText), ["850ms", "1m 1s", "1h", "1d 1h"]);
  assert.deepEqual(
    [1000, 90_000, 7_200_000].map((back) => agoText(0, back)),
    ["just now", "1 min ago", "2 h ago"],
  );
  assert.equal(offsetText(3_723_004), "+1:02:03.004");
  assert.equal(offsetText(-5), "−0:00:00.005");
});

test("rows have 24 hours with milliseconds, in UTC and from the start of the session", () => {
  const timestamp = "2026-11-20T23:04:05.123456789Z";
  assert.equal(rowTime(timestamp, "utc", 0, false), "23:04:05.123");
  assert.equal(rowTime(timestamp, "utc", 0, true), "11-20 23:04:05.123");
  assert.equal(rowTime(timestamp, "relative", Date.parse("2026-11-20T23:00:00Z"), true), "+0:04:05.123");
});

test("a typed time is a date, a clock for today, or so long ago", () => {
  const nowMs = Date.parse("2026-11-20T12:00:00Z");
  assert.equal(tryParseTime("2026-11-19 08:30:01.5", true, nowMs), "2026-11-19T08:30:01.500Z");
  assert.equal(tryParseTime("8:30", true, nowMs), "2026-11-20T08:30:00.000Z");
  assert.equal(tryParseTime("-15m", true, nowMs), "2026-11-20T11:45:00.000Z");
  assert.equal(tryParseTime("2026-11-19", true, nowMs), "2026-11-19T00:00:00.000Z");
  assert.equal(tryParseTime("2026-11-19T08:30:00+02:00", true, nowMs), "2026-11-19T06:30:00.000Z");
  assert.equal(tryParseTime(" ", true, nowMs), "");
  for (const text of ["soon", "25:99", "2026-13-40 10:00", "15 parsecs"])
    assert.equal(tryParseTime(text, true, nowMs), undefined, text);
  assert.equal(typedTime("2026-11-19T08:30:01.500Z", true), "2026-11-19 08:30:01.500");
});

test("buckets that are picked make a range without the next bucket", () => {
  const range = rangeOfBuckets(Date.parse("2026-11-20T10:00:00Z"), 1000, 2, 3);
  assert.deepEqual(range, { since: "2026-11-20T10:00:02.000Z", until: "2026-11-20T10:00:03.999Z" });
});

test("numbers over time keep their lowest and highest when they are joined", () => {
  const entries = Array.from({ length: 1000 }, (_, index) => ({
    ...entry({ ms: index === 500 ? 9000 : 10, name: "x", text: "12" }),
    timestamp: new Date(Date.UTC(2026, 10, 20) + index * 10).toISOString(),
  }));
  assert.deepEqual(numericPaths(entries), ["ms", "text"]);
  const { times, highs, lows, count } = seriesOf(entries, "ms", 50);
  assert.equal(count, 1000);
  assert.equal(times.length, 50);
  assert.equal(Math.max(...highs), 9000);
  assert.equal(Math.min(...lows), 10);
});

test("printed JSON reads back, and long numbers keep their digits", () => {
  const value = { a: [1, "two", { b: null }], c: {}, d: [], e: true };
  const text = jsonTokens(value)
    .map((token) => token.text)
    .join("");
  assert.deepEqual(JSON.parse(text), value);
  assert.deepEqual(jsonTokens(new NumberLiteral("9007199254740993")), [{ kind: "number", text: "9007199254740993" }]);
});
