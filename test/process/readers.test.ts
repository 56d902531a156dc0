/** Durable readers: entries handed out under leases, positions that survive, every entry confirmed once per reader. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntryObject, ReaderObject, SessionObject } from "#src/wire/api.ts";
import type { HttpAnswer } from "../harness/http.ts";
import { type Random, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, sharedServer, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });

interface Claim {
  readonly from: number;
  readonly to: number;
  readonly lease_until: string | null;
  readonly attempt?: number;
  readonly entries: EntryObject[];
}

async function sessionWith(count: number, target = server): Promise<string> {
  const id = await target.session();
  await target.append(
    id,
    Array.from({ length: count }, (_, index) => ({ message: `m${index + 1}` })),
  );
  return id;
}

function reader(id: string, verb: string, path: string, body?: object, target = server): Promise<HttpAnswer> {
  return target.call(verb, `/sessions/${id}/readers/${path}`, body === undefined ? {} : { body });
}

const claim = (id: string, name: string, query: string, target = server) =>
  reader(id, "POST", `${name}/claim?${query}`, undefined, target);
const confirm = (id: string, name: string, cursor: number, target = server) =>
  reader(id, "POST", `${name}/confirm`, { cursor }, target);

function assertError(answer: HttpAnswer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.error.code], [status, code], answer.text);
}

/** Claims until the last lease is over; what else is answered is an error. */
function claimAgain(id: string, name: string, query: string, target = server): Promise<HttpAnswer> {
  return until("the end of a lease", async () => {
    const answer = await claim(id, name, query, target);
    if (answer.status === 200) return answer;
    assert.equal(answer.error.code, "leased");
    return undefined;
  });
}

test("a reader is made, shown, moved, listed and deleted", async () => {
  const id = await sessionWith(5);
  const made = await reader(id, "PUT", "one", { cursor: 2 });
  assert.deepEqual(
    [made.status, made.json()],
    [201, { name: "one", cursor: 2, head: 5, lag: 3, state: "ready", attempts: 0, lease_until: null }],
  );
  assert.equal((await reader(id, "PUT", "two.-_X")).json<ReaderObject>().cursor, 0);
  assert.deepEqual(
    [(await reader(id, "PUT", "one", { cursor: 4 })).status, (await reader(id, "GET", "one")).json<ReaderObject>().cursor],
    [200, 4],
  );
  assert.equal((await reader(id, "PUT", "one")).json<ReaderObject>().cursor, 4, "without a cursor it stays");
  const list = (await server.call("GET", `/sessions/${id}/readers`)).json<{ readers: ReaderObject[] }>().readers;
  assert.deepEqual(
    list.map((each) => [each.name, each.lag]),
    [
      ["one", 1],
      ["two.-_X", 5],
    ],
  );
  assert.equal((await reader(id, "DELETE", "one")).status, 200);
  assertError(await reader(id, "GET", "one"), 404, "not_found");
  assertError(await reader(id, "DELETE", "one"), 404, "not_found");
  for (const name of ["a%20b", "a%2fb", "x".repeat(65), "%C3%BC"])
    assertError(await reader(id, "PUT", name, { cursor: 0 }), 400, "invalid_query");
  for (const body of [{ cursor: -1 }, { cursor: "1" }, { cursor: 1.5 }])
    assertError(await reader(id, "PUT", "bad", body), 400, "invalid_batch");
});

test("a claim hands out what is next, a confirmation moves on, in parts or at once", async () => {
  const id = await sessionWith(10);
  await reader(id, "PUT", "r", { cursor: 0 });
  const first = (await claim(id, "r", "limit=4&lease=60000")).json<Claim>();
  assert.deepEqual([first.from, first.to, first.attempt, first.entries.map((entry) => entry.seq)], [1, 4, 1, [1, 2, 3, 4]]);
  assertError(await claim(id, "r", "limit=1"), 409, "leased");
  const leased = (await reader(id, "GET", "r")).json<ReaderObject>();
  assert.deepEqual([leased.state, leased.attempts, leased.lease_until, leased.cursor], ["leased", 1, first.lease_until, 0]);
  assertError(await confirm(id, "r", 5), 409, "not_leased");
  assertError(await confirm(id, "r", 0), 409, "not_leased");
  assert.equal((await confirm(id, "r", 2)).json<ReaderObject>().cursor, 2);
  assertError(await claim(id, "r", ""), 409, "leased");
  assertError(await confirm(id, "r", 2), 409, "not_leased");
  const done = (await confirm(id, "r", 4)).json<ReaderObject>();
  assert.deepEqual([done.cursor, done.state, done.lag], [4, "ready", 6]);
  assertError(await confirm(id, "r", 5), 409, "not_leased");
  assert.deepEqual(
    (await claim(id, "r", "")).json<Claim>().entries.map((entry) => entry.seq),
    [5, 6, 7, 8, 9, 10],
  );
});

test("a claim on an idle session answers with nothing, waits if asked, and is woken by the next entry", async () => {
  const id = await sessionWith(1);
  await reader(id, "PUT", "r", { cursor: 1 });
  assert.deepEqual((await claim(id, "r", "")).json<Claim>(), { from: 2, to: 1, lease_until: null, attempt: 0, entries: [] });
  assert.equal((await reader(id, "GET", "r")).json<ReaderObject>().state, "ready", "nothing was handed out");
  const waiting = claim(id, "r", "wait=30000&lease=60000");
  await until("the claim waits", async () => (await reader(id, "GET", "r")).status === 200);
  await server.append(id, [{ message: "wake" }]);
  assert.deepEqual(
    (await waiting).json<Claim>().entries.map((entry) => entry.message),
    ["wake"],
  );
});

test("what is not confirmed in time is handed out again, and after five times the reader stalls until it is resumed", async () => {
  const id = await sessionWith(3);
  await reader(id, "PUT", "r", { cursor: 0 });
  for (let attempt = 1; attempt <= 5; attempt++) {
    const got = (await claimAgain(id, "r", "limit=2&lease=1")).json<Claim>();
    assert.deepEqual([got.attempt, got.from, got.to], [attempt, 1, 2]);
  }
  await until("the last lease is over", async () => (await claim(id, "r", "")).error.code === "stalled");
  assertError(await claim(id, "r", "wait=10000"), 409, "stalled");
  assertError(await confirm(id, "r", 1), 409, "not_leased");
  const stalled = (await reader(id, "GET", "r")).json<ReaderObject>();
  assert.deepEqual([stalled.state, stalled.attempts, stalled.cursor], ["stalled", 5, 0]);
  assert.equal((await reader(id, "POST", "r/resume")).json<ReaderObject>().state, "ready");
  assert.equal((await claimAgain(id, "r", "limit=1&lease=1")).json<Claim>().from, 1);
  assert.deepEqual((await reader(id, "POST", "r/resume", { cursor: 2 })).json<ReaderObject>().cursor, 2);
  assert.equal((await claim(id, "r", "")).json<Claim>().from, 3);
});

test("a client whose lease is over does not confirm under the lease of another when it names its own", async () => {
  const id = await sessionWith(3);
  await reader(id, "PUT", "r", { cursor: 0 });
  const mine = (await claim(id, "r", "limit=2&lease=1")).json<Claim>();
  const theirs = (await claimAgain(id, "r", "limit=2&lease=60000")).json<Claim>();
  assertError(await reader(id, "POST", "r/confirm", { cursor: 2, lease_until: mine.lease_until }), 409, "not_leased");
  assertError(await reader(id, "POST", "r/confirm", { cursor: 2, lease_until: "soon" }), 400, "invalid_batch");
  const done = await reader(id, "POST", "r/confirm", { cursor: 2, lease_until: theirs.lease_until });
  assert.equal(done.json<ReaderObject>().cursor, 2);
});

test("D1: leases, attempts and confirmed positions survive kill -9", async (t) => {
  const own = await serverFor(t, { flags: ["--log-level", "error"] });
  const id = await sessionWith(10, own);
  await reader(id, "PUT", "leased", { cursor: 0 }, own);
  await reader(id, "PUT", "moved", { cursor: 0 }, own);
  await claim(id, "leased", "limit=3&lease=3600000", own);
  await claim(id, "moved", "limit=7&lease=3600000", own);
  assert.equal((await confirm(id, "moved", 6, own)).status, 200);
  await own.kill();
  await own.start();
  assertError(await claim(id, "leased", "", own), 409, "leased");
  assert.equal((await confirm(id, "leased", 3, own)).status, 200);
  const moved = (await reader(id, "GET", "moved", undefined, own)).json<ReaderObject>();
  assert.deepEqual([moved.cursor, moved.state], [6, "leased"]);
  assert.equal((await confirm(id, "moved", 7, own)).status, 200);
  assert.equal((await claim(id, "moved", "", own)).json<Claim>().from, 8);
});

/** A consumer that crashes at random: it claims, sometimes forgets, sometimes confirms in parts; until `last` is confirmed. */
async function consume(
  target: TestServer,
  id: string,
  confirmed: Map<number, number>,
  last: () => number,
  random: Random,
): Promise<void> {
  while ((confirmed.get(-1) ?? 0) < last()) {
    await until("a server", () => target.isUp);
    const answer = await claim(
      id,
      "work",
      `limit=${random.whole(1, 40)}&lease=${random.pick([20, 100, 400])}&wait=50`,
      target,
    ).catch(() => undefined);
    if (answer?.status !== 200) {
      if (answer?.status === 409 && answer.error.code === "stalled")
        await reader(id, "POST", "work/resume", undefined, target).catch(() => undefined);
      continue;
    }
    const got = answer.json<Claim>();
    if (got.entries.length === 0 || random.whole(0, 9) === 0) continue;
    const upTo = random.whole(0, 3) === 0 ? random.whole(got.from, got.to) : got.to;
    const confirmation = { cursor: upTo, lease_until: got.lease_until };
    const done = await reader(id, "POST", "work/confirm", confirmation, target).catch(() => undefined);
    if (done === undefined) confirmed.set(-2, (confirmed.get(-2) ?? 0) + 1);
    if (done?.status !== 200) continue;
    for (let seq = got.from; seq <= upTo; seq++) confirmed.set(seq, (confirmed.get(seq) ?? 0) + 1);
    confirmed.set(-1, Math.max(confirmed.get(-1) ?? 0, upTo));
  }
}

test("D1: four consumers that crash, of a server that is killed, confirm every entry once", async (t) => {
  const own = await serverFor(t, { flags: ["--log-level", "fatal"] });
  const random = randomOf(seedOfRun());
  const id = await own.session();
  const work = 1000;
  await reader(id, "PUT", "work", { cursor: 0 }, own);
  await own.append(
    id,
    Array.from({ length: work }, (_, index) => ({ message: `m${index + 1}` })),
  );
  const confirmed = new Map<number, number>();
  const consumers = Promise.all(Array.from({ length: 4 }, () => consume(own, id, confirmed, () => work, random)));
  for (const at of [200, 500, 800]) {
    await until(`${at} are confirmed`, () => (confirmed.get(-1) ?? 0) >= at);
    await own.kill();
    await own.start();
  }
  await consumers;
  let twice = 0;
  for (let seq = 1; seq <= work; seq++) if ((confirmed.get(seq) ?? 0) > 1) twice++;
  const missing = Array.from({ length: work }, (_, index) => index + 1).filter((seq) => !confirmed.has(seq)).length;
  const unanswered = confirmed.get(-2) ?? 0;
  t.diagnostic(
    `figures: seed ${random.seed}, ${work} entries, 3 kills, ${unanswered} confirmations without an answer, ${missing} entries in them, ${twice} twice`,
  );
  assert.equal(twice, 0);
  // What a lost answer confirmed is known to the server alone; it never comes twice and never is skipped.
  assert.ok(missing <= unanswered * 40, `${missing} entries were never confirmed`);
  const state = (await reader(id, "GET", "work", undefined, own)).json<ReaderObject>();
  assert.ok(state.cursor >= work);
  assert.equal((await own.call("GET", `/sessions/${id}`)).json<SessionObject>().head, work + 1);
});
