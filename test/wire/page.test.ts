import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#src/config.ts";
import { compileFilter, type Filter } from "#src/record/filter.hot.ts";
import { BlockView } from "#src/record/scan.hot.ts";
import type { EntryObject } from "#src/wire/api.ts";
import { entriesOfFrame } from "#src/wire/entry-objects.ts";
import { type DeltaFrame, readDeltaFrame } from "#src/wire/frame.ts";
import { type Page, PageBuilder, type PageFormat, type PageRequest, pageBody, pageHeaders } from "#src/wire/page.ts";
import { blockOf, entriesArbitrary, type ModelEntry } from "../record/entries.ts";

const firstSeq = 11;
const builder = new PageBuilder();
const view = new BlockView();

/** Cuts entries into blocks at the given places; the first has seq `firstSeq`. */
function blocksOf(entries: readonly ModelEntry[], cuts: readonly number[]): Uint8Array[] {
  const edges = [...new Set([0, ...cuts.filter((cut) => cut <= entries.length), entries.length])].sort((a, b) => a - b);
  return edges.slice(1).map((end, index) => blockOf(entries.slice(edges[index], end), firstSeq + (edges[index] as number)));
}

/** Feeds a page as a reader would. */
function pageOf(blocks: readonly Uint8Array[], request: PageRequest, memory?: Uint8Array<ArrayBuffer>): Page {
  builder.begin(request, memory);
  const ordered = request.direction === "after" ? blocks : [...blocks].reverse();
  if (!builder.isFull) for (const block of ordered) if (!builder.addBlock(view.openBlock(block, 0))) break;
  const page = builder.finish();
  return memory === undefined ? { ...page, entries: page.entries.slice() } : page;
}

function seqsOf(page: Page): number[] {
  return objectsOf(page).map((entry) => entry.seq);
}

function objectsOf(page: Page): EntryObject[] {
  const body = pageBody(page, { id: "0123456789abcdef01234567", head: 500, first: firstSeq });
  if (page.format === "flatbuffers") return entriesOfFrame(body, readDeltaFrame(body) as DeltaFrame);
  const text = new TextDecoder().decode(body);
  if (page.format === "json") return JSON.parse(text).entries;
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

const requests = fc.record({
  direction: fc.constantFrom<PageRequest["direction"]>("after", "before"),
  position: fc.integer({ min: firstSeq - 1, max: firstSeq + 62 }),
  limit: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(limits.pageEntryCountMax)),
  filter: fc.option(
    fc.integer({ min: 1, max: 6 }).map((levelMin) => compileFilter({ levelMin })),
    { nil: undefined },
  ),
});
const cuts = fc.array(fc.nat(60), { maxLength: 12 });

/** The seqs that a page must hold. */
function modelSeqs(entries: readonly ModelEntry[], request: Omit<PageRequest, "format">, levelMin: number): number[] {
  const { direction, position, limit } = request;
  const matching = entries.flatMap((entry, index) => (entry.level >= levelMin ? [firstSeq + index] : []));
  const wanted = matching.filter((seq) => (direction === "after" ? seq > position : seq < position));
  if (limit === 0) return [];
  return direction === "after" ? wanted.slice(0, limit) : wanted.slice(-limit);
}

function levelMinOf(filter: Filter | undefined): number {
  return filter === undefined ? 0 : (JSON.parse(filter.key)[0] as number);
}

test("a page that is full ends at its last entry, whether or not more of its block was looked at", () => {
  const entries = [1, 0].map((level) => ({
    ...(fc.sample(entriesArbitrary, { numRuns: 50, seed: 7 }).flat()[0] as ModelEntry),
    level,
  }));
  const request = {
    direction: "after",
    position: firstSeq - 1,
    limit: 1,
    filter: compileFilter({ levelMin: 1 }),
    format: "json",
  } as const;
  assert.equal(pageOf(blocksOf(entries, []), request).cursor, firstSeq);
  assert.equal(pageOf(blocksOf(entries, [1]), request).cursor, firstSeq);
});

test("any split of entries into blocks gives the same page, in every format, and it is the right one", () => {
  fc.assert(
    fc.property(entriesArbitrary, cuts, requests, (entries, places, request) => {
      const expected = modelSeqs(entries, request, levelMinOf(request.filter));
      const blocks = blocksOf(entries, places);
      for (const format of ["json", "ndjson", "text", "csv", "flatbuffers"] satisfies PageFormat[]) {
        const page = pageOf(blocks, { ...request, format });
        assert.equal(page.count, expected.length);
        const whole = pageOf(blocksOf(entries, []), { ...request, format });
        assert.equal(page.cursor, whole.cursor);
        if (format !== "flatbuffers") assert.deepEqual(page.entries, whole.entries);
        if (format !== "text" && format !== "csv") assert.deepEqual(seqsOf(page), expected);
      }
    }),
    { numRuns: 400 },
  );
});

test("a page in memory that it was given has the same body, whatever the memory's size and what it held before", () => {
  const session = { id: "0123456789abcdef01234567", head: 500, first: firstSeq };
  let memory = new Uint8Array(300);
  fc.assert(
    fc.property(entriesArbitrary, cuts, requests, (entries, places, request) => {
      const blocks = blocksOf(entries, places);
      for (const format of ["json", "ndjson", "text", "csv", "flatbuffers"] satisfies PageFormat[]) {
        const expected = pageBody(pageOf(blocks, { ...request, format }), session);
        const page = pageOf(blocks, { ...request, format }, memory);
        assert.deepEqual(pageBody(page, session), expected);
        // What the page was in is the memory of the next one; from time to time it is too small again.
        memory = new Uint8Array(memory.length > 20_000 ? 300 : page.entries.buffer.byteLength).fill(0x61);
      }
    }),
    { numRuns: 200 },
  );
});

test("binary pages and JSON pages hold the same entries", () => {
  fc.assert(
    fc.property(entriesArbitrary, cuts, requests, (entries, places, request) => {
      const blocks = blocksOf(entries, places);
      const json = objectsOf(pageOf(blocks, { ...request, format: "json" }));
      assert.deepEqual(objectsOf(pageOf(blocks, { ...request, format: "flatbuffers" })), json);
    }),
    { numRuns: 300 },
  );
});

test("following the cursor reads every matching entry once, whatever the page size", () => {
  fc.assert(
    fc.property(
      entriesArbitrary,
      cuts,
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 6 }),
      (entries, places, limit, levelMin) => {
        const blocks = blocksOf(entries, places);
        const filter = levelMin === 0 ? undefined : compileFilter({ levelMin });
        const seen: number[] = [];
        const last = firstSeq + entries.length - 1;
        for (let cursor = firstSeq - 1; cursor < last; ) {
          const page = pageOf(blocks, { direction: "after", position: cursor, limit, filter, format: "json" });
          seen.push(...seqsOf(page));
          assert.ok(page.cursor > cursor, "a page moves the cursor on");
          cursor = page.cursor;
        }
        assert.deepEqual(seen, modelSeqs(entries, { direction: "after", position: 0, limit: 1e9, filter }, levelMin));
      },
    ),
    { numRuns: 200 },
  );
});

test("a page of JSON has the envelope of the contract", () => {
  const entries = [{ timeNs: 0n, level: 3, text: "a" }];
  const page = pageOf(blocksOf(entries, []), { direction: "after", position: 10, limit: 5, filter: undefined, format: "json" });
  const session = { id: "0123456789abcdef01234567", head: 12, first: 11 };
  const body = new TextDecoder().decode(pageBody(page, session));
  const entry = '{"seq":11,"timestamp":"1970-01-01T00:00:00.000Z","level":"info","message":"a"}';
  assert.equal(body, `{"session":"${session.id}","cursor":11,"head":12,"first":11,"more":true,"entries":[${entry}]}`);
  assert.deepEqual(pageHeaders(page, session), {
    "tailrace-cursor": "11",
    "tailrace-head": "12",
    "tailrace-first": "11",
    "tailrace-count": "1",
    "tailrace-more": "true",
  });
});

test("a gap stands before the entries of its page; a later one ends the page and opens the next", () => {
  const entries = Array.from({ length: 6 }, (_, index) => ({ timeNs: 0n, level: 3, text: `${index}` }));
  const [before, lost, behind] = blocksOf(entries, [2, 4]) as [Uint8Array, Uint8Array, Uint8Array];
  assert.ok(lost.length > 0);
  const gap = { from: 13, to: 14 };
  const request: PageRequest = { direction: "after", position: 10, limit: 100, filter: undefined, format: "json" };
  builder.begin(request);
  assert.ok(builder.addBlock(view.openBlock(before, 0)));
  assert.ok(!builder.addGap(gap));
  const first = builder.finish();
  assert.deepEqual([seqsOf(first), first.cursor, first.gap], [[11, 12], 12, undefined]);
  builder.begin({ ...request, position: first.cursor });
  assert.ok(builder.addGap(gap));
  assert.ok(builder.addBlock(view.openBlock(behind, 0)));
  const second = builder.finish();
  assert.deepEqual([seqsOf(second), second.cursor, second.gap], [[15, 16], 16, gap]);
  assert.equal(pageHeaders(second, { id: "", head: 16, first: 11 })["tailrace-gap"], "13-14");
  builder.begin({ ...request, direction: "before", position: 17 });
  assert.ok(builder.addBlock(view.openBlock(behind, 0)));
  assert.ok(!builder.addGap(gap));
  assert.deepEqual(seqsOf(builder.finish()), [15, 16]);
  builder.begin({ ...request, direction: "before", position: 15 });
  assert.ok(builder.addGap(gap));
  assert.ok(builder.addBlock(view.openBlock(before, 0)));
  const oldest = builder.finish();
  assert.deepEqual([seqsOf(oldest), oldest.cursor, oldest.gap], [[11, 12], 14, gap]);
});

test("a page ends early over its size in bytes and goes on at its cursor", () => {
  const text = "x".repeat(60 * 1024);
  const entries = Array.from({ length: 1200 }, (_, index) => ({ timeNs: 0n, level: 3, text: `${index} ${text}` }));
  const blocks = blocksOf(entries, [500]);
  for (const format of ["ndjson", "flatbuffers"] satisfies PageFormat[]) {
    const request: PageRequest = { direction: "after", position: 10, limit: 5000, filter: undefined, format };
    const first = pageOf(blocks, request);
    assert.ok(first.entries.length >= limits.pageSizeBytesMax && first.entries.length < limits.pageSizeBytesMax + 70_000);
    const second = pageOf(blocks, { ...request, position: first.cursor });
    const third = pageOf(blocks, { ...request, position: second.cursor });
    assert.equal(first.count + second.count + third.count, 1200);
    assert.equal(third.cursor, 1210);
    const last = pageOf(blocks, { ...request, direction: "before", position: 1211 });
    assert.ok(last.count > 400 && last.count < 700);
    assert.deepEqual(
      seqsOf(last),
      Array.from({ length: last.count }, (_, index) => 1211 - last.count + index),
    );
  }
});

test("a filter finds a few entries in blocks larger than one slice, forward and backward", () => {
  const entries = Array.from({ length: 10_000 }, (_, index) => ({ timeNs: 0n, level: index % 1000 === 7 ? 5 : 3, text: "t" }));
  const blocks = blocksOf(entries, [9_500]);
  const filter = compileFilter({ levelMin: 5 });
  const seqs = Array.from({ length: 10 }, (_, index) => firstSeq + index * 1000 + 7);
  const request: PageRequest = { direction: "after", position: 0, limit: 3, filter, format: "json" };
  assert.deepEqual(seqsOf(pageOf(blocks, request)), seqs.slice(0, 3));
  assert.deepEqual(seqsOf(pageOf(blocks, { ...request, limit: 100 })), seqs);
  assert.equal(pageOf(blocks, { ...request, limit: 100 }).cursor, firstSeq + 9_999);
  assert.deepEqual(seqsOf(pageOf(blocks, { ...request, direction: "before", position: 99_999 })), seqs.slice(-3));
});

test("binary pages cut out of large blocks hold every entry once", () => {
  const entries = Array.from({ length: 9000 }, (_, index) => ({ timeNs: 0n, level: 3, text: `${index} ${"x".repeat(80)}` }));
  const blocks = blocksOf(entries, [8900]);
  for (const [direction, position, limit] of [
    ["after", 10, 10_000],
    ["after", 2000, 10_000],
    ["after", 10, 6000],
    ["before", 99_999, 10_000],
    ["before", 8_000, 7000],
    ["before", 99_999, 150],
  ] as const) {
    const request: PageRequest = { direction, position, limit, filter: undefined, format: "flatbuffers" };
    assert.deepEqual(seqsOf(pageOf(blocks, request)), modelSeqs(entries, request, 0));
  }
});
