import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionObject } from "#src/wire/api.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { sharedServer } from "../harness/server.ts";

const server = sharedServer({ flags: ["--log-level", "error", "--disk-low-water", "off"] });

async function end(id: string, query: string): Promise<SessionObject> {
  const answer = await server.call("DELETE", `/sessions/${id}?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json<SessionObject>();
}

test("E3: whoever ends a session says why in words or as an exit code, and the log, the record and followers say the same", async () => {
  const reason = `out of ☕ "${"x".repeat(180)}"`;
  for (const [platform, query, expected] of [
    ["Windows", "exit_code=0xC0000005", "process exited (access violation, exit code 0xC0000005)"],
    ["Windows", "exit_code=3", "process exited (exit code 3)"],
    ["Linux", "exit_code=137", "process exited (SIGKILL, exit code 137)"],
    ["Linux", `reason=${encodeURIComponent(reason)}`, reason],
    ["Linux", "", "client request"],
  ] as const) {
    const id = await server.session({ platform });
    const socket = await LiveSocket.open(server.url);
    socket.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
    const session = await end(id, query);
    assert.deepEqual([session.status, session.end_reason], ["ended", expected]);
    const [entry] = await server.readAll(id);
    assert.deepEqual([entry?.level, entry?.logger, entry?.message], ["info", "sessions", `Session ended: ${expected}`]);
    assert.equal(entry?.timestamp, session.ended_at);
    const { cursor, reason: told } = await socket.next("ended");
    assert.deepEqual([cursor, told], [1, expected]);
    socket.terminate();
    assert.equal((await end(id, "reason=another")).end_reason, expected);
  }
});

test("E3: an end whose reason can't be taken is refused and ends nothing", async () => {
  const id = await server.session({ platform: "Windows" });
  for (const query of [`reason=${"x".repeat(201)}`, "exit_code=often", "exit_code=0x1ffffffff"]) {
    const answer = await server.call("DELETE", `/sessions/${id}?${query}`);
    assert.deepEqual([answer.status, answer.error.code], [400, "invalid_query"]);
  }
  const session = (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
  assert.deepEqual([session.status, session.head], ["active", 0]);
});
