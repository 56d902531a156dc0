import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileFilter, type FilterSpec, type TimeWords } from "#src/record/filter.hot.ts";
import { foldClassOf } from "#src/record/fold.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { blockOf, entriesArbitrary, entryArbitrary, type ModelEntry, textArbitrary } from "./entries.ts";

const view = new BlockView();

function selected(spec: FilterSpec, entries: readonly ModelEntry[], from = 0, to = entries.length, offset = 0): number[] {
  const target = new Uint32Array(to - from);
  view.openBlock(blockOf(entries, 1, offset), offset);
  return [...target.subarray(0, compileFilter(spec).select(view, from, to, target))];
}

function words(timeNs: bigint): TimeWords {
  return { low: Number(BigInt.asIntN(32, timeNs)), high: Number(timeNs >> 32n) };
}

interface ModelSpec {
  levelMin?: number;
  logger?: string;
  template?: string;
  q?: string;
  sinceNs?: bigint;
  untilNs?: bigint;
}

function matches(spec: ModelSpec, entry: ModelEntry): boolean {
  if (spec.levelMin !== undefined && entry.level < spec.levelMin) return false;
  if (spec.logger !== undefined && entry.logger !== spec.logger) return false;
  if (spec.template !== undefined && entry.template !== spec.template) return false;
  if (spec.q !== undefined && !holds(entry.text, spec.q)) return false;
  if (spec.sinceNs !== undefined && entry.timeNs < spec.sinceNs) return false;
  return spec.untilNs === undefined || entry.timeNs <= spec.untilNs;
}

/** The engine's own patterns fold case as Unicode's simple case folding. */
function holds(text: string, q: string): boolean {
  const pattern = [...q].map((character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`).join("");
  return new RegExp(pattern, "iu").test(text);
}

function specOf(spec: ModelSpec): FilterSpec {
  const { sinceNs, untilNs, ...rest } = spec;
  return {
    ...rest,
    ...(sinceNs !== undefined && { since: words(sinceNs) }),
    ...(untilNs !== undefined && { until: words(untilNs) }),
  };
}

const times = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 1_700_000_000_000_000_000n, max: 1_700_000_000_000_000_999n }),
);

/** A batch and a filter made of what is in it as often as not. */
const cases = entriesArbitrary.chain((entries) => {
  const some = entries.length === 0 ? entryArbitrary : fc.constantFrom(...entries);
  const part = some.chain(({ text }) =>
    fc.tuple(fc.nat(text.length), fc.nat(6)).map(([start, size]) => text.slice(start, start + size) || "x"),
  );
  return fc.record({
    entries: fc.constant(entries),
    from: fc.nat(entries.length),
    offset: fc.nat(3).map((count) => count * 8),
    spec: fc.record(
      {
        levelMin: fc.integer({ min: 1, max: 6 }),
        logger: fc.oneof(
          some.map((entry) => entry.logger ?? "LogHttp"),
          textArbitrary,
        ),
        template: fc.oneof(
          some.map((entry) => entry.template ?? "{x}"),
          textArbitrary,
        ),
        q: fc.oneof(part, part.map(swapCase), textArbitrary, fc.constantFrom("", "k", "S", "ß", "é", "ÄS")),
        sinceNs: fc.oneof(
          some.map((entry) => entry.timeNs),
          times,
        ),
        untilNs: fc.oneof(
          some.map((entry) => entry.timeNs),
          times,
        ),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  });
});

function swapCase(text: string): string {
  return [...text]
    .map((character) => (character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase()))
    .join("");
}

test("a filter chooses the entries that an obvious model chooses", () => {
  fc.assert(
    fc.property(cases, ({ entries, from, offset, spec }) => {
      const model = entries.flatMap((entry, index) => (index >= from && matches(spec, entry) ? [index] : []));
      assert.deepEqual(selected(specOf(spec), entries, from, entries.length, offset), model);
    }),
    { numRuns: 3000 },
  );
});

test("a header that rules a block out never rules out a match", () => {
  let ruledOut = 0;
  fc.assert(
    fc.property(cases, ({ entries, spec }) => {
      view.openBlock(blockOf(entries), 0);
      if (compileFilter(specOf(spec)).mayMatch(view)) return;
      ruledOut++;
      assert.ok(!entries.some((entry) => matches(spec, entry)));
    }),
    { numRuns: 500 },
  );
  assert.ok(ruledOut > 0);
});

test("an ASCII text is found at every alignment, at both ends, in any case and never across two messages", () => {
  for (const needle of ["x", "xy", "QZ", "Time-Out", "connection reset by peer", "a@[`{", "\u0001\u007f"]) {
    for (let before = 0; before < 12; before++) {
      for (let behind = 0; behind < 10; behind++) {
        const cut = Math.floor(needle.length / 2);
        const texts = [
          "#".repeat(before) + needle.toUpperCase() + "#".repeat(behind),
          `#${needle.slice(0, cut)}`,
          `${needle.slice(cut)}##`,
        ];
        const entries = texts.map((text) => ({ timeNs: 0n, level: 3, text }));
        const expected = texts.flatMap((text, index) => (holds(text, needle) ? [index] : []));
        assert.deepEqual(selected({ q: needle }, entries), expected);
        assert.deepEqual(
          selected({ q: needle }, entries, 1, 3),
          expected.filter((index) => index >= 1),
        );
      }
    }
  }
});

test("bits that differ between other characters than letters are no difference of case", () => {
  const pairs = ["@`", "[{", "\\|", "]}", "^~", "_\u007f", "0\u0010", "!\u0001"];
  for (const pair of pairs) {
    const entries = [...pair].map((text) => ({ timeNs: 0n, level: 0, text: `--------${text}--------` }));
    assert.deepEqual(selected({ q: pair[0] as string }, entries), [0]);
    assert.deepEqual(selected({ q: `-${pair[1]}-` }, entries), [1]);
  }
});

test("case is folded in every script, one character for one", () => {
  const same: [string, string][] = [
    ["GRÖSSE", "größe".replace("ß", "ss")],
    ["ОШИБКА", "ошибка"],
    ["Σίσυφος", "σΊΣΥΦΟΣ"],
    ["K", "k"],
    ["ſ", "S"],
    ["straẞe", "STRAßE"],
    ["ⱥ", "Ⱥ"],
    ["𐐀", "𐐨"],
  ];
  const different: [string, string][] = [
    ["straße", "strasse"],
    ["İ", "i"],
    ["ı", "I"],
    ["日", "本"],
  ];
  const found = (text: string, q: string) => selected({ q }, [{ timeNs: 0n, level: 0, text: `... ${text} ...` }]).length === 1;
  for (const [text, q] of same) {
    assert.ok(found(text, q), `${q} in ${text}`);
    assert.ok(found(q, text), `${text} in ${q}`);
  }
  for (const [text, q] of different) assert.ok(!found(text, q), `${q} not in ${text}`);
});

test("fold classes are those of Unicode's simple case folding for every character", () => {
  const cased = /\p{Changes_When_Casemapped}/u;
  for (let code = 0; code < 0x20000; code += code < 0x3000 ? 1 : 7) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    const others = foldClassOf(character);
    assert.ok(others.includes(character));
    if (!cased.test(character)) assert.equal(others.length, 1);
    for (const other of others) assert.ok(holds(other, character));
  }
});

test("filters that choose the same have the same key", () => {
  assert.equal(compileFilter({ q: "Error" }).key, compileFilter({ q: "eRROR" }).key);
  assert.notEqual(compileFilter({ q: "error" }).key, compileFilter({ logger: "error" }).key);
  assert.notEqual(compileFilter({ levelMin: 3 }).key, compileFilter({ levelMin: 4 }).key);
  assert.ok(compileFilter({ q: "" }).isEmpty);
  assert.ok(!compileFilter({ until: words(0n) }).isEmpty);
});
