/** Clients that others wrote: `ws` from npm and Python's `websockets`, where it is installed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import type { ServerMessage } from "#src/wire/api.ts";
import { pythonWithWebsockets } from "../harness/python.ts";
import { sharedServer } from "../harness/server.ts";
import { inTime } from "../harness/until.ts";
import { range } from "./live-machine.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });
const entryCount = 20_000;
const url = () => `${server.url.replace("http", "ws")}/sessions/ws`;
const script = fileURLToPath(new URL("../../../test/live/python-client.py", import.meta.url));

/** A session with entries, one of them larger than any frame's short lengths. */
async function filledSession(): Promise<string> {
  const id = await server.session();
  const half = Array.from({ length: entryCount / 2 }, (_, index) => ({ message: `m${index} é ✓ 😀` }));
  half[7] = { message: "x".repeat(60_000) };
  for (let round = 0; round < 2; round++) assert.equal((await server.append(id, half)).status, 200);
  return id;
}

test("`ws` follows, appends, pings, sends in fragments and closes", async () => {
  const id = await filledSession();
  const socket = new WebSocket(url(), ["tailrace.json.v1"], { perMessageDeflate: true });
  const seqs: number[] = [];
  let closeCode = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", (code) => {
      closeCode = code;
      resolve();
    });
    let isPonged = false;
    socket.on("pong", (data) => {
      isPonged = String(data) === "are you there";
    });
    socket.on("message", (data) => {
      const message = JSON.parse(String(data)) as ServerMessage;
      if (message.type === "log") seqs.push(...message.entries.map((entry) => entry.seq));
      if (seqs.length === entryCount + 1 && isPonged) socket.close(1000);
    });
  });
  await inTime("the socket", new Promise((resolve) => socket.once("open", resolve)));
  socket.ping("are you there");
  const subscribe = JSON.stringify({ type: "subscribe", id: 1, session: id, cursor: 0 });
  socket.send(subscribe.slice(0, 30), { fin: false });
  socket.send(subscribe.slice(30), { fin: true });
  socket.send(JSON.stringify({ type: "append", ref: 1, session: id, entries: [{ message: "from ws" }] }));
  await inTime("the end", done);
  assert.equal(closeCode, 1000);
  assert.deepEqual(seqs, range(1, entryCount + 1));
  assert.equal(socket.extensions, "");
});

test("Python's websockets follows, appends, pings and closes", {
  skip: pythonWithWebsockets === undefined && "python3-websockets is absent",
}, async () => {
  const id = await filledSession();
  const child = spawn(pythonWithWebsockets as string, [script, url(), id, String(entryCount + 1)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const code = await inTime("the Python client", new Promise((resolve) => child.once("close", resolve)));
  assert.equal(code, 0);
  const { seqs, ack, ...rest } = JSON.parse(text) as { seqs: number[]; ack: object };
  assert.deepEqual(seqs, range(1, entryCount + 1));
  assert.deepEqual(rest, { subprotocol: "tailrace.json.v1", hello: "hello", has_own: true, close: 1000 });
  const seq = entryCount + 1;
  assert.deepEqual(ack, { type: "ack", ref: 9, first: seq, cursor: seq, count: 1, ack: "written" });
});
