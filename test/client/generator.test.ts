import assert from "node:assert/strict";
import { test } from "node:test";
import { editorLog, seededRandom } from "#src/client/generator.ts";

test("the same seed makes the same log, another seed another one", () => {
  const take = (seed: number) => Array.from({ length: 200 }, editorLog({ seed, structured: true }));
  assert.deepEqual(take(7), take(7));
  assert.notDeepEqual(take(7), take(8));
});

test("a structured entry says the same text as the plain one of the same seed", () => {
  const plain = editorLog({ seed: 3, structured: false });
  const structured = editorLog({ seed: 3, structured: true });
  for (let index = 0; index < 2000; index++) {
    const { format, fields, ...shared } = structured();
    assert.deepEqual(plain(), shared);
    assert.ok(format !== undefined && fields !== undefined && JSON.stringify(JSON.parse(fields)) === fields);
    assert.doesNotMatch(shared.message, /undefined/);
  }
});

test("the log has every level, text beyond ASCII and entries of several lines", () => {
  const next = editorLog({ seed: 1, structured: false });
  const entries = Array.from({ length: 20_000 }, next);
  assert.deepEqual([...new Set(entries.map((entry) => entry.level))].sort(), [
    "critical",
    "debug",
    "error",
    "info",
    "trace",
    "warn",
  ]);
  assert.ok(entries.some((entry) => entry.message.includes("\n")));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  assert.ok(entries.some((entry) => /[^\x00-\x7f]/.test(entry.message)));
  assert.ok(entries.every((entry, index) => index === 0 || entry.timeMs >= (entries[index - 1]?.timeMs ?? 0)));
});

test("seeded numbers fill [0, 1) evenly", () => {
  const random = seededRandom(42);
  const buckets = new Array<number>(10).fill(0);
  for (let index = 0; index < 100_000; index++) {
    const bucket = Math.floor(random() * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) assert.ok(Math.abs(count - 10_000) < 500, String(buckets));
});
