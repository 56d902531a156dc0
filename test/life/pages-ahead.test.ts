import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#src/config.ts";
import { PagesAhead, type StraightPage } from "#src/server/pages-ahead.ts";
import { isRefusal } from "#src/server/query-input.ts";
import { type ReadQuery, readFormats } from "#src/server/read-input.ts";
import { noFilter, Reads } from "#src/server/reads.ts";
import type { Session } from "#src/server/session.ts";
import { type Page, pageBody, pageHeaders } from "#src/wire/page.ts";
import { HandClock } from "./hand-clock.ts";
import { nextTurn } from "./inline-threads.ts";
import { Machine } from "./machine.ts";

/** Makes pages of nothing, and remembers who has them. */
class CountingMaker {
  readonly kept = new Set<Page>();
  madeCount = 0;
  aheadCount = 0;
  /** No thread is to spare. */
  isBusy = false;
  /** Pages end so many entries before their limit. */
  missingCount = 0;

  async make(wanted: StraightPage): Promise<Page> {
    this.madeCount++;
    return this.#pageOf(wanted);
  }

  tryMakeAhead(wanted: StraightPage): Promise<Page | undefined> | undefined {
    if (this.isBusy) return undefined;
    this.aheadCount++;
    return nextTurn().then(() => this.#pageOf(wanted));
  }

  release(page: Page): void {
    assert.ok(this.kept.delete(page), "a page is released once");
  }

  #pageOf({ position, limit, format }: StraightPage): Page {
    const count = limit - this.missingCount;
    const page = { format, entries: new Uint8Array(0), count, from: position, cursor: position + count };
    this.kept.add(page);
    return page;
  }
}

const entryCount = 1000;
const limit = 10;

function sessionOf(slot: number): Session {
  return { slot, head: entryCount } as Session;
}

async function askedAt(ahead: PagesAhead, slot: number, position: number): Promise<Page> {
  const page = await ahead.page({ session: sessionOf(slot), position, limit, format: "json" });
  assert.ok(!isRefusal(page));
  assert.equal(page.from, position);
  return page;
}

test("who asks where the last page ended has the next ones made ahead, each once, and none behind the head", async () => {
  const maker = new CountingMaker();
  const ahead = new PagesAhead(maker, new HandClock());
  for (let position = 0; position < entryCount; position += limit) maker.release(await askedAt(ahead, 1, position));
  assert.deepEqual([maker.madeCount, maker.aheadCount, maker.kept.size], [2, entryCount / limit - 2, 0]);
});

test("pages are not made ahead for who jumps, while no thread is to spare, and are kept only when they are whole", async () => {
  const maker = new CountingMaker();
  const ahead = new PagesAhead(maker, new HandClock());
  for (const position of [500, 0, 300, 20, 700]) maker.release(await askedAt(ahead, 1, position));
  assert.equal(maker.aheadCount, 0);
  maker.isBusy = true;
  for (const position of [710, 720]) maker.release(await askedAt(ahead, 1, position));
  assert.equal(maker.aheadCount, 0);
  maker.isBusy = false;
  maker.release(await askedAt(ahead, 1, 730));
  maker.missingCount = 1;
  const page = await askedAt(ahead, 1, 740);
  // What was made ahead had an entry too few: it is gone, and the page was made again.
  assert.deepEqual([maker.aheadCount, maker.madeCount, maker.kept.size], [limits.pageAheadDepth, 9, 1]);
  maker.release(page);
});

test("a page that nobody asked for in time is forgotten", async () => {
  const maker = new CountingMaker();
  const clock = new HandClock();
  const ahead = new PagesAhead(maker, clock);
  for (const position of [0, 10]) maker.release(await askedAt(ahead, 1, position));
  await nextTurn();
  assert.deepEqual([maker.madeCount, maker.kept.size], [2, limits.pageAheadDepth]);
  await clock.advance(limits.pageAheadMsMax + 1, nextTurn);
  assert.equal(maker.kept.size, 0);
  maker.release(await askedAt(ahead, 1, 20));
  assert.deepEqual([maker.madeCount, maker.kept.size], [3, 0]);
});

test("pages ahead are bounded, and old ones make room", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 200 }), async (steps) => {
      const maker = new CountingMaker();
      const clock = new HandClock();
      const ahead = new PagesAhead(maker, clock);
      const positions = new Map<number, number>();
      for (const [slot, isLate] of steps) {
        const position = positions.get(slot) ?? 0;
        maker.release(await askedAt(ahead, slot, position));
        positions.set(slot, (position + limit) % entryCount);
        await nextTurn();
        assert.ok(maker.kept.size <= limits.pageAheadCountMax);
        if (isLate) await clock.advance(limits.pageAheadMsMax / 3, nextTurn);
      }
      // Readers that stopped hold nothing up.
      await clock.advance(limits.pageAheadMsMax + 1, nextTurn);
      const before = maker.aheadCount;
      for (const position of [0, 10]) maker.release(await askedAt(ahead, 99, position));
      assert.equal(maker.aheadCount, before + limits.pageAheadDepth);
    }),
    { numRuns: 30 },
  ));

/** All that a client would get of a page. */
async function answerOf(reads: Reads, session: Session, query: ReadQuery): Promise<{ cursor: number; text: string }> {
  const page = await reads.page(session, query);
  assert.ok(!isRefusal(page), JSON.stringify(page));
  const body = Buffer.from(pageBody(page, session)).toString("latin1");
  reads.release(page);
  return { cursor: page.cursor, text: `${JSON.stringify(pageHeaders(page, session))}\n${body}` };
}

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("purge" as const), count: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("jump" as const), count: fc.nat(60) }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("read" as const), count: fc.integer({ min: 1, max: 4 }) }) },
);

test("E6: whoever goes straight on reads what a fresh read says, while entries come and the oldest go", async () => {
  let aheadCount = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 50 }),
      fc.constantFrom(...readFormats),
      fc.integer({ min: 1, max: 5 }),
      async (steps, format, pageLimit) => {
        const settings = { sessionMaxBytes: 20_000, archiveAfter: 0 };
        // Nothing stays in so small a ring: every page is read from the files.
        const machine = new Machine({ settings, segmentSizeBytes: 2000, ringSizeBytes: 256 });
        const reads = new Reads(machine.engine);
        let session = await machine.session();
        let cursor = 0;
        for (const { kind, count } of [{ kind: "append" as const, count: 40 }, ...steps]) {
          if (kind === "append") {
            for (let index = 0; index < count; index++)
              await machine.append(session, [`entry ${session.head + 1}`.padEnd(400, ".")]);
          } else if (kind === "purge") {
            const { id } = session;
            await machine.engine.end(session, "client request");
            await machine.engine.purge(session);
            session = await machine.session({}, id);
            await machine.append(session, ["another session of that id"]);
          } else if (kind === "jump") cursor = count;
          for (let index = 0; kind === "read" && index < count; index++) {
            const query = { start: { kind: "cursor", cursor } as const, limit: pageLimit, filter: noFilter, format, waitMs: 0 };
            const tasksBefore = machine.query.log.length;
            const answer = await answerOf(reads, session, query);
            if (answer.cursor > cursor && machine.query.log.length === tasksBefore) aheadCount++;
            assert.equal(answer.text, (await answerOf(new Reads(machine.engine), session, query)).text);
            cursor = answer.cursor;
          }
          if (kind === "append") await machine.settle();
        }
      },
    ),
    { numRuns: 40 },
  );
  assert.ok(aheadCount > 20, `${aheadCount} pages had been made ahead`);
});
