/** Following a session over plain HTTP: server-sent events and long polls, for clients behind proxies without WebSockets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntryObject, LogPage } from "#src/wire/api.ts";
import { EventStream, type StreamEvent } from "../harness/event-stream.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { sharedServer, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

let quietly: Promise<void> | undefined;
const server = sharedServer({ flags: ["--log-level", "error", "--segment-bytes", "1MiB"] }, async (started) => {
  quietly = followQuietly(started);
  // It is looked at by the last test; until then nobody else may be told of its failure.
  quietly.catch(() => {});
});

function streamUrl(id: string, query: string): string {
  return `${server.url}/sessions/${id}/log/stream?${query}`;
}

interface LogData {
  readonly cursor: number;
  readonly head: number;
  readonly entries: EntryObject[];
}

function logOf(event: StreamEvent): LogData {
  const data = JSON.parse(event.data) as LogData;
  assert.equal(event.id, String(data.cursor), "the id of an event is its cursor");
  return data;
}

test("a stream tells the entries behind its cursor, then new ones, then the end, and closes", async () => {
  const id = await server.session();
  await server.append(id, [{ message: "one" }, { message: "two\nlines\r\nand more" }]);
  const stream = await EventStream.open(streamUrl(id, "cursor=1"));
  assert.equal(stream.response.headers["content-type"], "text/event-stream");
  const first = logOf(await stream.next("log"));
  assert.deepEqual([first.cursor, first.entries[0]?.message], [2, "two\nlines\r\nand more"]);
  await server.append(id, [{ message: "three" }]);
  assert.deepEqual(
    logOf(await stream.next("log")).entries.map((entry) => entry.seq),
    [3],
  );
  await server.call("DELETE", `/sessions/${id}`);
  assert.equal(logOf(await stream.next("log")).entries[0]?.message, "Session ended: client request");
  assert.deepEqual(JSON.parse((await stream.next("ended")).data), { cursor: 4, reason: "client request" });
  await stream.ended();
});

test("a stream on a session without news is open at once, not with its first event", async () => {
  const id = await server.session();
  const stream = await EventStream.open(streamUrl(id, "cursor=0"));
  assert.ok(
    stream.events.every((event) => event.event === ""),
    "nothing but a comment has come",
  );
  stream.close();
});

test("a stream resumes behind Last-Event-ID, which counts more than its cursor, with filters", async () => {
  const id = await server.session();
  await server.append(
    id,
    Array.from({ length: 10 }, (_, index) => ({ message: `m${index + 1}`, level: index % 2 === 0 ? "info" : "error" })),
  );
  const stream = await EventStream.open(streamUrl(id, "cursor=0&level=warn"), { "last-event-id": "4" });
  const data = logOf(await stream.next("log"));
  assert.deepEqual(
    data.entries.map((entry) => entry.seq),
    [6, 8, 10],
  );
  stream.close();
  const unlucky = await EventStream.open(streamUrl(id, "cursor=0&q=nothing+such"));
  assert.deepEqual(logOf(await unlucky.next("log")), { cursor: 10, head: 10, entries: [] }, "how far it looked in vain");
  unlucky.close();
  const tail = await EventStream.open(streamUrl(id, "tail=3"));
  assert.deepEqual(
    logOf(await tail.next("log")).entries.map((entry) => entry.seq),
    [8, 9, 10],
  );
  tail.close();
});

test("wrong parameters of a stream are refused before it begins", async () => {
  const id = await server.session();
  for (const query of ["cursor=x", "tail=-1", "level=loud"]) {
    const answer = await server.call("GET", `/sessions/${id}/log/stream?${query}`);
    assert.deepEqual([answer.status, answer.error.code], [400, "invalid_query"], query);
  }
  const answer = await server.call("GET", `/sessions/${id}/log/stream`, { headers: { "last-event-id": "seven" } });
  assert.equal(answer.status, 400);
});

test("L2: a stream whose reader stops for a while goes on without a gap when it reads again, up to the head", async () => {
  const id = await server.session();
  const stream = await EventStream.open(streamUrl(id, "cursor=0"));
  stream.response.pause();
  // Far more than sockets buffer, so that the server has to wait.
  const text = "x".repeat(2000);
  for (let batch = 0; batch < 20; batch++)
    await server.append(
      id,
      Array.from({ length: 500 }, (_, index) => ({ message: `${batch * 500 + index + 1} ${text}` })),
    );
  await until("the server waits for the reader", async () =>
    /^tailrace_slow_readers_total [1-9]/m.test((await server.call("GET", "/metrics")).text),
  );
  stream.response.resume();
  let last = 0;
  while (last < 10_000) {
    const event = await until("the next event", () => stream.events.shift());
    // Comments have no name, and beats come at their own time.
    if (event.event === "" || event.event === "heartbeat") continue;
    assert.equal(event.event, "log");
    for (const entry of logOf(event).entries) assert.equal(entry.seq, ++last);
  }
  stream.close();
});

test("a long poll answers at once when there is something, else with the next entry, else when its time is over", async () => {
  const id = await server.session();
  const poll = async (query: string) => (await server.call("GET", `/sessions/${id}/log?${query}`)).json<LogPage>();
  const empty = await poll("cursor=0&wait=30");
  assert.deepEqual([empty.entries, empty.cursor, empty.more], [[], 0, false]);
  const waiting = [poll("cursor=0&wait=30000"), poll("cursor=0&wait=30000&level=error"), poll("cursor=1&wait=30000")];
  await server.append(id, [{ message: "info", level: "info" }]);
  assert.deepEqual(
    (await waiting[0])?.entries.map((entry) => entry.message),
    ["info"],
  );
  await server.append(id, [{ message: "error", level: "error" }]);
  const [, filtered, second] = await Promise.all(waiting);
  assert.deepEqual(
    filtered?.entries.map((entry) => entry.seq),
    [2],
  );
  assert.deepEqual(
    second?.entries.map((entry) => entry.seq),
    [2],
  );
  assert.deepEqual(
    (await poll("cursor=0&wait=30000&limit=1")).entries.map((entry) => entry.seq),
    [1],
  );
  assert.deepEqual(await poll("cursor=2&wait=20&format=ndjson").catch(() => "no JSON"), "no JSON");
});

test("a hundred long polls wait without being in the way, also of those who go", async () => {
  const id = await server.session();
  const stay = Array.from({ length: 60 }, () => server.call("GET", `/sessions/${id}/log?cursor=0&wait=30000`));
  const going = Array.from({ length: 40 }, () => new AbortController());
  const gone = going.map(({ signal }) =>
    server.call("GET", `/sessions/${id}/log?cursor=0&wait=30000`, { signal }).catch(() => undefined),
  );
  await server.call("GET", "/healthz");
  for (const each of going) each.abort();
  await Promise.all(gone);
  await server.append(id, [{ message: "wake up" }]);
  for (const answer of await Promise.all(stay)) assert.equal(answer.json<LogPage>().entries.length, 1);
});

test("who follows a session that is removed is told of the gap and the end, who waits is told that it is gone", async () => {
  const id = await server.session();
  const text = "x".repeat(2000);
  const live = await LiveSocket.open(server.url);
  const stream = await EventStream.open(streamUrl(id, "cursor=0"));
  live.socket.pause();
  stream.response.pause();
  live.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
  for (let batch = 0; batch < 20; batch++)
    await server.append(
      id,
      Array.from({ length: 500 }, () => ({ message: text })),
    );
  await server.call("DELETE", `/sessions/${id}`);
  const waiting = server.call("GET", `/sessions/${id}/log?cursor=10001&wait=30000`);
  await until("the poll waits", async () => (await server.call("GET", "/healthz")).status === 200);
  assert.equal((await server.call("DELETE", `/sessions/${id}?purge=true`)).status, 200);
  const answer = await waiting;
  assert.deepEqual([answer.status, answer.error.code], [404, "session_not_found"]);
  live.socket.resume();
  stream.response.resume();
  const gap = await live.next("gap");
  assert.deepEqual([gap.to, gap.reason], [10_001, "expired"]);
  assert.equal((await live.next("ended")).cursor, 10_001);
  assert.equal(JSON.parse((await stream.next("gap")).data).to, 10_001);
  await stream.next("ended");
  await stream.ended();
  live.terminate();
});

/** What happens to followers that hear nothing for longer than a heartbeat takes; it goes on beside the other tests. */
async function followQuietly(quiet: TestServer): Promise<void> {
  const id = await quiet.session();
  const stream = await EventStream.open(`${quiet.url}/sessions/${id}/log/stream?cursor=0&level=critical`);
  const live = await LiveSocket.open(quiet.url);
  live.send({ type: "subscribe", id: 1, session: id, cursor: 0, level: "critical" });
  const poll = quiet.call("GET", `/sessions/${id}/log?cursor=0&wait=17000&level=critical`);
  await quiet.append(id, [{ message: "one" }, { message: "two" }]);
  // Beats come at their own time: on a busy machine the first one may be older than the entries.
  for (let beat = await stream.next("heartbeat"); beat.id !== "2"; beat = await stream.next("heartbeat"))
    assert.deepEqual([beat.id, JSON.parse(beat.data)], ["0", { head: 0, cursor: 0 }]);
  assert.deepEqual(await live.next("log"), { type: "log", id: 1, cursor: 2, head: 2, entries: [] });
  assert.deepEqual(await live.next("heartbeat", (message) => message.head > 0), { type: "heartbeat", id: 1, head: 2 });
  const page = (await poll).json<LogPage>();
  assert.deepEqual([page.entries, page.cursor], [[], 2]);
  await quiet.append(id, [{ message: "three", level: "critical" }]);
  assert.deepEqual(
    logOf(await stream.next("log")).entries.map((entry) => entry.seq),
    [3],
  );
  assert.deepEqual(
    (await live.next("log")).entries.map((entry) => entry.seq),
    [3],
  );
  stream.close();
  live.terminate();
}

test("streams, sockets and polls without news live on past a heartbeat, which says how far they are", () => quietly);
