/** Clients that share nothing with this project understand its WebSocket: that of Node itself, and Python's where it is there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { pythonWithWebsockets } from "../harness/python.ts";
import { sharedServer } from "../harness/server.ts";
import { inTime } from "../harness/until.ts";

const server = sharedServer({ flags: ["--log-level", "error"] });

/** What an independent client does: subscribe, append, read the delta, close. Prints what it was told. */
const nodeClient = `
const socket = new WebSocket(process.argv[1]);
const told = [];
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  told.push(message.type);
  if (message.type === "hello") socket.send(JSON.stringify({ type: "subscribe", id: 1, session: process.argv[2], cursor: 0 }));
  if (message.type === "subscribed") socket.send(JSON.stringify({ type: "append", ref: 1, session: process.argv[2], entries: [{ message: "x".repeat(70000) }] }));
  if (message.type === "log") socket.close(1000, String(message.entries[0].message.length));
};
socket.onclose = ({ code, reason }) => console.log(JSON.stringify([told.sort(), code, reason]));
`;
const pythonClient = `
import asyncio, json, sys, websockets
async def main():
    told = []
    async with websockets.connect(sys.argv[1], max_size=None) as socket:
        while "log" not in told or "ack" not in told:
            message = json.loads(await socket.recv())
            told.append(message["type"])
            if message["type"] == "hello":
                await socket.send(json.dumps({"type": "subscribe", "id": 1, "session": sys.argv[2], "cursor": 0}))
            if message["type"] == "subscribed":
                await socket.send(json.dumps({"type": "append", "ref": 1, "session": sys.argv[2], "entries": [{"message": "x" * 70000}]}))
    print(json.dumps([sorted(told), 1000, ""]))
asyncio.run(main())
`;

test("an independent client, that of Node itself, subscribes, appends, reads and closes", async () => {
  const id = await server.session();
  const [told, code, reason] = await output(
    process.execPath,
    ["--no-warnings", "--experimental-websocket", "-e", nodeClient],
    id,
  );
  assert.deepEqual(
    told.filter((type) => type !== "ack"),
    ["hello", "log", "subscribed"],
  );
  assert.deepEqual([code, reason], [1000, "70000"]);
});

test("an independent client in Python subscribes, appends, reads and closes", async (t) => {
  if (pythonWithWebsockets === undefined) return t.skip("no Python here has websockets");
  const id = await server.session();
  const [told] = await output(pythonWithWebsockets, ["-c", pythonClient], id);
  assert.deepEqual(told, ["ack", "hello", "log", "subscribed"]);
});

async function output(command: string, flags: readonly string[], id: string): Promise<[string[], number, string]> {
  const child = spawn(command, [...flags, `${server.url.replace("http", "ws")}/sessions/ws`, id]);
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  await inTime("the client's end", new Promise((resolve) => child.on("close", resolve)));
  return JSON.parse(text) as [string[], number, string];
}
