/** What stored batches are answered, beside the same answers made by JSON.stringify. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { textOf } from "#src/base/bytes.ts";
import { appendAck, appendAnswer } from "#src/wire/append-answer.hot.ts";

const seed = Number(process.env["TAILRACE_SEED"] ?? 1);
/** Each number of digits is as likely as the others. */
const natural = fc
  .tuple(fc.integer({ min: 0, max: 53 }), fc.maxSafeNat())
  .map(([bits, value]) => Math.floor(value / 2 ** (53 - bits)));
const answers = fc.record({
  ref: fc.option(natural, { nil: undefined }),
  first: natural.map((value) => Math.max(1, Math.floor(value / 2))),
  count: fc.oneof(
    fc.constantFrom(0, 1),
    natural.map((value) => Math.floor(value / 4)),
  ),
  synced: fc.boolean(),
  duplicate: fc.boolean(),
});

test("an answer says what JSON.stringify would, whichever was made before it", () => {
  const samples = fc.sample(answers, { numRuns: 50_000, seed });
  for (const { ref, first, count, synced, duplicate } of samples) {
    const expected = JSON.stringify({
      ...(ref === undefined ? {} : { type: "ack", ref }),
      ...(count > 0 ? { first } : {}),
      cursor: first + count - 1,
      count,
      ack: synced ? "synced" : "written",
      ...(duplicate ? { duplicate: true } : {}),
    });
    const made =
      ref === undefined ? appendAnswer(first, count, synced, duplicate) : appendAck(ref, first, count, synced, duplicate);
    assert.equal(textOf(made), expected);
  }
});

test("numbers on both sides of each power of ten are written whole", () => {
  for (let power = 1; power < 2 ** 53; power *= 10) {
    for (const number of [power - 1, power, power + 1]) {
      if (number < 1) continue;
      assert.equal(
        textOf(appendAck(number, number, 1, false, false)),
        `{"type":"ack","ref":${number},"first":${number},"cursor":${number},"count":1,"ack":"written"}`,
      );
    }
  }
});
