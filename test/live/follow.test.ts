/** The live engine, step by step: what is sent when, made how often, read where, and what it waits for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "#src/config.ts";
import type { Session } from "#src/server/session.ts";
import { nextTurn } from "../life/inline-threads.ts";
import { LiveMachine, NotingSink, range } from "./live-machine.ts";

const texts = (count: number, size = 20) => Array.from({ length: count }, (_, index) => `${index} `.padEnd(size, "x"));

/** Lets everybody read on until nothing moves any more. */
async function settleAll(machine: LiveMachine): Promise<void> {
  await machine.settle();
  await machine.advance(limits.followRetryMs);
}

type Step =
  | { kind: "append"; count: number; size: number }
  | { kind: "join"; cursorPart: number; policy: "lossless" | "latest" }
  | { kind: "stop" | "go" | "leave"; which: number }
  | { kind: "turn" };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("append"), count: fc.nat(40), size: fc.nat(900) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("join"),
        cursorPart: fc.double({ min: 0, max: 1, noNaN: true }),
        policy: fc.constantFrom("lossless", "latest"),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("stop", "go", "leave"), which: fc.nat(20) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("turn") }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 60 },
);

interface Joined {
  readonly sink: NotingSink;
  readonly cursor: number;
  readonly policy: string;
}

/** Does the steps, then lets all read to the head and the end of the session; returns who is still there. */
async function run(machine: LiveMachine, session: Session, all: readonly Step[]): Promise<Joined[]> {
  let joined: Joined[] = [];
  const pick = (which: number) => joined[which % Math.max(1, joined.length)];
  for (const step of all) {
    if (step.kind === "append") void machine.append(session, texts(step.count + 1, step.size));
    else if (step.kind === "join") {
      const cursor = Math.floor(step.cursorPart * session.head);
      const sink = new NotingSink();
      machine.follow(session, cursor, sink, { policy: step.policy });
      joined.push({ sink, cursor, policy: step.policy });
    } else if (step.kind === "turn") await nextTurn();
    else {
      const found = pick(step.which);
      if (step.kind === "stop") found?.sink.setRoom(0);
      if (step.kind === "go") found?.sink.setRoom(1);
      if (step.kind === "leave" && found?.sink.follower !== undefined) {
        machine.live.unfollow(found.sink.follower);
        joined = joined.filter((other) => other !== found);
      }
    }
  }
  await machine.settle();
  for (const { sink } of joined) sink.setRoom(1);
  await settleAll(machine);
  await machine.engine.end(session, "client request");
  await settleAll(machine);
  return joined;
}

test("L1: whoever follows from whichever cursor gets every entry behind it once and in order, from file, ring or live", () =>
  fc.assert(
    fc.asyncProperty(steps, async (all) => {
      // A ring of a few blocks: whoever stops for a moment goes on from file.
      const machine = new LiveMachine({ ringSizeBytes: 1 << 16, segmentSizeBytes: 1 << 15 });
      const session = await machine.session();
      await machine.append(session, texts(200, 300));
      for (const { sink, cursor, policy } of await run(machine, session, all)) {
        assert.equal(sink.endedAt, session.head);
        const missing = new Set(sink.gaps.flatMap(({ from, to }) => range(from, to)));
        if (policy === "lossless") assert.equal(missing.size, 0);
        else assert.ok(sink.gaps.every(({ reason }) => reason === "slow"));
        const wanted = range(cursor + 1, session.head).filter((seq) => !missing.has(seq));
        assert.deepEqual(sink.seqs, wanted);
      }
      assert.equal(machine.live.followerCount, 0);
    }),
    { numRuns: 60 },
  ));

test("L2: a follower gets at most one delta a turn, which holds everything since the last one", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const sink = new NotingSink();
  machine.follow(session, 0, sink);
  await machine.settle();
  // Jobs are published one after the other; what comes in one turn of the event loop goes out in one delta.
  for (let round = 0; round < 20; round++) for (let batch = 0; batch < 10; batch++) void machine.append(session, texts(3));
  const countsPerTurn: number[] = [];
  for (let turn = 0; turn < 200 && sink.last < 600; turn++) {
    const before = sink.deltas.length;
    await nextTurn();
    countsPerTurn.push(sink.deltas.length - before);
  }
  assert.equal(sink.last, 600);
  assert.ok(Math.max(...countsPerTurn) <= 1, countsPerTurn.join());
  assert.ok(sink.deltas.length < 20, `${sink.deltas.length} deltas for 200 batches`);
});

test("L2: a delta is bounded in entries and bytes", async () => {
  const machine = new LiveMachine({ ringSizeBytes: 8 << 20 });
  const session = await machine.session();
  await machine.append(session, texts(limits.deltaEntryCountMax * 2 + 10));
  await machine.append(session, texts(50, 20_000));
  const sink = new NotingSink();
  machine.follow(session, 0, sink);
  await settleAll(machine);
  assert.deepEqual(sink.seqs, range(1, session.head));
  for (const delta of sink.deltas) {
    assert.ok(delta.count <= limits.deltaEntryCountMax);
    assert.ok(delta.sizeBytes <= limits.deltaSizeBytesMax + 21_000);
  }
});

test("L2: what many followers want is made once, filters are worked out once for all who share them", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const plain = Array.from({ length: 30 }, () => new NotingSink());
  const filtered = Array.from({ length: 30 }, () => new NotingSink());
  for (const sink of plain) machine.follow(session, 0, sink);
  for (const sink of filtered) machine.follow(session, 0, sink, { filter: { q: "1" } });
  for (let round = 0; round < 5; round++) {
    await machine.append(session, texts(30));
    await machine.settle();
  }
  for (const sinks of [plain, filtered]) {
    const made = new Set(sinks.flatMap((sink) => sink.deltas));
    assert.equal(made.size, 5, "one delta for each publication");
    for (const sink of sinks) assert.deepEqual(sink.seqs, sinks[0]?.seqs);
  }
  assert.equal(filtered[0]?.seqs.length, 5 * texts(30).filter((text) => text.includes("1")).length);
});

test("L2: who is far behind does not walk the small deltas of those who were at the head", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const atHead = new NotingSink();
  machine.follow(session, 0, atHead);
  for (let round = 0; round < 100; round++) {
    await machine.append(session, ["one"]);
    await machine.settle();
  }
  assert.equal(atHead.deltas.length, 100);
  const late = new NotingSink();
  machine.follow(session, 0, late);
  await machine.settle();
  assert.deepEqual(late.seqs, range(1, 100));
  assert.equal(late.deltas.length, 1);
});

test("L2: followers that share their room never take more than is left and one delta, also when files are read for all of them", async () => {
  const machine = new LiveMachine({ ringSizeBytes: 1 << 16, segmentSizeBytes: 1 << 20 });
  const session = await machine.session();
  for (let round = 0; round < 10; round++) await machine.append(session, texts(100, 900));
  let queuedSizeBytes = 0;
  let queuedSizeBytesMax = 0;
  const sinks = Array.from({ length: 20 }, () => {
    const sink = new NotingSink((delta) => {
      queuedSizeBytes += delta.sizeBytes;
      queuedSizeBytesMax = Math.max(queuedSizeBytesMax, queuedSizeBytes);
    });
    sink.room = () => limits.socketSendBudgetBytes - queuedSizeBytes;
    return sink;
  });
  for (const [index, sink] of sinks.entries()) machine.follow(session, index, sink);
  for (let round = 0; round < 5000 && sinks.some((sink) => sink.last < session.head); round++) {
    await machine.settle();
    queuedSizeBytes = 0;
    for (const sink of sinks) sink.follower?.onRoom();
  }
  for (const [index, sink] of sinks.entries()) assert.deepEqual(sink.seqs, range(index + 1, session.head));
  const entrySizeBytesMax = 1100;
  assert.ok(
    queuedSizeBytesMax <= limits.socketSendBudgetBytes + limits.deltaSizeBytesMax + entrySizeBytesMax,
    `${queuedSizeBytesMax}`,
  );
});

test("L2: followers that catch up have at most two query threads at once", async () => {
  const machine = new LiveMachine({ ringSizeBytes: 1 << 16, segmentSizeBytes: 1 << 20 });
  const session = await machine.session();
  for (let round = 0; round < 10; round++) await machine.append(session, texts(100, 900));
  const sinks = Array.from({ length: 50 }, () => new NotingSink());
  for (const [index, sink] of sinks.entries()) machine.follow(session, index * 3, sink);
  let waitingMax = 0;
  while (sinks.some((sink) => sink.last < session.head)) {
    await nextTurn();
    waitingMax = Math.max(waitingMax, machine.query.waitingCount);
  }
  assert.equal(waitingMax, limits.followReadCountMax);
});

test("L2: a turn spends its time and no more, and others get theirs in between", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  await machine.append(session, ["one"]);
  const followerCount = 100;
  // Every delta takes a millisecond of the clock.
  const sinks = Array.from({ length: followerCount }, () => new NotingSink(() => machine.clock.skip(1)));
  for (const sink of sinks) machine.follow(session, 0, sink);
  const servedPerTurn: number[] = [];
  for (let served = 0; served < followerCount; ) {
    await nextTurn();
    const now = sinks.filter((sink) => sink.last > 0).length;
    servedPerTurn.push(now - served);
    served = now;
  }
  assert.ok(Math.max(...servedPerTurn) <= limits.fanOutTurnMsMax + 1, servedPerTurn.join());
  assert.ok(servedPerTurn.length >= followerCount / (limits.fanOutTurnMsMax + 1));
});

test("L2: a filter is looked for in large blocks by a query thread, in small ones at once", async () => {
  const machine = new LiveMachine({ ringSizeBytes: 8 << 20, segmentSizeBytes: 16 << 20 });
  const session = await machine.session();
  const sink = new NotingSink();
  machine.follow(session, 0, sink, { filter: { q: "7" } });
  await machine.append(session, texts(1000));
  await machine.settle();
  assert.ok(!machine.query.log.includes("delta"));
  await machine.append(session, texts(1000, 2000));
  await settleAll(machine);
  assert.ok(machine.query.log.includes("delta"));
  const wanted = range(1, 2000).filter((seq) => String((seq - 1) % 1000).includes("7"));
  assert.deepEqual(sink.seqs, wanted);
  assert.equal(sink.follower?.cursor, session.head);
});

test("L1: a read that fails is tried again, nothing is lost", async () => {
  const machine = new LiveMachine({ ringSizeBytes: 1 << 16 });
  const session = await machine.session();
  for (let round = 0; round < 10; round++) await machine.append(session, texts(100, 900));
  machine.query.deadly.add("delta");
  const sink = new NotingSink();
  machine.follow(session, 0, sink);
  await settleAll(machine);
  assert.equal(sink.last, 0);
  machine.query.deadly.clear();
  await machine.advance(2 * limits.followRetryMs);
  assert.deepEqual(sink.seqs, range(1, session.head));
});

test("L2: a follower without room that wants the latest is moved to the head once, and told so", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const sink = new NotingSink();
  machine.follow(session, 0, sink, { policy: "latest" });
  await machine.append(session, texts(3));
  await machine.settle();
  sink.setRoom(0);
  for (let round = 0; round < 4; round++) await machine.append(session, texts(3));
  await machine.settle();
  sink.setRoom(1);
  await machine.settle();
  await machine.append(session, texts(2));
  await machine.settle();
  assert.deepEqual(sink.gaps, [{ from: 4, to: 15, reason: "slow" }]);
  assert.deepEqual(sink.seqs, [1, 2, 3, 16, 17]);
  assert.equal(machine.engine.counters.slowReaderCount, 1);
});

test("who follows a session that is removed hears of the gap and the end as soon as there is room", async () => {
  const machine = new LiveMachine();
  const session = await machine.endedSession();
  const [reading, still] = [new NotingSink(), new NotingSink()];
  still.setRoom(0);
  machine.follow(session, 0, still);
  await machine.settle();
  assert.equal(await machine.engine.purge(session), undefined);
  machine.follow(session, 1, reading);
  await machine.settle();
  assert.deepEqual([reading.gaps, reading.endedAt], [[{ from: 2, to: 2, reason: "expired" }], 2]);
  assert.equal(still.endedAt, undefined);
  still.setRoom(1);
  await machine.settle();
  assert.deepEqual([still.gaps, still.endedAt], [[{ from: 1, to: 2, reason: "expired" }], 2]);
  assert.equal(machine.live.followerCount, 0);
});
