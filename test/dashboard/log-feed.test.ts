/** What the log loads and follows, against a server of one array: any order of scrolling, answers, news and breaks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LogFeed } from "#dashboard/data/log-feed.ts";
import { noFilter } from "#dashboard/model/filter.ts";
import { TailraceClient } from "#src/client/client.ts";
import { LiveClient } from "#src/client/live.ts";
import type { LogPage } from "#src/wire/api.ts";
import { LiveModel, modelSession } from "../client/live-model.ts";
import { ManualClock } from "../client/manual-clock.ts";

/** The model's log over HTTP; answers wait until they are let go, in any order. */
class HeldPages {
  readonly #model: LiveModel;
  /** A page without filter is read forwards and ends after so many entries, whatever was asked for. */
  pageCountMax = 10_000;
  readonly #held: (() => void)[] = [];

  constructor(model: LiveModel) {
    this.#model = model;
  }

  readonly fetch = (url: string): Promise<Response> => {
    const page = this.#pageOf(new URL(url).searchParams);
    return new Promise((resolve) => this.#held.push(() => resolve(Response.json(page))));
  };

  get heldCount(): number {
    return this.#held.length;
  }

  /** Lets one answer go. */
  async answer(index: number): Promise<void> {
    const [go] = this.#held.splice(index % Math.max(1, this.#held.length), 1);
    go?.();
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  #pageOf(query: URLSearchParams): LogPage {
    const { entries } = this.#model;
    const number = (name: string) => (query.has(name) ? Number(query.get(name)) : undefined);
    const limit = number("limit") ?? number("tail") ?? 1000;
    const cursor = number("cursor");
    const end = cursor === undefined ? (number("before") ?? entries.length + 1) - 1 : cursor + limit;
    const shown = entries.slice(cursor ?? Math.max(0, end - limit), Math.max(0, end)).slice(0, this.pageCountMax);
    const last = shown.at(-1)?.seq ?? cursor ?? Math.max(0, end);
    return { session: modelSession, cursor: last, head: entries.length, first: 1, more: last < entries.length, entries: shown };
  }
}

function setUp() {
  const model = new LiveModel();
  const clock = new ManualClock();
  const pages = new HeldPages(model);
  const backoff = { firstMs: 10, maxMs: 100, random: () => 0.5 };
  const url = "http://127.0.0.1:7420";
  const client = new TailraceClient({ url, fetch: pages.fetch, clock, backoff });
  const live = new LiveClient({ url, openSocket: model.openSocket, clock, backoff });
  const feed = new LogFeed({ client, live }, modelSession, noFilter, () => {});
  return { model, clock, pages, live, feed };
}

type Setup = ReturnType<typeof setUp>;

function assertUnbroken({ feed, model }: Setup): void {
  const { rows, low, high } = feed.view;
  assert.equal(rows.length, high - low);
  for (const [index, row] of rows.entries()) {
    assert.equal(row.key, low + 1 + index);
    assert.equal(row.entry.message, model.entries[row.key - 1]?.message);
  }
}

async function settle({ pages, model, clock }: Setup): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    clock.advance(200);
    model.settle();
    model.deliver(10_000);
    if (pages.heldCount === 0) return;
    await pages.answer(0);
  }
}

const move = (...kinds: string[]) => fc.record({ kind: fc.constantFrom(...kinds), count: fc.integer({ min: 0, max: 10_000 }) });
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("add", "deliver"), count: fc.integer({ min: 1, max: 3000 }) }),
    { weight: 3, arbitrary: move("answer") },
    { weight: 3, arbitrary: move("older", "newer", "jump") },
    move("follow", "stand", "stand newest", "break", "reconnect", "first", "tail"),
  ),
  { maxLength: 60 },
);

async function run(setup: Setup, kind: string, count: number): Promise<void> {
  const { model, feed, pages, clock } = setup;
  if (kind === "add") model.add(count);
  else if (kind === "deliver") model.deliver(count);
  else if (kind === "answer") await pages.answer(count);
  else if (kind === "jump") void feed.showAt(1 + (count % Math.max(1, model.entries.length)));
  else if (kind === "older") void feed.loadOlder();
  else if (kind === "newer") void feed.loadNewer();
  else if (kind === "follow") feed.setFollowing(true, true);
  else if (kind === "stand") feed.setFollowing(false, true);
  else if (kind === "stand newest") feed.setFollowing(false, false);
  else if (kind === "break") model.socket?.break();
  else if (kind === "first") void feed.showFirst();
  else if (kind === "tail") void feed.showTail();
  else {
    clock.advance(1000);
    model.settle();
  }
}

test("whatever is loaded, followed and broken, the view is one unbroken stretch, and following reaches the end", () =>
  fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const setup = setUp();
      setup.model.add(700);
      void setup.feed.showTail();
      for (const { kind, count } of list) {
        await run(setup, kind, count);
        assertUnbroken(setup);
        assert.ok(setup.feed.view.rows.length <= 6500);
      }
      await settle(setup);
      setup.feed.setFollowing(true, true);
      void setup.feed.showTail();
      await settle(setup);
      assertUnbroken(setup);
      assert.equal(setup.feed.view.high, setup.model.entries.length);
      assert.equal(setup.feed.isAttached, true);
      setup.feed.close();
      setup.live.close();
    }),
    { numRuns: process.env["TAILRACE_LONG"] === "1" ? 10_000 : 400 },
  ));

test("reading on from a place in the middle joins the live end without a seam", async () => {
  const setup = setUp();
  setup.model.add(5000);
  void setup.feed.showTail();
  await settle(setup);
  setup.feed.setFollowing(false, true);
  void setup.feed.showAt(2500);
  await settle(setup);
  for (let turn = 0; turn < 20 && !setup.feed.isAttached; turn++) {
    setup.model.add(50);
    void setup.feed.loadNewer();
    await settle(setup);
  }
  assertUnbroken(setup);
  assert.equal(setup.feed.view.high, setup.model.entries.length);
  setup.model.add(10);
  setup.model.deliver(100);
  assert.equal(setup.feed.view.high, setup.model.entries.length);
});

test("a page that was away for long goes to the live end instead of reading everything after it", async () => {
  const setup = setUp();
  setup.model.add(1000);
  void setup.feed.showTail();
  await settle(setup);
  setup.model.socket?.break();
  setup.model.add(100_000);
  await settle(setup);
  await settle(setup);
  assertUnbroken(setup);
  assert.equal(setup.feed.view.high, 101_000);
  assert.ok(setup.feed.view.rows.length <= 2000);
});

test("entries that come while the reader stands still are counted", async () => {
  const setup = setUp();
  setup.model.add(1000);
  void setup.feed.showTail();
  await settle(setup);
  setup.feed.setFollowing(false, false);
  setup.model.add(120);
  await settle(setup);
  assert.equal(setup.feed.newCount, 120);
  assert.equal(setup.feed.view.high, 1000);
});

test("an answer that comes after a jump away from its place is dropped", async () => {
  const setup = setUp();
  setup.model.add(5000);
  void setup.feed.showAt(600);
  await settle(setup);
  void setup.feed.loadOlder();
  void setup.feed.showAt(3000);
  await setup.pages.answer(1);
  await setup.pages.answer(1);
  await setup.pages.answer(0);
  assertUnbroken(setup);
  assert.ok(setup.feed.view.low > 2000);
});

test("a page that ends early leaves no hole before what is shown", async () => {
  const setup = setUp();
  setup.model.add(2000);
  void setup.feed.showAt(1500);
  await settle(setup);
  setup.pages.pageCountMax = 120;
  const { low } = setup.feed.view;
  void setup.feed.loadOlder();
  await settle(setup);
  assertUnbroken(setup);
  assert.ok(setup.feed.view.low < low);
});
