/** The server's stop, as those see it who follow, wait and claim. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogPage } from "#src/wire/api.ts";
import { EventStream } from "../harness/event-stream.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { serverFor } from "../harness/server.ts";
import { until } from "../harness/until.ts";

test("at the stop sockets get 1001, streams end as they should, and who waits is answered", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const id = await server.session();
  await server.append(id, [{ message: "one" }]);
  await server.call("PUT", `/sessions/${id}/readers/r`, { body: { cursor: 1 } });
  const sockets = await Promise.all(Array.from({ length: 20 }, () => LiveSocket.open(server.url)));
  for (const socket of sockets) socket.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
  const streams = await Promise.all(
    Array.from({ length: 20 }, () => EventStream.open(`${server.url}/sessions/${id}/log/stream?cursor=0`)),
  );
  const path = `/sessions/${id}/log?cursor=1&wait=30000`;
  const polls = ["", "&q=needle"].map((query) => server.call("GET", path + query));
  const claim = server.call("POST", `/sessions/${id}/readers/r/claim?wait=30000`);
  for (const socket of sockets) await socket.next("log");
  for (const stream of streams) await stream.next("log");
  // What is asked later on the same connection is answered after what was asked before.
  await until("the filtered poll waits", async () =>
    /^tailrace_subscribers 41$/m.test((await server.call("GET", "/metrics")).text),
  );
  const stopped = server.stop();
  for (const socket of sockets) assert.equal(await socket.closed(), 1001);
  for (const stream of streams) {
    await stream.ended();
    assert.ok(stream.response.complete, "the stream ends with its last chunk");
  }
  for (const poll of polls) {
    const page = (await poll).json<LogPage>();
    assert.deepEqual([page.cursor, page.entries], [1, []]);
  }
  const answer = await claim;
  assert.deepEqual([answer.status, answer.json()], [200, { from: 2, to: 1, lease_until: null, attempt: 0, entries: [] }]);
  assert.equal(await stopped, 0);
});
