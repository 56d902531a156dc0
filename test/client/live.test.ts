import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LiveClient } from "#src/client/live.ts";
import type { LiveState } from "#src/client/live-socket.ts";
import type { SubscriptionSink } from "#src/client/subscription.ts";
import type { Gap } from "#src/wire/api.ts";
import { LiveModel, modelSession } from "./live-model.ts";
import { ManualClock } from "./manual-clock.ts";

function setUp() {
  const clock = new ManualClock();
  const model = new LiveModel();
  const states: LiveState[] = [];
  const client = new LiveClient({
    url: "http://127.0.0.1:7420/",
    openSocket: model.openSocket,
    clock,
    backoff: { firstMs: 100, maxMs: 1000, random: () => 0.5 },
    onState: (state) => states.push(state),
  });
  return { clock, model, client, states };
}

function collector() {
  const seqs: number[] = [];
  const gaps: Gap[] = [];
  const ends: string[] = [];
  const errors: string[] = [];
  const sink: SubscriptionSink = {
    onEntries: (entries) => seqs.push(...entries.map((entry) => entry.seq)),
    onGap: (gap) => gaps.push(gap),
    onEnded: (reason) => ends.push(reason),
    onError: (error) => errors.push(error.code),
  };
  return { sink, seqs, gaps, ends, errors };
}

type Step = { add: number } | { deliver: number } | "break" | "silence" | "pause" | "resume" | "down" | "up";

const steps = fc.array(
  fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ deliver: fc.integer({ min: 1, max: 5 }) }),
    fc.constantFrom<Step>("break", "silence", "pause", "resume", "down", "up"),
  ),
  { maxLength: 60 },
);

test("C2: a subscription sees each entry once and in order, wherever the connection breaks", () => {
  fc.assert(
    fc.property(steps, (script: Step[]) => {
      const { clock, model, client } = setUp();
      const { sink, seqs, gaps } = collector();
      const subscription = client.subscribe({ session: modelSession, cursor: 0 }, sink);
      for (const step of script) {
        model.settle();
        if (step === "break") model.socket?.break();
        else if (step === "silence") clock.advance(60_000);
        else if (step === "pause") subscription.pause();
        else if (step === "resume") subscription.resume();
        else if (step === "down" || step === "up") model.isUp = step === "up";
        else if ("add" in step) model.add(step.add);
        else model.deliver(step.deliver);
        clock.advance(70);
      }
      model.isUp = true;
      subscription.resume();
      for (let round = 0; round < 60 && seqs.length < model.entries.length; round++) {
        model.settle();
        model.deliver(100);
        clock.advance(1000);
      }
      assert.deepEqual(
        seqs,
        model.entries.map((entry) => entry.seq),
      );
      assert.deepEqual(gaps, []);
      client.close();
      assert.equal(clock.timerCount, 0);
    }),
    { numRuns: 500 },
  );
});

test("appends are stored once each, in order, wherever the connection breaks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("append", "break", "mute", "settle"), { maxLength: 40 }), async (script) => {
      const { clock, model, client } = setUp();
      const answers: Promise<{ first?: number }>[] = [];
      for (const step of script) {
        if (step === "append") answers.push(client.append(modelSession, [{ message: String(answers.length) }]));
        else if (step === "break") model.socket?.break();
        else if (step === "mute") model.answers = !model.answers;
        else model.settle();
        clock.advance(200);
      }
      model.answers = true;
      model.socket?.break();
      for (let round = 0; round < 20; round++) {
        clock.advance(1000);
        model.settle();
      }
      const firsts = (await Promise.all(answers)).map((answer) => answer.first);
      const expected = answers.map((_, index) => index);
      assert.deepEqual(
        model.entries.map((entry) => Number(entry.message)),
        expected,
      );
      assert.deepEqual(
        firsts,
        expected.map((index) => index + 1),
      );
      client.close();
    }),
    { numRuns: 300 },
  );
});

test("a client that only wants new entries resumes at its place, not at the new head", () => {
  const { clock, model, client } = setUp();
  const { sink, seqs } = collector();
  model.add(10);
  client.subscribe({ session: modelSession, tail: 2 }, sink);
  model.settle();
  model.deliver(10);
  model.socket?.break();
  model.add(3);
  clock.advance(1000);
  model.settle();
  model.deliver(10);
  assert.deepEqual(seqs, [9, 10, 11, 12, 13]);
});

test("entries that come again are dropped, and a hole that nobody announced is told as a gap", () => {
  const { model, client } = setUp();
  const { sink, seqs, gaps } = collector();
  const subscription = client.subscribe({ session: modelSession, cursor: 0 }, sink);
  model.settle();
  model.add(9);
  const log = (from: number, to: number) =>
    model.socket?.tell({ type: "log", id: subscription.id, cursor: to, head: 9, entries: model.entries.slice(from - 1, to) });
  log(1, 3);
  log(2, 5);
  log(1, 2);
  log(8, 9);
  assert.deepEqual(seqs, [1, 2, 3, 4, 5, 8, 9]);
  assert.deepEqual(gaps, [{ from: 6, to: 7 }]);
});

test("a gap that the server announces moves the cursor", () => {
  const { clock, model, client } = setUp();
  const { sink, gaps } = collector();
  const subscription = client.subscribe({ session: modelSession, cursor: 0, policy: "latest" }, sink);
  model.settle();
  model.socket?.tell({ type: "gap", id: subscription.id, from: 1, to: 900, reason: "slow" });
  assert.deepEqual(gaps, [{ from: 1, to: 900, reason: "slow" }]);
  model.socket?.break();
  clock.advance(1000);
  model.settle();
  assert.deepEqual(model.socket?.received[0], {
    type: "subscribe",
    id: subscription.id,
    session: modelSession,
    policy: "latest",
    cursor: 900,
  });
});

test("with a filter the cursor moves past entries that did not match", () => {
  const { clock, model, client } = setUp();
  const { sink, gaps } = collector();
  const subscription = client.subscribe({ session: modelSession, cursor: 0, level: "warn" }, sink);
  model.settle();
  model.socket?.tell({ type: "log", id: subscription.id, cursor: 500, head: 500, entries: [] });
  assert.equal(subscription.cursor, 500);
  assert.deepEqual(gaps, []);
  model.socket?.break();
  clock.advance(1000);
  model.settle();
  assert.deepEqual(model.socket?.received[0], {
    type: "subscribe",
    id: subscription.id,
    session: modelSession,
    level: "warn",
    cursor: 500,
  });
});

test("a connection without heartbeats is given up; without subscriptions silence is fine", () => {
  const { clock, model, client } = setUp();
  const { sink } = collector();
  const end = client.watchSessions("all", { onSessions: () => {}, onSession: () => {}, onRemoved: () => {} });
  model.settle();
  clock.advance(200_000);
  assert.equal(model.sockets.length, 1);
  end();
  client.subscribe({ session: modelSession, cursor: 0 }, sink);
  clock.advance(120_000);
  assert.equal(model.sockets[0]?.isOver, true);
  assert.ok(model.sockets.length > 1);
});

test("a process that was held up reads on before it calls the connection dead", () => {
  const { clock, model, client } = setUp();
  client.subscribe({ session: modelSession, cursor: 0 }, collector().sink);
  model.settle();
  clock.jump(600_000);
  assert.equal(model.sockets.length, 1);
  clock.advance(60_000);
  assert.ok(model.sockets.length > 1);
});

test("waits between attempts grow to a limit and begin anew after a good connection", () => {
  const { clock, model, client, states } = setUp();
  const { sink } = collector();
  model.isUp = false;
  client.subscribe({ session: modelSession, cursor: 0 }, sink);
  for (let round = 0; round < 60; round++) {
    model.settle();
    clock.advance(100);
  }
  const waits = states.flatMap((state) => (state.kind === "waiting" ? [state.retryInMs] : []));
  assert.deepEqual(waits.slice(0, 6), [75, 150, 300, 600, 750, 750]);
  model.isUp = true;
  clock.advance(1000);
  model.settle();
  clock.advance(10_000);
  model.socket?.break();
  const last = states.at(-1);
  assert.equal(last?.kind === "waiting" && last.retryInMs, 75);
});

test("a refused subscription is over, the others go on", () => {
  const { model, client } = setUp();
  const good = collector();
  const bad = collector();
  client.subscribe({ session: modelSession, cursor: 0 }, good.sink);
  const refused = client.subscribe({ session: modelSession, cursor: 0 }, bad.sink);
  model.settle();
  model.socket?.tell({ type: "error", id: refused.id, code: "session_not_found", message: "there is no such session" });
  model.add(2);
  model.deliver(10);
  assert.deepEqual(bad.errors, ["session_not_found"]);
  assert.deepEqual(bad.seqs, []);
  assert.deepEqual(good.seqs, [1, 2]);
});

test("a server that does not allow the connection is not tried again", () => {
  const { clock, model, client } = setUp();
  const { sink, errors } = collector();
  client.subscribe({ session: modelSession, cursor: 0 }, sink);
  model.settle();
  model.socket?.break(1008);
  clock.advance(100_000);
  assert.equal(model.sockets.length, 1);
  assert.deepEqual(errors, ["closed"]);
});

test("too many appends without an answer are refused, and closing rejects the rest", async () => {
  const { client } = setUp();
  const waiting = Array.from({ length: 4096 }, () => client.append(modelSession, []));
  await assert.rejects(client.append(modelSession, []), { code: "overloaded" });
  client.close();
  for (const result of await Promise.allSettled(waiting)) assert.equal(result.status, "rejected");
});
