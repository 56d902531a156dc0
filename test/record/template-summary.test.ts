import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { levelNames } from "#src/record/levels.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import { type TemplateCount, TemplateSummary } from "#src/record/template-summary.hot.ts";
import { blockOf, entriesArbitrary, type ModelEntry } from "./entries.ts";

const view = new BlockView();

function add(summary: TemplateSummary, entries: readonly ModelEntry[], firstSeq: number): void {
  view.openBlock(blockOf(entries, firstSeq), 0);
  summary.add(view, 0, entries.length);
}

function entry(template: string | undefined, level = 3): ModelEntry {
  return { timeNs: 0n, level, text: "", ...(template === undefined ? {} : { template }) };
}

/** The same over objects. */
function model(entries: readonly ModelEntry[]): TemplateCount[] {
  const counts = new Map<string, TemplateCount>();
  for (const [index, { template, level }] of entries.entries()) {
    if (template === undefined) continue;
    const count = counts.get(template) ?? { template, count: 0, levels: {}, first: index + 1, last: 0 };
    counts.set(template, count);
    count.count++;
    count.last = index + 1;
    const name = levelNames[level] ?? "";
    if (name !== "") count.levels[name] = (count.levels[name] ?? 0) + 1;
  }
  return [...counts.values()].sort((one, other) => other.count - one.count || one.first - other.first);
}

test("entries are counted by template and level, with first and last seq, over blocks in any order", () => {
  fc.assert(
    fc.property(entriesArbitrary, entriesArbitrary, fc.boolean(), (one, other, isBackward) => {
      const summary = new TemplateSummary(1000);
      if (isBackward) add(summary, other, one.length + 1);
      add(summary, one, 1);
      if (!isBackward) add(summary, other, one.length + 1);
      assert.deepEqual(summary.result(), model([...one, ...other]));
      assert.equal(summary.otherCount, 0);
    }),
    { numRuns: 500 },
  );
});

test("only the entries that are asked for count", () => {
  const summary = new TemplateSummary(10);
  const entries = [entry("a"), entry("b", 4), entry("a", 0), entry("a")];
  view.openBlock(blockOf(entries, 2 ** 40), 0);
  summary.add(view, 1, 3);
  assert.deepEqual(summary.result(), [
    { template: "b", count: 1, levels: { warn: 1 }, first: 2 ** 40 + 1, last: 2 ** 40 + 1 },
    { template: "a", count: 1, levels: {}, first: 2 ** 40 + 2, last: 2 ** 40 + 2 },
  ]);
});

test("templates beyond the count are counted together", () => {
  const summary = new TemplateSummary(100);
  const entries = Array.from({ length: 250 }, (_, index) => entry(`template ${index}`));
  add(summary, entries, 1);
  add(summary, entries, 251);
  assert.equal(summary.result().length, 100);
  assert.deepEqual(summary.result()[99], { template: "template 99", count: 2, levels: { info: 2 }, first: 100, last: 350 });
  assert.equal(summary.otherCount, 300);
});

test("templates beyond the bytes are counted together", () => {
  const summary = new TemplateSummary(100, 1000);
  add(summary, [entry("x".repeat(900)), entry("y".repeat(900)), entry("z"), entry(undefined)], 1);
  assert.deepEqual(
    summary.result().map(({ template }) => template.length),
    [900, 1],
  );
  assert.equal(summary.otherCount, 1);
});
