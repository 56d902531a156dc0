/** Many clients that want different things of the same sessions at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppendAnswer, SessionList, SessionObject } from "#src/wire/api.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { freshSessionId, randomOf, seedOfRun } from "../harness/random.ts";
import { sharedServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const server = sharedServer({ flags: ["--log-level", "error", "--segment-bytes", "64KiB"] });

test("fifty clients that make the same session at once make one", async () => {
  for (let round = 0; round < 10; round++) {
    const id = freshSessionId();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0
          ? server.call("POST", `/sessions/${id}`, { body: { appname: `a${index}` } })
          : server.append(id, [{ message: `m${index}` }], `?create=true&appname=b${index}`),
      ),
    );
    assert.ok(answers.every((answer) => answer.status < 300));
    assert.ok(answers.filter((answer) => answer.status === 201).length <= 1);
    const seqs = answers
      .flatMap((answer, index) => (index % 2 === 0 ? [] : (answer.json<AppendAnswer>().first ?? 0)))
      .sort((a, b) => a - b);
    assert.deepEqual(
      seqs,
      Array.from({ length: 25 }, (_, index) => index + 1),
    );
    const stored = (await server.readAll(id)).map((entry) => entry.message);
    assert.deepEqual(stored.sort(), Array.from({ length: 25 }, (_, index) => `m${index * 2 + 1}`).sort());
  }
});

test("W2: nothing is stored between the end of a session and its resumption, however many write while it ends and resumes", async () => {
  const id = await server.session();
  const live = await LiveSocket.open(server.url);
  live.keeps = false;
  let acknowledged = 0;
  let refused = 0;
  let answeredRefs = 0;
  let isOver = false;
  live.onMessage = (message) => {
    if (message.type === "ack" || message.type === "error") answeredRefs++;
    if (message.type === "ack") acknowledged++;
    if (message.type === "error") refused += message.code === "session_ended" ? 1 : assert.fail(message.code);
  };
  const overHttp = Array.from({ length: 8 }, async (_, index) => {
    for (let number = 0; !isOver; number++) {
      const answer = await server.append(id, [{ message: `h${index} ${number}` }]);
      if (answer.status === 200) acknowledged++;
      else assert.equal(answer.error.code, "session_ended");
      refused += answer.status === 200 ? 0 : 1;
    }
  });
  let ref = 0;
  const overSocket = (async () => {
    while (!isOver) {
      for (let burst = 0; burst < 20; burst++)
        live.send({ type: "append", ref: ++ref, session: id, entries: [{ message: `s ${ref}` }] });
      await until("their answers", () => answeredRefs === ref);
    }
  })();
  for (let round = 0; round < 40; round++) {
    const ended = await server.call("DELETE", `/sessions/${id}`);
    assert.equal(ended.status, 200);
    assert.equal((await server.call("POST", `/sessions/${id}`)).status, 200);
  }
  isOver = true;
  await Promise.all([...overHttp, overSocket]);
  const stored = await server.readAll(id);
  let isOpen = true;
  for (const { seq, message, logger } of stored) {
    if (logger === "sessions") {
      assert.equal(message, isOpen ? "Session ended: client request" : "Session resumed", `at ${seq}`);
      isOpen = !isOpen;
    } else assert.ok(isOpen, `"${message}" is stored at ${seq}, while the session had ended`);
  }
  assert.equal(stored.filter((entry) => entry.logger !== "sessions").length, acknowledged);
  assert.ok(refused > 0, "some came too late");
  live.terminate();
});

test("a session is not seen as ended before its last entry can be read, and both who end it are told the same", async () => {
  const text = "x".repeat(2000);
  for (let round = 0; round < 15; round++) {
    const id = await server.session();
    const batch = Array.from({ length: 300 }, () => ({ message: text }));
    const writing = Array.from({ length: 6 }, () => server.append(id, batch));
    const ends = [server.call("DELETE", `/sessions/${id}`), server.call("DELETE", `/sessions/${id}?reason=other`)];
    const seen = await until("the end", async () => {
      const session = (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
      return session.status === "ended" ? session : undefined;
    });
    await Promise.all(writing);
    const stored = await server.readAll(id);
    assert.match(stored.at(-1)?.message ?? "", /^Session ended: /);
    assert.equal(seen.head, stored.length, "nothing comes behind what was there when it was seen as ended");
    for (const answer of await Promise.all(ends)) assert.deepEqual(answer.json(), seen);
  }
});

test("a feed of sessions that is slow now and then ends up with what the list says", async (t) => {
  const random = randomOf(seedOfRun());
  const live = await LiveSocket.open(server.url);
  live.keeps = false;
  const known = new Map<string, Map<string, SessionObject>>();
  const statuses = ["all", "active", "ended"] as const;
  let changes = 0;
  live.onMessage = (message) => {
    if (message.type !== "sessions" && message.type !== "session" && message.type !== "session_removed") return;
    changes++;
    const status = statuses[message.id] as string;
    const sessions = message.type === "sessions" ? new Map<string, SessionObject>() : (known.get(status) ?? new Map());
    known.set(status, sessions);
    if (message.type === "session_removed") sessions.delete(message.session);
    for (const session of message.type === "sessions" ? message.sessions : message.type === "session" ? [message.session] : []) {
      if (status === "all" || session.status === status) sessions.set(session.id, session);
      else sessions.delete(session.id);
    }
  };
  for (const [id, status] of statuses.entries()) live.send({ type: "sessions", id, status });
  const ids = Array.from({ length: 60 }, () => freshSessionId());
  const metadata = { text: "m".repeat(20_000) };
  for (let step = 0; step < 1200; step++) {
    const id = random.pick(ids);
    const what = random.whole(0, 9);
    if (what < 5) await server.call("POST", `/sessions/${id}`, { body: { appname: `a${step}`, metadata } });
    else if (what < 7) await server.append(id, [{ message: "m" }]);
    else if (what < 9) await server.call("DELETE", `/sessions/${id}`);
    else await server.call("DELETE", `/sessions/${id}?purge=true`);
    if (step % 100 === 20) live.socket.pause();
    if (step % 100 === 80) live.socket.resume();
  }
  live.socket.resume();
  for (const status of statuses) {
    const { sessions } = (await server.call("GET", `/sessions/?status=${status}&limit=10000`)).json<SessionList>();
    const wanted = JSON.stringify(sessions.map(essence).sort());
    await until(
      `the feed of ${status} sessions`,
      () => JSON.stringify([...(known.get(status)?.values() ?? [])].map(essence).sort()) === wanted,
    );
  }
  t.diagnostic(`figures: seed ${random.seed}, 1200 changes of 60 sessions, ${changes} messages of 3 feeds`);
  live.terminate();
});

function essence({ id, status, appname, head }: SessionObject): string {
  return `${id} ${status} ${appname} ${head}`;
}

test("subscriptions and sockets that come and go leave nothing behind", async () => {
  const id = await server.session();
  const gauge = async (name: string) =>
    Number(new RegExp(`^tailrace_${name} (\\d+)`, "m").exec((await server.call("GET", "/metrics")).text)?.[1]);
  const before = await gauge("subscribers");
  for (let round = 0; round < 20; round++) {
    const sockets = await Promise.all(Array.from({ length: 10 }, () => LiveSocket.open(server.url)));
    for (const live of sockets) {
      for (let sub = 0; sub < 50; sub++) live.send({ type: "subscribe", id: sub, session: id, cursor: 0, q: `x${sub}` });
      for (let sub = 0; sub < 25; sub++) live.send({ type: "unsubscribe", id: sub });
      live.send({ type: "sessions", id: 99 });
      live.send({ type: "append", ref: 1, session: id, entries: [{ message: "m" }] });
    }
    await Promise.all(sockets.map((live) => live.next("ack")));
    for (const [index, live] of sockets.entries()) {
      if (index % 2 === 0) live.terminate();
      else live.socket.close();
    }
  }
  await until("all subscriptions are gone", async () => (await gauge("subscribers")) === before);
  const { sockets, shards } = (await server.call("GET", "/stats/sessions")).json<{
    sockets: number;
    shards: { slab_bytes: number }[];
  }>();
  assert.equal(sockets, 0);
  assert.ok(
    shards.every((shard) => shard.slab_bytes <= 64 * 1024),
    JSON.stringify(shards),
  );
  assert.equal((await server.readAll(id)).length, 200);
});
