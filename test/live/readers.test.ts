/** Durable readers against a model, with consumers that forget and servers that crash, on a clock of the test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#src/config.ts";
import { isRefusal } from "#src/server/query-input.ts";
import type { ReaderBook } from "#src/server/reader-books.ts";
import type { ReaderRecord } from "#src/server/readers.ts";
import { readerObject } from "#src/server/readers.ts";
import type { Session } from "#src/server/session.ts";
import type { EntryObject } from "#src/wire/api.ts";
import type { Refusal } from "#src/wire/outcome.ts";
import { LiveMachine, range } from "./live-machine.ts";

const leaseMs = 1000;

interface Claim {
  readonly from: number;
  readonly to: number;
  readonly attempt: number;
  readonly entries: EntryObject[];
}

/** What is under test, replaced when its server crashes. */
interface Bench {
  machine: LiveMachine;
  session: Session;
  book: ReaderBook;
}

async function opened(machine: LiveMachine, session: Session): Promise<Bench> {
  const book = await machine.books.of(session);
  assert.ok(!isRefusal(book));
  return { machine, session, book };
}

/** The same data directory under a new server; what was not on disk is gone. */
async function crashed({ machine, session }: Bench): Promise<Bench> {
  const { clock, processes, files, dataDir } = machine;
  const next = new LiveMachine({ clock, processes, files, dataDir });
  await next.recover();
  return opened(next, next.must(session));
}

async function claim({ book }: Bench, limit: number): Promise<Claim | Refusal> {
  const claimed = await book.claim("r", { limit, leaseMs, waitMs: 0, onAborted: () => {} });
  return isRefusal(claimed) ? claimed : (JSON.parse(claimed) as Claim);
}

function stateOf({ machine, session, book }: Bench): string {
  const reader = book.find("r");
  assert.ok(!isRefusal(reader));
  return readerObject(reader, session.head, machine.clock.nowMs()).state;
}

type Step =
  | { kind: "append"; count: number }
  | { kind: "claim"; limit: number }
  | { kind: "confirm"; part: number }
  | { kind: "pass" | "crash" | "resume" };

const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("append"), count: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("claim"), limit: fc.integer({ min: 1, max: 6 }) }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("confirm"), part: fc.double({ min: -0.3, max: 1.3, noNaN: true }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass") }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("crash", "resume") }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 50 },
);

/** What should be true of the reader. */
class Model {
  cursor = 0;
  attempts = 0;
  lease: { from: number; to: number; untilMs: number } | undefined;
  readonly confirmed: number[] = [];

  isLeased(nowMs: number): boolean {
    return this.lease !== undefined && this.lease.untilMs > nowMs;
  }

  isStalled(nowMs: number): boolean {
    return !this.isLeased(nowMs) && this.attempts >= limits.readerAttemptCountMax;
  }

  stateAt(nowMs: number): string {
    return this.isStalled(nowMs) ? "stalled" : this.isLeased(nowMs) ? "leased" : "ready";
  }

  leased(from: number, to: number, untilMs: number): void {
    this.attempts++;
    this.lease = { from, to, untilMs };
  }

  /** Returns whether the confirmation counts. */
  confirm(cursor: number, nowMs: number): boolean {
    const { lease } = this;
    if (lease === undefined || !this.isLeased(nowMs) || cursor < lease.from || cursor > lease.to) return false;
    this.confirmed.push(...range(this.cursor + 1, cursor));
    this.cursor = cursor;
    this.attempts = cursor < lease.to ? 1 : 0;
    this.lease = cursor < lease.to ? { ...lease, from: cursor + 1 } : undefined;
    return true;
  }
}

async function take(bench: Bench, model: Model, step: Step): Promise<void> {
  const { machine, session } = bench;
  const nowMs = machine.clock.nowMs();
  if (step.kind === "append")
    await machine.append(
      session,
      range(1, step.count).map((index) => `entry ${session.head + index}`),
    );
  else if (step.kind === "claim") {
    const claimed = await claim(bench, step.limit);
    if (model.stateAt(nowMs) !== "ready") {
      assert.equal(isRefusal(claimed) && claimed.code, model.stateAt(nowMs));
      return;
    }
    assert.ok(!isRefusal(claimed), JSON.stringify(claimed));
    const to = Math.min(session.head, model.cursor + step.limit);
    assert.deepEqual([claimed.from, claimed.to], [model.cursor + 1, to]);
    assert.deepEqual(
      claimed.entries.map((entry) => entry.seq),
      range(model.cursor + 1, to),
    );
    if (to > model.cursor) model.leased(claimed.from, to, nowMs + leaseMs);
    assert.equal(claimed.attempt ?? model.attempts, model.attempts);
  } else if (step.kind === "confirm") {
    const { from, to } = model.lease ?? { from: model.cursor, to: model.cursor + 2 };
    const cursor = Math.max(0, Math.round(from + step.part * (to - from)));
    const answer = await bench.book.confirm("r", { cursor, leaseUntilMs: undefined });
    const counts = model.confirm(cursor, nowMs);
    assert.equal(isRefusal(answer) ? answer.code : "done", counts ? "done" : "not_leased");
  } else if (step.kind === "pass") await machine.advance(leaseMs * 0.6);
  else if (step.kind === "resume") {
    assert.ok(!isRefusal(await bench.book.resume("r", undefined)));
    model.attempts = 0;
    model.lease = undefined;
  }
}

test("D1: entries are handed out in order under one lease at a time and confirmed once, through lapses and crashes", () =>
  fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const machine = new LiveMachine();
      let bench = await opened(machine, await machine.session());
      assert.ok(!isRefusal(await bench.book.put("r", 0)));
      const model = new Model();
      for (const step of all) {
        if (step.kind === "crash") bench = await crashed(bench);
        else await take(bench, model, step);
        assert.equal(stateOf(bench), model.stateAt(bench.machine.clock.nowMs()));
        assert.equal((bench.book.find("r") as ReaderRecord).cursor, model.cursor);
      }
      assert.deepEqual(model.confirmed, range(1, model.cursor));
    }),
    { numRuns: 150 },
  ));

test("D1: changes that are asked for at the same time are made one after the other: a confirmed cursor is not taken back", async () => {
  const machine = new LiveMachine();
  const bench = await opened(machine, await machine.session());
  await machine.append(bench.session, ["one", "two", "three", "four"]);
  await bench.book.put("r", 0);
  const claimed = await claim(bench, 2);
  assert.ok(!isRefusal(claimed));
  const { book } = bench;
  const answers = await Promise.all([
    book.confirm("r", { cursor: 2, leaseUntilMs: undefined }),
    book.put("r", undefined),
    book.resume("r", undefined),
    book.confirm("r", { cursor: 2, leaseUntilMs: undefined }),
  ]);
  assert.deepEqual(
    answers.map((answer) => (isRefusal(answer) ? answer.code : "done")),
    ["done", "done", "done", "not_leased"],
  );
  assert.equal((book.find("r") as ReaderRecord).cursor, 2);
  const two = await Promise.all([claim(bench, 1), claim(bench, 1)]);
  assert.deepEqual(
    two.map((answer) => (isRefusal(answer) ? answer.code : answer.from)),
    [3, "leased"],
  );
});

test("D1: what the disk refuses has not happened", async () => {
  const machine = new LiveMachine();
  const bench = await opened(machine, await machine.session());
  await machine.append(bench.session, ["one"]);
  await bench.book.put("r", 0);
  await claim(bench, 1);
  const worker = machine.workers[0];
  assert.ok(worker !== undefined);
  worker.deathCount = 2;
  const refused = await bench.book.confirm("r", { cursor: 1, leaseUntilMs: undefined });
  assert.equal(isRefusal(refused) && refused.code, "storage_unavailable");
  assert.equal((bench.book.find("r") as ReaderRecord).cursor, 0);
  assert.ok(!isRefusal(await bench.book.confirm("r", { cursor: 1, leaseUntilMs: undefined })));
  assert.equal(((await crashed(bench)).book.find("r") as ReaderRecord).cursor, 1);
});

test("a claim on a session that is removed while it waits is told so at once", async () => {
  const machine = new LiveMachine();
  const session = await machine.endedSession();
  const { book } = await opened(machine, session);
  await book.put("r", session.head);
  const waiting = book.claim("r", { limit: 1, leaseMs, waitMs: 10_000, onAborted: () => {} });
  assert.equal(await machine.engine.purge(session), undefined);
  const answer = await waiting;
  assert.equal(isRefusal(answer) && answer.code, "session_not_found");
});

test("a session has at most so many readers, and those that are there can be moved and removed", async () => {
  const machine = new LiveMachine();
  const { book } = await opened(machine, await machine.session());
  for (let count = 0; count < limits.readerCountMax; count++) await book.put(`r${count}`, 0);
  const refused = await book.put("one more", 0);
  assert.equal(isRefusal(refused) && refused.code, "overloaded");
  assert.ok(!isRefusal(await book.put("r7", 5)));
  assert.ok(!isRefusal(await book.remove("r8")));
  assert.ok(!isRefusal(await book.put("one more", 0)));
  const unknown = await book.remove("r8");
  assert.equal(isRefusal(unknown) && unknown.code, "not_found");
});
