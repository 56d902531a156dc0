import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteColumn, textOf, utf8 } from "#src/base/bytes.ts";
import { outlineRowStride } from "#src/record/fields-outline.hot.ts";
import { FieldsGuide } from "#src/wire/fields-guide.hot.ts";
import { fault, JsonScanner } from "#src/wire/json-scan.hot.ts";
import { fieldObjects } from "../record/render-arbitrary.ts";

const runCount = process.env["TAILRACE_LONG"] === "1" ? 50_000 : 3000;

/** All that a scanner tells about the fields that it skipped. */
function toldOf(scanner: JsonScanner, json: string, guide?: FieldsGuide): object {
  const body = utf8(json);
  scanner.load(body, 0, body.length);
  scanner.spaced = true;
  const next = scanner.skipFields(scanner.begin, guide);
  if (next < 0) return { fault: scanner.fault, faultOffset: scanner.faultOffset };
  const { outline, spaced, memberCount } = scanner;
  const copy = new ByteColumn(64);
  scanner.copyValue(scanner.begin, next, copy);
  const members = { isWhole: outline.isWhole, rows: outline.isWhole ? rowsOf(scanner) : [] };
  return {
    fault: scanner.fault,
    size: next - scanner.begin,
    spaced,
    memberCount,
    copy: textOf(copy.bytes, 0, copy.length),
    ...members,
  };
}

function rowsOf({ outline: { rows, lastRow }, begin }: JsonScanner): number[][] {
  const members: number[][] = [];
  for (let row = outlineRowStride; row <= lastRow; row += outlineRowStride) {
    const [nameStart, nameKind, start, end] = rows.subarray(row, row + outlineRowStride) as unknown as [
      number,
      number,
      number,
      number,
    ];
    members.push([nameStart - begin, nameKind, start - begin, end === 0 ? 0 : end - Math.sign(end) * begin]);
  }
  return members;
}

/** A change of fields: a value, a name, white space, or something that breaks them. */
const changes: fc.Arbitrary<(json: string) => string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .constantFrom("7", '"v"', '"\\u00e9\\n"', "[1, [2]]", '[{"a":[]}]', "{}", '{"a":1}', "-0", "0.10", "1e5", "null")
      .map((value) => (json: string) => json.replace(/:(-?\d+|"[^"\\]*")(?=[,}])/, `:${value}`)),
  },
  { weight: 1, arbitrary: fc.constantFrom(" ", "\t", "\n").map((white) => (json: string) => json.replaceAll(",", `,${white}`)) },
  { weight: 1, arbitrary: fc.constantFrom(" ", "\n").map((white) => (json: string) => json.replace(":", `:${white}`)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(80), fc.constantFrom("", '"', "{", "]", ",", ":", "\\", "\u0000", "x", "-", ".")).map(
      ([at, byte]) =>
        (json: string) =>
          json.slice(0, at) + byte + json.slice(at + 1),
    ),
  },
  { weight: 6, arbitrary: fc.constant((json: string) => json) },
);

test("fields are told of in the same way with a guide and without", () => {
  let followed = 0;
  const guided = new JsonScanner();
  const alone = new JsonScanner();
  fc.assert(
    fc.property(
      fieldObjects,
      fc.array(fc.tuple(changes, fc.integer({ min: 1, max: 6 }), fc.boolean()), { minLength: 2, maxLength: 8 }),
      (first, steps) => {
        const guide = new FieldsGuide();
        for (const [change, depthMax, lineFeedIsWhite] of steps) {
          const json = change(first === "" ? "{}" : first);
          for (const scanner of [guided, alone]) {
            scanner.depthMax = depthMax;
            scanner.lineFeedIsWhite = lineFeedIsWhite;
            scanner.fault = fault.none;
          }
          const { number } = guide;
          assert.deepEqual(toldOf(guided, json, guide), toldOf(alone, json));
          assert.equal(guided.depthMax, depthMax);
          if (number !== 0 && guided.outline.guide === number) followed++;
        }
      },
    ),
    { numRuns: runCount },
  );
  assert.ok(followed > runCount / 4, `the guide was followed ${followed} times`);
});

test("outlines of one guide have the same members; a stray does not change it, two do", () => {
  const guide = new FieldsGuide();
  const scanner = new JsonScanner();
  const numberOf = (json: string) => {
    toldOf(scanner, json, guide);
    return scanner.outline.guide;
  };
  const first = numberOf('{"a":1,"b":{"c":"x"}}');
  assert.notEqual(first, 0);
  assert.equal(numberOf('{"a":[{"c":1}],"b":{"c":null}}'), first);
  assert.equal(numberOf('{"a":1,"b":{"d":"x"}}'), 0, "a stray");
  assert.equal(numberOf('{"a":2,"b":{"c":"y"}}'), first);
  assert.equal(numberOf('{"a":1,"b":{"d":"x"}}'), 0, "another stray");
  const second = numberOf('{"a":1,"b":{"e":"x"}}');
  assert.ok(second !== 0 && second !== first);
  assert.equal(numberOf('{"a":1,"b":{"e":"x"}}'), second);
  assert.equal(numberOf(`{"${"n".repeat(2000)}":1}`), 0);
  assert.equal(numberOf(`{"${"n".repeat(2000)}":1}`), 0, "what is too large is not learned");
});

test("a line feed that was white is not followed where it ends the text", () => {
  const guide = new FieldsGuide();
  const scanner = new JsonScanner();
  const json = '{"a":\n1}';
  for (const lineFeedIsWhite of [true, true, false]) {
    scanner.lineFeedIsWhite = lineFeedIsWhite;
    assert.equal("fault" in toldOf(scanner, json, guide) && scanner.fault, lineFeedIsWhite ? fault.none : fault.syntax);
  }
});
