import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import type { ModelEntry } from "../record/entries.ts";
import { decodeIn, entriesIn, entryIn, gist, plainRenderer, refusalIn, rowsOf } from "./decoding.ts";
import { entryText, objectTokens, stringLiteral, textOfTokens, valueTokens } from "./json-arbitrary.ts";
import { parseNode, readEntry } from "./json-model.ts";

const how = { renderer: plainRenderer };
const isLong = process.env["TAILRACE_LONG"] === "1";
const numRuns = isLong ? 200_000 : 4000;

test("an entry decodes like a slow reader of parsed JSON reads it", () => {
  fc.assert(
    fc.property(entryText, (json) => {
      const expected = readEntry(json);
      const columns = new EntryColumns();
      const refusal = decodeIn(columns, bodyKind.ndjson, json, how);
      if (typeof expected === "string") {
        assert.deepEqual(refusal && gist(refusal), { code: "invalid_entry", index: 0, field: expected });
      } else {
        assert.equal(refusal, undefined);
        assert.deepEqual(rowsOf(columns), [expected]);
      }
    }),
    { numRuns },
  );
});

test("entries are the same in every JSON form, and the first that is wrong is named", () => {
  fc.assert(
    fc.property(fc.array(entryText, { maxLength: 6 }), (texts) => {
      const expected = texts.map(readEntry);
      const wrong = expected.findIndex((entry) => typeof entry === "string");
      const array = `[${texts.join(",")}]`;
      for (const [kind, body] of [
        [bodyKind.json, array],
        [bodyKind.json, `{"a":[{}],"entries":${array}}`],
        [bodyKind.ndjson, texts.join("\n")],
      ] as const) {
        if (wrong < 0) assert.deepEqual(entriesIn(kind, body, how), expected as ModelEntry[]);
        else assert.deepEqual(gist(refusalIn(kind, body, how)), { code: "invalid_entry", index: wrong, field: expected[wrong] });
      }
    }),
    { numRuns: numRuns / 4 },
  );
});

test("fields keep their order and every digit, whatever they are", () => {
  fc.assert(
    fc.property(textOfTokens(objectTokens), textOfTokens(valueTokens), (fields, other) => {
      const compact = parseNode(fields).raw;
      assert.equal(entryIn(`{"fields":${fields},"message":""}`).fields, compact);
      const expected =
        compact === "{}" ? `{"o":${parseNode(other).raw}}` : `${compact.slice(0, -1)},"o":${parseNode(other).raw}}`;
      assert.equal(entryIn(`{"message":"","o":${other},"fields":${fields}}`).fields, expected);
    }),
    { numRuns: numRuns / 2 },
  );
});

test("text comes back as JSON.parse reads it", () => {
  fc.assert(
    fc.property(stringLiteral, stringLiteral, (first, second) => {
      const entry = entryIn(`{"message":${first},"logger":${second}}`);
      assert.deepEqual([entry.text, entry.logger], [JSON.parse(first), JSON.parse(second)]);
    }),
    { numRuns },
  );
});

test("a JSON text is taken exactly when JSON.parse takes it", () => {
  const edits = fc.array(
    fc.record({
      at: fc.nat(200),
      size: fc.nat(3),
      text: fc.constantFrom("", '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "t", "\n", "\u0001"),
    }),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(textOfTokens(valueTokens), edits, (value, changes) => {
      let edited = value;
      for (const { at, size, text } of changes) {
        const place = at % (edited.length + 1);
        edited = edited.slice(0, place) + text + edited.slice(place + size);
      }
      const json = `{"message":"","value":${edited}}`;
      const refusal = decodeIn(new EntryColumns(), bodyKind.json, json, how);
      assert.equal(refusal?.code === "invalid_json", !parses(json), json);
    }),
    { numRuns: numRuns * 2 },
  );
});

function parses(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
