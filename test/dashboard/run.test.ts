/** Runs of entries, their rows, and the scroll range around them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { rowsOf, seqRangeOf, traceAround } from "#dashboard/model/rows.ts";
import { Run, rowOf } from "#dashboard/model/run.ts";
import { idealBase, placeOutside, rebaseBy, spacerSize, spacerSizePxMax } from "#dashboard/model/scroll-map.ts";

const rowsFor = (seqs: readonly number[], message = "m") =>
  seqs.map((seq) => rowOf({ seq, timestamp: "2026-11-20T10:00:00Z", message }));
const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
const keysOf = (run: Run) => run.rows.map((row) => row.key);
const nothing: ReadonlySet<number> = new Set();

test("a run that grows at both ends, is trimmed and hears things twice has every entry once and in order", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("newer" as const), count: fc.integer({ min: 0, max: 20 }), again: fc.nat(5) }),
    fc.record({ kind: fc.constant("older" as const), count: fc.integer({ min: 0, max: 20 }), again: fc.nat(5) }),
    fc.record({ kind: fc.constantFrom("oldest" as const, "newest" as const), count: fc.integer({ min: 1, max: 40 }) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const run = new Run();
      run.reset(1000);
      for (const each of steps) {
        if (each.kind === "newer")
          run.append(rowsFor(range(run.high + 1 - each.again, run.high + each.count)), run.high + each.count);
        else if (each.kind === "older") {
          const low = run.low - each.count;
          run.prepend(rowsFor(range(low + 1, run.low + each.again)), low);
        } else if (each.kind === "oldest") run.trimOldest(each.count);
        else run.trimNewest(each.count);
        assert.deepEqual(keysOf(run), range(run.low + 1, run.high));
      }
    }),
  );
});

test("the seq of an entry is found, or that of the next one", () => {
  const run = new Run();
  run.reset(0);
  run.append(rowsFor([3, 7, 9]), 12);
  assert.deepEqual(
    [1, 3, 4, 9, 10].map((seq) => run.indexOf(seq)),
    [0, 0, 1, 2, 3],
  );
});

test("a gap has a row at its place and counts as seen", () => {
  const run = new Run();
  run.reset(10);
  run.append(rowsFor([11, 12]), 12);
  run.addGap({ from: 1, to: 10, reason: "expired" });
  run.addGap({ from: 13, to: 20, reason: "slow" });
  run.append(rowsFor([21]), 21);
  assert.deepEqual([run.low, run.high], [0, 21]);
  const shown = rowsOf(run, "oldest", nothing).map((row) => ({ kind: row.kind, ...seqRangeOf(row) }));
  assert.deepEqual(shown, [
    { kind: "gap", low: 1, high: 10 },
    { kind: "entry", low: 11, high: 11 },
    { kind: "entry", low: 12, high: 12 },
    { kind: "gap", low: 13, high: 20 },
    { kind: "entry", low: 21, high: 21 },
  ]);
  assert.deepEqual(
    rowsOf(run, "newest", nothing).map((row) => seqRangeOf(row).low),
    [21, 13, 12, 11, 1],
  );
});

test("a stack trace that came line by line is one row until it is unfolded", () => {
  const run = new Run();
  run.reset(0);
  run.append([...rowsFor([1], "Exception"), ...rowsFor([2, 3, 4, 5], "\tat a.b(C.java:1)"), ...rowsFor([6], "next")], 6);
  const kinds = (unfolded: ReadonlySet<number>) => rowsOf(run, "oldest", unfolded).map((row) => row.kind);
  assert.deepEqual(kinds(nothing), ["entry", "fold", "entry"]);
  assert.deepEqual(kinds(new Set([4])), ["entry", "entry", "entry", "entry", "entry", "entry"]);
  const counts = rowsOf(run, "oldest", new Set([4])).map((row) => (row.kind === "entry" ? row.frameCount : -1));
  assert.deepEqual(counts, [undefined, 4, undefined, undefined, undefined, undefined], "its first frame can fold it");
  assert.deepEqual(traceAround(run.rows, 4), { low: 2, high: 5 });
  assert.deepEqual(traceAround(run.rows, 6), { low: 6, high: 6 });
});

const stretches = fc.record({
  before: fc.integer({ min: 0, max: 300_000_000 }),
  window: fc.integer({ min: 1000, max: 200_000 }),
  after: fc.integer({ min: 0, max: 300_000_000 }),
});

test("the scroll range is never larger than browsers take, and true to the pixel while it fits", () =>
  fc.assert(
    fc.property(stretches, (stretch) => {
      const size = spacerSize(stretch, idealBase(stretch));
      assert.ok(size <= spacerSizePxMax + 1);
      const whole = stretch.before + stretch.window + stretch.after;
      if (whole <= spacerSizePxMax) assert.equal(size, whole);
    }),
  ));

test("both ends of the range mean both ends of the stream, when the view was dragged there", () =>
  fc.assert(
    fc.property(stretches, (stretch) => {
      const base = idealBase(stretch);
      const height = 400;
      const top = placeOutside(stretch, base, { top: 0, height }, true);
      if (stretch.before > 0) assert.deepEqual(top, { side: "before", fraction: 0 });
      const bottom = placeOutside(stretch, base, { top: spacerSize(stretch, base) - height, height }, true);
      if (stretch.after > 0 && base > 0) assert.deepEqual(bottom, { side: "after", fraction: 0 });
    }),
  ));

test("a drag points at a place in proportion", () => {
  const stretch = { before: 100_000, window: 10_000, after: 100_000 };
  assert.deepEqual(placeOutside(stretch, 100_000, { top: 50_000, height: 400 }, true), { side: "before", fraction: 0.5 });
  const place = placeOutside(stretch, 100_000, { top: 159_800, height: 400 }, true);
  assert.equal(place?.side, "after");
  assert.ok(Math.abs((place?.fraction ?? 0) - 0.5) < 0.01);
  assert.equal(placeOutside(stretch, 100_000, { top: 105_000, height: 400 }, true), undefined);
});

test("rows never end up where the range cannot reach them", () =>
  fc.assert(
    fc.property(stretches, fc.integer({ min: -50_000, max: 400_000 }), (stretch, base) => {
      const settled = base + rebaseBy(stretch, base, { top: Math.max(0, base), height: 400 }, true);
      assert.ok(settled >= 0);
      if (stretch.before === 0) assert.equal(settled, 0);
    }),
  ));
