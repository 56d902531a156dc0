import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { Dictionary } from "#src/record/dictionary.hot.ts";
import { KnownStrings } from "#src/record/known-strings.hot.ts";
import { JsonScanner, TextSpan } from "#src/wire/json-scan.hot.ts";

/** What is done to a dictionary: a text to intern, a count to truncate to (in parts of 100), or clearing. */
const steps = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.string({ maxLength: 3 }) },
    { weight: 5, arbitrary: fc.stringMatching(/^Log[A-Z]{1,9}$/) },
    { weight: 1, arbitrary: fc.nat(100) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
  { maxLength: 400, size: "max" },
);

/** Does the steps to a dictionary and to a list, and compares every answer. */
function check(list: readonly (string | number | undefined)[], intern: (dictionary: Dictionary, text: string) => number): void {
  const dictionary = new Dictionary();
  let model: string[] = [];
  for (const step of list) {
    if (typeof step === "string") {
      if (!model.includes(step)) model.push(step);
      assert.equal(intern(dictionary, step), model.indexOf(step) + 1);
    } else if (step === undefined) {
      dictionary.clear();
      model = [];
    } else {
      model = model.slice(0, Math.floor((model.length * step) / 100));
      dictionary.truncate(model.length);
    }
    assert.equal(dictionary.count, model.length);
  }
  for (const [position, text] of model.entries()) {
    const bytes = utf8(text);
    assert.equal(dictionary.find(bytes, 0, bytes.length), position + 1);
    const kept = dictionary.bytes.bytes.subarray(dictionary.start(position + 1), dictionary.end(position + 1));
    assert.deepEqual(kept, bytes);
  }
}

test("strings keep their numbers whatever is taken back between", () => {
  const intern = (dictionary: Dictionary, text: string) => {
    const bytes = utf8(` ${text} `);
    return dictionary.intern(bytes, 1, bytes.length - 1);
  };
  fc.assert(
    fc.property(steps, (list) => check(list, intern)),
    { numRuns: 300 },
  );
});

test("strings that are recognized by their bytes get the same numbers", () => {
  const known = new KnownStrings();
  let found = 0;
  const intern = (dictionary: Dictionary, text: string) => {
    const bytes = utf8(`"${text}"${"\0".repeat(8)}`);
    const view = new DataView(bytes.buffer);
    const end = bytes.length - 9;
    // A string with a quote in it never stands like this in JSON.
    if (text.includes('"')) return dictionary.intern(bytes, 1, end);
    const slot = known.find(view, 1);
    if (slot >= 0) {
      found++;
      assert.equal(known.size, end - 1);
      return known.indexIn(dictionary, slot);
    }
    known.keep(view, 1, end, false);
    return dictionary.intern(bytes, 1, end);
  };
  fc.assert(
    fc.property(steps, (list) => check(list, intern)),
    { numRuns: 300 },
  );
  assert.ok(found > 0, "some were recognized");
});

test("a string is recognized whole, with the quote behind it", () => {
  const known = new KnownStrings();
  const viewOf = (text: string) => new DataView(utf8(`${text}${"\0".repeat(8)}`).buffer);
  known.keep(viewOf('LogStreaming"'), 0, 12, false);
  assert.ok(known.find(viewOf('LogStreaming","message"'), 0) >= 0);
  assert.equal(known.size, 12);
  for (const other of ['LogStreaminG"', 'LogStreaming2"', 'LogStreamin"', "LogStreaming", 'LogStreaming\\""', "LogStrea", ""])
    assert.equal(known.find(viewOf(other), 0), -1, other);
});

test("strings with escapes are recognized as they were sent, and mean what they stand for", () => {
  const pieces = fc.constantFrom("a", " {b}", "é", "\\n", '\\"', "\\\\", "\\/", "\\u00e9", "\\ud83d", "\\ude00", "😀");
  const scanner = new JsonScanner();
  const span = new TextSpan();
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 6 }), (sent) => {
      const body = utf8(`"${sent.join("")}"`);
      scanner.load(body, 0, body.length);
      const start = scanner.begin + 1;
      scanner.readString(start, span);
      const known = new KnownStrings();
      known.keep(scanner.view, start, scanner.end - 1, scanner.escaped);
      const slot = known.find(scanner.view, start);
      assert.ok(slot >= 0);
      const dictionary = new Dictionary();
      const index = dictionary.intern(span.bytes, span.start, span.end);
      assert.equal(known.indexIn(dictionary, slot), index);
      assert.equal(dictionary.count, 1);
    }),
  );
});

test("of many strings that are forgotten none is found", () => {
  const dictionary = new Dictionary();
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 20_000; index++) {
      const bytes = utf8(`name ${index * 7 + round}`);
      assert.equal(dictionary.intern(bytes, 0, bytes.length), index + 1);
    }
    dictionary.truncate(10);
    const known = utf8(`name ${7 * 9 + round}`);
    const gone = utf8(`name ${7 * 10 + round}`);
    assert.equal(dictionary.find(known, 0, known.length), 10);
    assert.equal(dictionary.find(gone, 0, gone.length), 0);
    dictionary.clear();
    assert.equal(dictionary.find(known, 0, known.length), 0);
  }
});
