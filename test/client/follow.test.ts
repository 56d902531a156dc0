import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TailraceClient } from "#src/client/client.ts";
import { type FollowEvent, type FollowOptions, follow } from "#src/client/follow.ts";
import { HttpModel } from "./http-model.ts";
import { LiveModel, modelSession } from "./live-model.ts";
import { ManualClock } from "./manual-clock.ts";

function setUp() {
  const clock = new ManualClock();
  const http = new HttpModel();
  const live = new LiveModel();
  http.session(modelSession);
  const backoff = { firstMs: 100, maxMs: 1000, random: () => 0.5 };
  const client = new TailraceClient({ url: "http://model", fetch: http.fetch, clock, backoff, retryForMs: 0 });
  const start = (options: Partial<FollowOptions> = {}) =>
    record(follow(client, { session: modelSession, cursor: 0, clock, backoff, goneAfterMs: 10_000, ...options }));
  return { clock, http, live, start };
}

/** Reads a follow in the background. */
function record(events: AsyncGenerator<FollowEvent, void>) {
  const seen = { seqs: [] as number[], talk: [] as string[], isOver: false, error: undefined as unknown };
  const read = async () => {
    for await (const event of events) {
      if (event.type === "entries") seen.seqs.push(...event.entries.map((entry) => entry.seq));
      else if (event.type === "connected") seen.talk.push(`connected via ${event.via}`);
      else seen.talk.push(event.type);
    }
  };
  read()
    .catch((error: unknown) => {
      seen.error = error;
    })
    .finally(() => {
      seen.isOver = true;
    });
  return seen;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test("follow reads over the WebSocket, survives a break, and ends with the session", async () => {
  const { clock, live, start } = setUp();
  const seen = start({ openSocket: live.openSocket });
  live.add(5);
  live.settle();
  live.deliver(3);
  await clock.run(() => seen.seqs.length === 3);
  live.socket?.break();
  await clock.run(() => live.socket !== undefined);
  live.settle();
  live.deliver(100);
  await clock.run(() => seen.seqs.length === 5);
  const id = [...(live.socket?.subscriptions.keys() ?? [])][0] ?? 0;
  live.socket?.tell({ type: "ended", id, cursor: 5, reason: "client request" });
  await clock.run(() => seen.isOver);
  assert.deepEqual(seen.seqs, upTo(5));
  assert.deepEqual(seen.talk, ["connected via websocket", "lost", "connected via websocket", "ended"]);
});

test("follow falls back to polling where WebSockets do not pass", async () => {
  const { clock, http, live, start } = setUp();
  live.isUp = false;
  http.add(modelSession, "one");
  const seen = start({ openSocket: live.openSocket });
  await clock.run(() => {
    live.settle();
    return seen.seqs.length === 1;
  });
  http.add(modelSession, "two");
  await clock.run(() => seen.seqs.length === 2);
  http.end(modelSession, "client request");
  await clock.run(() => seen.isOver);
  assert.deepEqual(seen.seqs, upTo(3));
  assert.deepEqual(seen.talk, ["connected via polling", "ended"]);
});

test("polling sees each entry once and in order, whatever answers fail", async () => {
  const step = fc.constantFrom("add", "unreachable", "answer lost", "overloaded", "wait" as const);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (script) => {
      const { clock, http, start } = setUp();
      const seen = start({ goneAfterMs: 1_000_000 });
      for (const what of script) {
        if (what === "add") http.add(modelSession, "x");
        else if (what !== "wait") http.faults.push(what as "unreachable");
        let steps = 0;
        await clock.run(() => ++steps > 3, 300);
      }
      http.end(modelSession, "client request");
      await clock.run(() => seen.isOver, 300);
      assert.deepEqual(seen.seqs, upTo(http.session(modelSession).entries.length));
      assert.equal(seen.talk.at(-1), "ended");
    }),
    { numRuns: 40 },
  );
});

test("a server that does not come back counts as gone after the given time", async () => {
  const { clock, http, live, start } = setUp();
  const seen = start({ openSocket: live.openSocket });
  live.settle();
  await clock.run(() => seen.talk.length === 1);
  live.isUp = false;
  http.isUp = false;
  live.socket?.break();
  const startMs = clock.monotonicMs();
  await clock.run(() => {
    live.settle();
    return seen.isOver;
  });
  assert.deepEqual(seen.talk, ["connected via websocket", "lost", "gone"]);
  assert.ok(clock.monotonicMs() - startMs >= 10_000);
  assert.equal(clock.timerCount, 0);
});

test("a session that a restart ended is waited for, and followed on when its program resumes it", async () => {
  const { clock, http, start } = setUp();
  http.add(modelSession, "one");
  const seen = start();
  await clock.run(() => seen.seqs.length === 1);
  http.isUp = false;
  await clock.run(() => seen.talk.includes("lost"));
  http.isUp = true;
  http.faults = ["restart"];
  await clock.run(() => seen.talk.includes("interrupted"));
  http.session(modelSession).status = "active";
  http.add(modelSession, "Session resumed");
  http.add(modelSession, "two");
  await clock.run(() => seen.seqs.length === 4);
  http.end(modelSession, "client request");
  await clock.run(() => seen.isOver);
  assert.deepEqual(seen.seqs, upTo(5));
  assert.deepEqual(seen.talk, [
    "connected via polling",
    "lost",
    "connected via polling",
    "interrupted",
    "resumed",
    "connected via polling",
    "ended",
  ]);
});

test("a session that a restart ended and nobody resumes has ended", async () => {
  const { clock, http, start } = setUp();
  const seen = start();
  await clock.run(() => seen.talk.length === 1);
  http.isUp = false;
  await clock.run(() => seen.talk.includes("lost"));
  http.isUp = true;
  http.faults = ["restart"];
  await clock.run(() => seen.isOver);
  assert.deepEqual(seen.talk.slice(-2), ["interrupted", "ended"]);
});

test("a reader that is slow does not make the client hold everything", async () => {
  const { clock, live } = setUp();
  const client = new TailraceClient({ url: "http://model", clock });
  const events = follow(client, { session: modelSession, cursor: 0, clock, openSocket: live.openSocket });
  const first = events.next();
  live.add(60_000);
  live.settle();
  assert.equal((await first).value?.type, "connected");
  for (let round = 0; round < 60; round++) live.deliver(1000);
  assert.equal(live.socket?.subscriptions.size, 0);
  let last = 0;
  while (last < 60_000) {
    const { value } = await events.next();
    if (value?.type === "entries") {
      assert.equal(value.entries[0]?.seq, last + 1);
      last = value.cursor;
    }
    live.deliver(1000);
  }
  await events.return();
});

test("an abort ends a follow with its reason", async () => {
  const { clock, live, start } = setUp();
  const controller = new AbortController();
  const seen = start({ openSocket: live.openSocket, signal: controller.signal });
  live.settle();
  controller.abort(new Error("enough"));
  await clock.run(() => seen.isOver);
  assert.equal((seen.error as Error).message, "enough");
  assert.equal(clock.timerCount, 0);
});

test("what the server refuses is thrown", async () => {
  const { clock, live, start } = setUp();
  const seen = start({ openSocket: live.openSocket });
  live.settle();
  const id = [...(live.socket?.subscriptions.keys() ?? [])][0] ?? 0;
  live.socket?.tell({ type: "error", id, code: "session_not_found", message: "there is no such session" });
  await clock.run(() => seen.isOver);
  assert.equal((seen.error as { code?: string }).code, "session_not_found");
});
