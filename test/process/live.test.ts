/** `/sessions/ws` message by message: subscriptions, appends, the feed of sessions, errors that leave the socket open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import type { SessionId } from "#src/base/ids.ts";
import { BatchWriter } from "#src/client/batch-writer.hot.ts";
import type { EntryObject, SessionList } from "#src/wire/api.ts";
import { entriesOfFrame } from "#src/wire/entry-objects.ts";
import { appendFrame, type DeltaFrame, readDeltaFrame } from "#src/wire/frame.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { sharedServer } from "../harness/server.ts";
import { inTime, until } from "../harness/until.ts";

const server = sharedServer({ flags: ["--log-level", "error", "--segment-bytes", "256KiB"] });

async function withSocket(use: (live: LiveSocket, id: string) => Promise<void>, protocols: string[] = []): Promise<void> {
  const id = await server.session({ appname: "live" });
  const live = await LiveSocket.open(server.url, protocols);
  try {
    await use(live, id);
    live.send({ type: "subscribe", id: 999, session: id });
    await live.next("subscribed", (message) => message.id === 999);
  } finally {
    live.terminate();
  }
}

const messagesOf = (entries: readonly EntryObject[]) => entries.map((entry) => entry.message);

/** Collects the entries of a subscription until it has seen `cursor`. */
async function seen(live: LiveSocket, id: number, cursor: number): Promise<EntryObject[]> {
  const entries: EntryObject[] = [];
  for (let at = -1; at < cursor; ) {
    const delta = await live.next("log", (message) => message.id === id);
    assert.ok(delta.cursor > at && delta.head >= delta.cursor);
    at = delta.cursor;
    entries.push(...delta.entries);
  }
  return entries;
}

test("a socket is greeted with the protocol, the server's session and its credits", async () => {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/sessions/ws`, ["tailrace.json.v1"]);
  const first = await inTime(
    "hello",
    new Promise((resolve) => socket.once("message", (data) => resolve(JSON.parse(String(data))))),
  );
  const { self_id } = (await server.call("GET", "/sessions/")).json<SessionList>();
  assert.deepEqual(first, { type: "hello", protocol: 1, self_id, credits: 256 });
  assert.equal(socket.protocol, "tailrace.json.v1");
  socket.terminate();
});

test("subscriptions begin at a cursor, at a tail or with what is new", () =>
  withSocket(async (live, id) => {
    await server.append(
      id,
      Array.from({ length: 10 }, (_, index) => ({ message: `m${index + 1}` })),
    );
    const starts = [{ cursor: 0 }, { cursor: 7 }, { tail: 2 }, { tail: 99 }, {}, { tail: 0 }, { cursor: 10 }, { cursor: 11 }];
    for (const [index, start] of starts.entries())
      live.send({ type: "subscribe", id: index, session: id.toUpperCase(), ...start });
    for (const [index, cursor] of [0, 7, 8, 0, 10, 10, 10, 11].entries()) {
      const told = await live.next("subscribed", (message) => message.id === index);
      assert.deepEqual(told, { type: "subscribed", id: index, session: id, cursor, head: 10, first: 1 });
    }
    await server.append(id, [{ message: "m11" }, { message: "m12" }]);
    for (const [index, from] of [1, 8, 9, 1, 11, 11, 11, 12].entries()) {
      const entries = await seen(live, index, 12);
      assert.deepEqual(
        entries.map((entry) => entry.seq),
        Array.from({ length: 13 - from }, (_, offset) => from + offset),
      );
      assert.deepEqual(
        messagesOf(entries),
        entries.map((entry) => `m${entry.seq}`),
      );
    }
  }));

test("after unsubscribing nothing more comes, and the number may be used again", () =>
  withSocket(async (live, id) => {
    live.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
    await live.next("subscribed");
    live.send({ type: "unsubscribe", id: 1 });
    live.send({ type: "unsubscribe", id: 77 });
    live.send({ type: "subscribe", id: 2, session: id, cursor: 0 });
    await live.next("subscribed");
    await server.append(id, [{ message: "new" }]);
    await seen(live, 2, 1);
    assert.deepEqual(live.messages, []);
    live.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
    assert.deepEqual(messagesOf(await seen(live, 1, 1)), ["new"]);
  }));

test("filters choose entries and the cursor still moves past the others", () =>
  withSocket(async (live, id) => {
    live.send({ type: "subscribe", id: 1, session: id, cursor: 0, level: "warn" });
    live.send({ type: "subscribe", id: 2, session: id, cursor: 0, logger: "L", q: "NEEDLE" });
    live.send({ type: "subscribe", id: 3, session: id, cursor: 0, template: "{a} b" });
    await server.append(id, [
      { message: "a needle", level: "info", logger: "L" },
      { message: "needle", level: "error", logger: "M" },
      { format: "{a} b", fields: { a: "needle" }, logger: "L" },
      { message: "hay", level: "critical" },
    ]);
    const seqs = async (sub: number, last: number) => (await seen(live, sub, last)).map((entry) => entry.seq);
    assert.deepEqual(await seqs(1, 4), [2, 4]);
    assert.deepEqual(await seqs(2, 3), [1, 3]);
    assert.deepEqual(await seqs(3, 3), [3]);
  }));

test("the end of a session comes behind its last entry, to those who are there and to those who come later", () =>
  withSocket(async (live, id) => {
    live.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
    live.send({ type: "subscribe", id: 2, session: id, cursor: 0, level: "error" });
    await server.append(id, [{ message: "one" }]);
    await server.call("DELETE", `/sessions/${id}`);
    live.send({ type: "subscribe", id: 3, session: id, cursor: 0 });
    live.send({ type: "subscribe", id: 4, session: id });
    for (const sub of [1, 3]) assert.deepEqual(messagesOf(await seen(live, sub, 2)), ["one", "Session ended: client request"]);
    for (const sub of [1, 2, 3, 4]) {
      const ended = await live.next("ended", (message) => message.id === sub);
      assert.deepEqual(ended, { type: "ended", id: sub, cursor: 2, reason: "client request" });
    }
    live.send({ type: "subscribe", id: 1, session: id, cursor: 1 });
    await live.next("ended", (message) => message.id === 1);
  }));

test("the end is told even while durable readers of the ended session are being moved", () =>
  withSocket(async (live, id) => {
    await server.append(id, [{ message: "one" }]);
    await server.call("DELETE", `/sessions/${id}`);
    for (let round = 0; round < 100; round++) {
      const moved = server.call("PUT", `/sessions/${id}/readers/r`, { body: { cursor: round } });
      live.send({ type: "subscribe", id: round, session: id, cursor: 2 });
      await live.next("ended", (message) => message.id === round);
      await moved;
    }
  }));

test("mistakes are answered and leave the socket open", () =>
  withSocket(async (live, id) => {
    const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
    const unknown = "66f000000000000000000001";
    live.send({ type: "subscribe", id: 5, session: id });
    const bad: readonly (readonly [string, string, object?])[] = [
      ["nope", "invalid_json"],
      ["", "invalid_json"],
      ['{"type":"subscribe"', "invalid_json"],
      ["5", "invalid_batch"],
      ["null", "invalid_batch"],
      ["[]", "invalid_batch"],
      ["{}", "invalid_batch"],
      ['{"type":"dance","id":3}', "invalid_batch", { id: 3 }],
      [`{"type":${deep}}`, "invalid_batch"],
      [`{"type":"subscribe","id":1,"session":"${unknown}"}`, "session_not_found", { id: 1 }],
      ['{"type":"subscribe","id":1,"session":"../../etc"}', "invalid_session_id", { id: 1 }],
      ['{"type":"subscribe","id":1}', "invalid_session_id", { id: 1 }],
      [`{"type":"subscribe","session":"${id}"}`, "invalid_query"],
      [`{"type":"subscribe","id":"1","session":"${id}"}`, "invalid_query"],
      [`{"type":"subscribe","id":-1,"session":"${id}"}`, "invalid_query"],
      [`{"type":"subscribe","id":5,"session":"${id}"}`, "invalid_query", { id: 5 }],
      [`{"type":"subscribe","id":1,"session":"${id}","cursor":-1}`, "invalid_query", { id: 1 }],
      [`{"type":"subscribe","id":1,"session":"${id}","cursor":"0"}`, "invalid_query", { id: 1 }],
      [`{"type":"subscribe","id":1,"session":"${id}","tail":1.5}`, "invalid_query", { id: 1 }],
      [`{"type":"subscribe","id":1,"session":"${id}","level":"loud"}`, "invalid_query", { id: 1 }],
      [`{"type":"subscribe","id":1,"session":"${id}","level":5}`, "invalid_query", { id: 1 }],
      [`{"type":"subscribe","id":1,"session":"${id}","policy":"fast"}`, "invalid_query", { id: 1 }],
      ['{"type":"sessions","id":1,"status":"gone"}', "invalid_query", { id: 1 }],
      ['{"type":"sessions"}', "invalid_query"],
      ['{"type":"unsubscribe"}', "invalid_query"],
      ['{"type":"unsubscribe","id":1,}', "invalid_json", { offset: 29 }],
      [`{"type":"heartbeat","session":"${unknown}"}`, "session_not_found"],
      [`{"type":"append","ref":1,"session":"${unknown}","entries":[]}`, "session_not_found", { ref: 1 }],
      [`{"type":"append","ref":1,"session":"${id}","entries":5}`, "invalid_batch", { ref: 1 }],
      [`{"type":"append","ref":1,"session":"${id}"}`, "invalid_batch", { ref: 1 }],
      [`{"type":"append","session":"${id}","entries":[]}`, "invalid_query"],
      [`{"type":"append","ref":1,"session":"${id}","entries":[{"message":"m"}],"ack":"maybe"}`, "invalid_query", { ref: 1 }],
      [
        `{"type":"append","ref":1,"session":"${id}","entries":[{"message":"m"},{"message":"n","level":"loud"}]}`,
        "invalid_entry",
        { ref: 1, index: 1, field: "level" },
      ],
      [
        `{"type":"append","ref":1,"session":"${id}","entries":[{"message":"m","fields":{"a":${deep}}}]}`,
        "invalid_entry",
        { ref: 1, index: 0 },
      ],
    ];
    for (const [text, code, more = {}] of bad) {
      live.socket.send(text);
      const error = await live.next("error");
      assert.equal(error.code, code, `${text.slice(0, 100)}: ${JSON.stringify(error).slice(0, 200)}`);
      for (const [name, value] of Object.entries(more))
        assert.equal(Reflect.get(error, name), value, `${text.slice(0, 100)}: ${name}`);
      assert.ok(error.message.length > 10);
    }
    assert.equal((await server.readAll(id)).length, 0);
  }));

test("appends over a socket are acknowledged with their seqs and may wait for the disk", () =>
  withSocket(async (live, id) => {
    live.send({ type: "append", ref: 7, session: id, entries: [{ message: "a" }, { message: "b" }, { message: "c" }] });
    assert.deepEqual(await live.next("ack"), { type: "ack", ref: 7, first: 1, cursor: 3, count: 3, ack: "written" });
    live.send({
      type: "append",
      ref: 0,
      session: id,
      entries: [{ message: "d", fields: { n: 12345678901234567890n.toString() } }],
      ack: "synced",
    });
    assert.deepEqual(await live.next("ack"), { type: "ack", ref: 0, first: 4, cursor: 4, count: 1, ack: "synced" });
    live.send({ type: "append", ref: 8, session: id, entries: [] });
    assert.deepEqual(await live.next("ack"), { type: "ack", ref: 8, cursor: 4, count: 0, ack: "written" });
    live.socket.send(
      `{"entries":[{"message":"e","fields":{"n":12345678901234567890}}],"session":"${id}","ref":9,"type":"append"}`,
    );
    assert.equal((await live.next("ack")).first, 5);
    assert.match(
      (await server.call("GET", `/sessions/${id}/log?cursor=4`)).text,
      /"n":12345678901234567890/,
      "digits stay as sent",
    );
    await server.call("DELETE", `/sessions/${id}`);
    live.send({ type: "append", ref: 10, session: id, entries: [{ message: "late" }] });
    const error = await live.next("error");
    assert.deepEqual([error.ref, error.code], [10, "session_ended"]);
  }));

test("more than 256 unacknowledged appends are refused, and what was acknowledged is stored in order", () =>
  withSocket(async (live, id) => {
    const count = 2000;
    const outcomes = new Map<number, "ack" | "error">();
    live.keeps = false;
    live.onMessage = (message) => {
      if (message.type === "ack") outcomes.set(message.ref, "ack");
      if (message.type !== "error") return;
      assert.equal(message.code, "overloaded");
      outcomes.set(message.ref ?? -1, "error");
    };
    for (let ref = 0; ref < count; ref++) live.send({ type: "append", ref, session: id, entries: [{ message: `r${ref}` }] });
    await until("all outcomes", () => outcomes.size === count);
    live.keeps = true;
    const acknowledged = [...outcomes].filter(([, outcome]) => outcome === "ack").map(([ref]) => `r${ref}`);
    assert.ok(acknowledged.length >= 256 && acknowledged.length < count, `${acknowledged.length} of ${count} were taken`);
    assert.deepEqual(messagesOf(await server.readAll(id)), acknowledged);
  }));

test("the feed of sessions is a snapshot and then changes, at most four a second for each session", () =>
  withSocket(async (live, id) => {
    const other = await server.session({ appname: "other" });
    live.send({ type: "sessions", id: 1, status: "all" });
    const snapshot = await live.next("sessions");
    assert.ok([id, other].every((wanted) => snapshot.sessions.some((session) => session.id === wanted)));
    const startMs = performance.now();
    for (let index = 0; index < 300; index++) await server.append(id, [{ message: "m" }]);
    await live.next("session", (message) => message.session.id === id && message.session.head === 300);
    const changes = live.messages.filter((message) => message.type === "session" && message.session.id === id).length + 1;
    assert.ok(changes <= (performance.now() - startMs) / 250 + 2, `${changes} changes for 300 appends`);
    const fresh = await server.session({ appname: "fresh" });
    await live.next("session", (message) => message.session.id === fresh);
    await server.call("PUT", `/sessions/${fresh}`, { body: { metadata: { a: 1 } } });
    await live.next("session", (message) => message.session.id === fresh && message.session.metadata["a"] === 1);
    await server.call("DELETE", `/sessions/${fresh}`);
    await live.next("session", (message) => message.session.id === fresh && message.session.status === "ended");
    await server.call("DELETE", `/sessions/${fresh}?purge=true`);
    assert.equal((await live.next("session_removed")).session, fresh);
    live.send({ type: "unsubscribe", id: 1 });
  }));

test("a feed of one status tells of sessions that come into it and leave it, and of no others", () =>
  withSocket(async (live, id) => {
    live.send({ type: "sessions", id: 1, status: "ended" });
    live.send({ type: "sessions", id: 2 });
    await live.next("sessions", (message) => message.id === 1 && message.sessions.every((session) => session.status === "ended"));
    await live.next(
      "sessions",
      (message) => message.id === 2 && message.sessions.every((session) => session.status === "active"),
    );
    await server.append(id, [{ message: "m" }]);
    await live.next("session", (message) => message.id === 2 && message.session.head === 1);
    await server.call("DELETE", `/sessions/${id}`);
    await live.next("session", (message) => message.id === 1 && message.session.status === "ended");
    await live.next("session", (message) => message.id === 2 && message.session.status === "ended");
    const early = live.messages.filter(
      (message) => message.type === "session" && message.id === 1 && message.session.status === "active",
    );
    assert.deepEqual(early, [], "the feed of ended sessions says nothing of active ones");
  }));

test("deltas and appends of the binary protocol hold the same entries", () =>
  withSocket(
    async (live, id) => {
      const writer = new BatchWriter();
      for (let index = 0; index < 3000; index++)
        writer.addMessage(1_700_000_000_000 + index, (index % 6) + 1, index % 3 === 0 ? "L" : "", `binary ✓ ${index}`);
      live.send({ type: "subscribe", id: 4, session: id, cursor: 0 });
      live.send({ type: "subscribe", id: 5, session: id, cursor: 0, level: "error" });
      live.socket.send(appendFrame({ ref: 3, session: id as SessionId, key: "b:1" }, writer.finish().slice()));
      assert.deepEqual(await live.next("ack"), { type: "ack", ref: 3, first: 1, cursor: 3000, count: 3000, ack: "written" });
      const stored = await server.readAll(id);
      assert.equal(stored[2999]?.message, "binary ✓ 2999");
      const got = new Map<number, EntryObject[]>([
        [4, []],
        [5, []],
      ]);
      const cursors = new Map<number, number>();
      while ((cursors.get(4) ?? 0) < 3000 || (cursors.get(5) ?? 0) < 3000) {
        const { bytes } = await live.next("binary");
        const frame = readDeltaFrame(bytes) as DeltaFrame;
        assert.equal(frame.from, cursors.get(frame.id) ?? 0, "a delta begins where the last one ended");
        cursors.set(frame.id, frame.cursor);
        const inside = entriesOfFrame(bytes, frame).filter((entry) => entry.seq > frame.from && entry.seq <= frame.cursor);
        got.get(frame.id)?.push(...inside);
      }
      assert.deepEqual(got.get(4), stored);
      assert.deepEqual(
        got.get(5),
        stored.filter((entry) => entry.level === "error" || entry.level === "critical"),
      );
    },
    ["tailrace.flatbuffers.v1"],
  ));

test("binary messages that are no appends end the socket with 1003", async () => {
  for (const [protocols, bytes] of [
    [[], Buffer.from("x")],
    [["tailrace.flatbuffers.v1"], Buffer.from("not a frame that can be read, at all")],
  ] as const) {
    const live = await LiveSocket.open(server.url, [...protocols]);
    live.socket.send(bytes);
    assert.equal(await live.closed(), 1003);
  }
});

test("a page of another origin may not open a socket, one of this server may", async () => {
  const status = (headers: Record<string, string>) =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(`${server.url.replace("http", "ws")}/sessions/ws`, { headers });
      socket.on("open", () => resolve(101)).on("open", () => socket.terminate());
      socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
      socket.on("error", () => {});
    });
  assert.equal(await status({ origin: "https://evil.example" }), 403);
  assert.equal(await status({ origin: "null" }), 403);
  assert.equal(await status({ origin: "http://127.0.0.1.evil.example" }), 403);
  assert.equal(await status({ origin: server.url }), 101);
  assert.equal(await status({ origin: `http://localhost:${server.port}` }), 101);
  assert.equal(await status({}), 101);
  assert.equal(await status({ host: "evil.example" }), 403);
});
