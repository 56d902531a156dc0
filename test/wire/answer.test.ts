import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteColumn, tryTextOf, utf8 } from "#src/base/bytes.ts";
import { levelNames } from "#src/record/levels.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { type EntryWriter, JsonWriter } from "#src/wire/answer.hot.ts";
import { CsvWriter, csvHeader } from "#src/wire/answer-csv.hot.ts";
import { TextWriter } from "#src/wire/answer-text.hot.ts";
import { blockOf, entriesArbitrary, type ModelEntry } from "../record/entries.ts";

const runs = { numRuns: 300 };
const unlimited = Number.POSITIVE_INFINITY;

/** Returns what `writer` makes of the entries; it must be UTF-8. */
function written(writer: EntryWriter, entries: readonly ModelEntry[], firstSeq: number): string {
  const target = new ByteColumn(16);
  const view = new BlockView().openBlock(blockOf(entries, firstSeq), 0);
  assert.equal(writer.append(view, undefined, 0, view.count, target, unlimited), view.count);
  const text = tryTextOf(target.bytes, 0, target.length);
  assert.notEqual(text, undefined, "the answer is UTF-8");
  return text as string;
}

/** ISO text of int64 nanoseconds with 3, 6 or 9 decimals, the slow way. */
function isoOf(timeNs: bigint): string {
  const nanos = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (timeNs - nanos) / 1_000_000_000n;
  const digits = nanos.toString().padStart(9, "0");
  const shown = digits.endsWith("000000") ? digits.slice(0, 3) : digits.endsWith("000") ? digits.slice(0, 6) : digits;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${shown}Z`;
}

function modelOf(entry: ModelEntry, seq: number): unknown {
  return {
    seq,
    timestamp: isoOf(entry.timeNs),
    ...(entry.level > 0 && { level: levelNames[entry.level] }),
    ...(entry.logger !== undefined && { logger: entry.logger }),
    message: entry.text,
    ...(entry.template !== undefined && { format: entry.template }),
    ...(entry.fields !== undefined && { fields: JSON.parse(entry.fields) }),
  };
}

const seqs = fc.oneof(
  fc.integer({ min: 1, max: 2 ** 53 - 100 }),
  fc.integer({ min: 1, max: 120 }),
  fc.integer({ min: 999_999_950, max: 1_000_000_050 }),
);

test("JSON items parse back to the entries, in order of members", () => {
  const writer = new JsonWriter(false);
  fc.assert(
    fc.property(entriesArbitrary, seqs, (entries, firstSeq) => {
      const items = JSON.parse(`[${written(writer, entries, firstSeq)}]`);
      const model = entries.map((entry, index) => modelOf(entry, firstSeq + index));
      assert.equal(JSON.stringify(items), JSON.stringify(model));
    }),
    runs,
  );
});

test("NDJSON has one object on each line", () => {
  const writer = new JsonWriter(true);
  fc.assert(
    fc.property(entriesArbitrary, seqs, (entries, firstSeq) => {
      const lines = written(writer, entries, firstSeq).split("\n");
      assert.equal(lines.pop(), "");
      const model = entries.map((entry, index) => modelOf(entry, firstSeq + index));
      assert.deepEqual(
        lines.map((line) => JSON.parse(line)),
        model,
      );
    }),
    runs,
  );
});

test("JSON keeps fields byte for byte and escapes what RFC 8259 asks for", () => {
  const entry = {
    timeNs: 0n,
    level: 0,
    text: 'a"b\\c\u0001\n\t\b\f\r\u007f\u2028\ud800',
    fields: '{"n":1.10,"n":1E5,"s":"\\u00e9"}',
  };
  const line = written(new JsonWriter(false), [entry], 1);
  const message = 'a\\"b\\\\c\\u0001\\n\\t\\b\\f\\r\u007f\u2028\\ud800';
  assert.equal(
    line,
    `{"seq":1,"timestamp":"1970-01-01T00:00:00.000Z","message":"${message}","fields":{"n":1.10,"n":1E5,"s":"\\u00e9"}}`,
  );
});

test("times have 3, 6 or 9 decimals, as many as needed, over the whole range", () => {
  const cases: [bigint, string][] = [
    [1_795_168_800_123_000_000n, "2026-11-20T10:00:00.123Z"],
    [1_795_168_800_123_400_000n, "2026-11-20T10:00:00.123400Z"],
    [1_795_168_800_000_000_001n, "2026-11-20T10:00:00.000000001Z"],
    [-1n, "1969-12-31T23:59:59.999999999Z"],
    [-(2n ** 63n), "1677-09-21T00:12:43.145224192Z"],
    [2n ** 63n - 1n, "2262-04-11T23:47:16.854775807Z"],
    [951_782_400_000_000_000n, "2000-02-29T00:00:00.000Z"],
  ];
  const entries = cases.map(([timeNs]) => ({ timeNs, level: 0, text: "" }));
  const lines = written(new JsonWriter(true), entries, 1).trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).timestamp),
    cases.map(([, text]) => text),
  );
});

test("every alignment of a special byte in a message is escaped", () => {
  const writer = new JsonWriter(true);
  const entries: ModelEntry[] = [];
  for (const special of ['"', "\\", "\n", "\u0000", "\u001f", "Ä", "日", "😀", "\ud800", "\udfff", "\ud7ff", "\ue000"]) {
    for (let size = 0; size < 20; size++) {
      for (let at = 0; at <= size; at++)
        entries.push({ timeNs: 5n, level: 1, text: "x".repeat(at) + special + "~".repeat(size - at) });
    }
  }
  const lines = written(writer, entries, 1).trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message),
    entries.map((entry) => entry.text),
  );
});

test("text lines leave out what an entry does not have", () => {
  const timeNs = 1_795_168_800_123_999_999n;
  const entries: ModelEntry[] = [
    { timeNs, level: 3, logger: "LogHttp", text: "message" },
    { timeNs, level: 0, logger: "LogHttp", text: "no level" },
    { timeNs, level: 6, text: "no logger" },
    { timeNs: timeNs + 1_000_000_000n, level: 0, text: "lone \ud800." },
  ];
  const expected = [
    "[2026-11-20 10:00:00.123] [info] [LogHttp] message",
    "[2026-11-20 10:00:00.123] [LogHttp] no level",
    "[2026-11-20 10:00:00.123] [critical] no logger",
    "[2026-11-20 10:00:01.123] lone \ufffd.",
    "",
  ];
  assert.equal(written(new TextWriter(), entries, 1), expected.join("\n"));
});

test("text lines carry any message", () => {
  const writer = new TextWriter();
  fc.assert(
    fc.property(entriesArbitrary, (entries) => {
      const text = written(writer, entries, 1);
      const model = entries.map((entry) => {
        const time = isoOf(entry.timeNs).slice(0, 23).replace("T", " ");
        const level = entry.level > 0 ? `[${levelNames[entry.level]}] ` : "";
        const logger = entry.logger === undefined ? "" : `[${entry.logger}] `;
        return wellFormed(`[${time}] ${level}${logger}${entry.text}\n`);
      });
      assert.equal(text, model.join(""));
    }),
    runs,
  );
});

test("CSV parses back to the entries", () => {
  const writer = new CsvWriter();
  assert.equal(new TextDecoder().decode(csvHeader), "seq,timestamp,level,logger,message,format,fields\r\n");
  fc.assert(
    fc.property(entriesArbitrary, seqs, (entries, firstSeq) => {
      const rows = parseCsv(written(writer, entries, firstSeq));
      const model = entries.map((entry, index) =>
        [
          String(firstSeq + index),
          isoOf(entry.timeNs),
          levelNames[entry.level] as string,
          entry.logger ?? "",
          entry.text,
          entry.template ?? "",
          entry.fields ?? "",
        ].map(wellFormed),
      );
      assert.deepEqual(rows, model);
    }),
    runs,
  );
});

test("chosen entries are written in the order of their indexes, and writing stops at the limit", () => {
  const entries = Array.from({ length: 10 }, (_, index) => ({ timeNs: 0n, level: 0, text: `m${index}` }));
  const view = new BlockView().openBlock(blockOf(entries, 11), 0);
  const writer = new JsonWriter(true);
  const target = new ByteColumn(0);
  const indexes = Uint32Array.from([1, 3, 8, 9]);
  assert.equal(writer.append(view, indexes, 1, 4, target, unlimited), 4);
  const messages = () =>
    new TextDecoder()
      .decode(target.bytes.subarray(0, target.length))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  assert.deepEqual(
    messages().map((entry) => [entry.seq, entry.message]),
    [
      [14, "m3"],
      [19, "m8"],
      [20, "m9"],
    ],
  );
  target.length = 0;
  assert.equal(writer.append(view, indexes, 0, 4, target, 80), 2);
  assert.deepEqual(
    messages().map((entry) => entry.seq),
    [12, 14],
  );
});

/** Returns the text with U+FFFD for lone surrogates. */
function wellFormed(text: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(utf8(text));
}

/** Reads RFC 4180 text: quoted values, doubled quotes, CRLF. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    let value = "";
    if (text[at] === '"') {
      for (at++; text[at] !== '"' || text[at + 1] === '"'; at++) {
        if (text[at] === '"') at++;
        value += text[at];
      }
      at++;
    } else {
      while (text[at] !== "," && text[at] !== "\r") value += text[at++];
    }
    row.push(value);
    if (text[at] === ",") {
      at++;
    } else {
      assert.equal(text.slice(at, at + 2), "\r\n");
      at += 2;
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
