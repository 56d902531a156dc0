/** WebSocket frames of every kind on raw connections: good ones are understood, bad ones end their connection and no other. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import { closePayload, type FrameShape, frameOf, nextFrame, opcodes, upgrade } from "../harness/frames.ts";
import { RawConnection } from "../harness/raw.ts";
import { sharedServer } from "../harness/server.ts";
import { inTime } from "../harness/until.ts";

const bodyLimit = 256 * 1024;
const server = sharedServer({ flags: ["--log-level", "error", "--body-limit", String(bodyLimit)] });
const { continuation, text, binary, close, ping, pong } = opcodes;

/** What a case sends, and what must come of it: `open`, or the codes that the end may carry. */
interface Case {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  /** Answers to the messages of the case that come before it is over. */
  readonly answers?: readonly (readonly [number, string])[];
  readonly ends?: readonly number[];
  /** The end must carry a code: the contract states it. */
  readonly isStated?: boolean;
  /** The library takes the first bytes for the mask and waits for more: nothing may be understood of it. */
  readonly isUnmasked?: boolean;
}

const protocolError = [1002];
const wrongText = [1007];
const wrongMessage = '{"type":"dance"}';
const notKnown: readonly [number, string] = [text, "is not known"];
const notJson: readonly [number, string] = [text, "invalid_json"];

function pieces(message: string | Uint8Array, size: number, opcode: number = text): Buffer[] {
  const bytes = Buffer.from(message as string);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += size) {
    const fin = at + size >= bytes.length;
    frames.push(frameOf(at === 0 ? opcode : continuation, bytes.subarray(at, at + size), { fin }));
  }
  return frames;
}

const part = (opcode: number, payload: string | Uint8Array, fin: boolean) => frameOf(opcode, payload, { fin });
const bad = (name: string, opcode: number, payload: string | Uint8Array, shape: FrameShape, ends = protocolError): Case => ({
  name,
  frames: [frameOf(opcode, payload, shape)],
  ends,
});

const fragmented: Case[] = [1, 2, 3, 7, 15].map((size) => ({
  name: `a message in pieces of ${size}`,
  frames: pieces(wrongMessage, size),
  answers: [notKnown],
}));
fragmented.push(
  { name: "a message in one frame", frames: [frameOf(text, wrongMessage)], answers: [notKnown] },
  {
    name: "two messages in one packet",
    frames: [Buffer.concat([frameOf(text, wrongMessage), frameOf(text, "nope")])],
    answers: [notKnown, notJson],
  },
  {
    name: "empty pieces around a message",
    frames: [part(text, "", false), part(continuation, wrongMessage, false), part(continuation, "", true)],
    answers: [notKnown],
  },
  { name: "an empty message", frames: [frameOf(text)], answers: [notJson] },
  {
    name: "an empty message in pieces",
    frames: [part(text, "", false), part(continuation, "", false), part(continuation, "", true)],
    answers: [notJson],
  },
  {
    name: "a ping between pieces",
    frames: [part(text, '{"type":', false), frameOf(ping, "between"), part(continuation, '"dance"}', true)],
    answers: [[pong, "between"], notKnown],
  },
  {
    name: "pings and pongs between all pieces",
    frames: pieces(wrongMessage, 4).flatMap((frame) => [frame, frameOf(pong, "x"), frameOf(ping, "y")]),
    answers: [[pong, "y"], [pong, "y"], [pong, "y"], notKnown, [pong, "y"]],
  },
  { name: "a character cut in the middle", frames: pieces('{"type":"dänce"}', 10), answers: [notKnown] },
  { name: "an emoji cut into its bytes", frames: pieces('{"type":"💃"}', 1), answers: [notKnown] },
  {
    name: "a large message in many pieces",
    frames: pieces(`{"type":"dance","pad":"${"x".repeat(100_000)}"}`, 1000),
    answers: [notKnown],
  },
  { name: "a message of 125 bytes", frames: [frameOf(text, wrongMessage.padEnd(125))], answers: [notKnown] },
  { name: "a message of 126 bytes", frames: [frameOf(text, wrongMessage.padEnd(126))], answers: [notKnown] },
  { name: "a message of 65,535 bytes", frames: [frameOf(text, wrongMessage.padEnd(65_535))], answers: [notKnown] },
  { name: "a message of 65,536 bytes", frames: [frameOf(text, wrongMessage.padEnd(65_536))], answers: [notKnown] },
  {
    name: "frames byte by byte",
    frames: [...frameOf(text, wrongMessage)].map((byte) => Uint8Array.of(byte)),
    answers: [notKnown],
  },
);

const controls: Case[] = [0, 1, 2, 124, 125].map((size) => ({
  name: `a ping of ${size} bytes`,
  frames: [frameOf(ping, "p".repeat(size))],
  answers: [[pong, "p".repeat(size)]],
}));
controls.push(
  { name: "a ping with bytes that are no text", frames: [frameOf(ping, Uint8Array.of(0xff, 0, 0xfe))], answers: [[pong, ""]] },
  {
    name: "ten pings",
    frames: Array.from({ length: 10 }, (_, index) => frameOf(ping, String(index))),
    answers: Array.from({ length: 10 }, (_, index): [number, string] => [pong, String(index)]),
  },
  { name: "a pong that nobody asked for", frames: [frameOf(pong, "hello")] },
  bad("a ping of 126 bytes", ping, "p".repeat(126), {}),
  bad("a ping of 70,000 bytes", ping, "p".repeat(70_000), {}),
  bad("a pong of 126 bytes", pong, "p".repeat(126), {}),
  bad("a ping in pieces", ping, "p", { fin: false }),
  bad("a pong in pieces", pong, "p", { fin: false }),
  bad("a close in pieces", close, closePayload(1000), { fin: false }),
  bad("a close of one byte", close, "x", {}, [1002, 1005]),
  bad("a close of 126 bytes", close, closePayload(1000, "r".repeat(124)), {}),
  { name: "a close without a code", frames: [frameOf(close)], ends: [1000, 1005] },
  { name: "a close and then a message", frames: [frameOf(close, closePayload(1000)), frameOf(text, wrongMessage)], ends: [1000] },
  {
    name: "a close whose reason is no text",
    frames: [frameOf(close, closePayload(1000, Uint8Array.of(0xc0, 0xaf)))],
    ends: [1002, 1005, 1007],
  },
);
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
  controls.push({ name: `a close with code ${code}`, frames: [frameOf(close, closePayload(code, "bye"))], ends: [code, 1005] });
for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
  controls.push({
    name: `a close with the forbidden code ${code}`,
    frames: [frameOf(close, closePayload(code, "bye"))],
    ends: [1002, 1005, 1006],
  });

const wrongFrames: Case[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
  bad(`opcode ${opcode}`, opcode, "x", {}),
  {
    name: `opcode ${opcode} between pieces`,
    frames: [part(text, "{", false), frameOf(opcode, ""), part(continuation, "}", true)],
    ends: protocolError,
  },
]);
for (const reserved of [1, 2, 3, 4, 5, 6, 7])
  wrongFrames.push(bad(`reserved bits ${reserved}`, text, wrongMessage, { reserved }));
wrongFrames.push(
  bad("reserved bits on a ping", ping, "x", { reserved: 4 }),
  bad("a piece without a beginning", continuation, "x", {}),
  bad("a first piece without a beginning", continuation, "x", { fin: false }),
  { name: "a message inside another", frames: [part(text, "{", false), frameOf(text, wrongMessage)], ends: protocolError },
  { name: "a binary piece of a text", frames: [part(text, "{", false), part(binary, "}", true)], ends: [1002, 1003] },
  {
    name: "a piece after the last one",
    frames: [part(text, wrongMessage, true), part(continuation, "x", true)],
    ends: protocolError,
  },
  bad("a length with its highest bit", text, "x", { lengthForm: "64", length: 1n << 63n }, [1002, 1009]),
  bad("a length of 2^62", text, "x", { lengthForm: "64", length: 1n << 62n }, [1002, 1009]),
  bad("a length of 2^32", text, "x", { lengthForm: "64", length: 1n << 32n }, [1002, 1009]),
  {
    name: "a message over the limit",
    frames: [frameOf(text, `{"pad":"${"x".repeat(bodyLimit + 65_536)}"}`)],
    ends: [1009],
    isStated: true,
  },
  {
    name: "a message over the limit in pieces",
    frames: pieces(`{"pad":"${"x".repeat(bodyLimit + 65_536)}"}`, 50_000),
    ends: [1009],
    isStated: true,
  },
  { name: "a message far over the limit in pieces", frames: pieces("x".repeat(bodyLimit * 4), 60_000), ends: [1009] },
  { name: "a binary message of the text protocol", frames: [frameOf(binary, "x")], ends: [1003], isStated: true },
  { name: "rubbish", frames: [Buffer.from("GET / HTTP/1.1\r\n\r\n")], ends: protocolError },
);

for (const [opcode, payload] of [
  [text, wrongMessage],
  [binary, wrongMessage],
  [ping, "ping"],
  [close, closePayload(1000)],
  [text, ""],
] as const)
  wrongFrames.push({
    name: `opcode ${opcode} without a mask`,
    frames: [frameOf(opcode, payload, { masked: false })],
    ends: protocolError,
    isUnmasked: true,
  });

/** Byte sequences that are not UTF-8 (RFC 3629): lone and missing continuations, overlong forms, surrogates, too large. */
const notUtf8 = [
  "80",
  "bf",
  "c0af",
  "c1bf",
  "c328",
  "e08080",
  "e28228",
  "e282",
  "eda080",
  "edbfbf",
  "f08080af",
  "f0288cbc",
  "f09028bc",
  "f4908080",
  "f5808080",
  "f88080808080",
  "fe",
  "ff",
  "fffe",
];
const texts: Case[] = notUtf8.flatMap((hex): Case[] => {
  const bytes = Buffer.concat([Buffer.from('{"type":"'), Buffer.from(hex, "hex"), Buffer.from('"}')]);
  return [
    { name: `text with the bytes ${hex}`, frames: [frameOf(text, bytes)], ends: wrongText },
    { name: `text in pieces with the bytes ${hex}`, frames: pieces(bytes, 5), ends: wrongText },
  ];
});
for (const good of ["\u0000", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"])
  texts.push({
    name: `text with U+${good.codePointAt(0)?.toString(16)}`,
    frames: [frameOf(text, JSON.stringify({ type: good }))],
    answers: [notKnown],
  });

const cases = [...fragmented, ...controls, ...wrongFrames, ...texts];

/** Sends the frames of a case and checks what comes of it. */
async function run({
  name,
  frames,
  answers = [],
  ends,
  isStated = false,
  isUnmasked = false,
}: Case): Promise<"coded" | "cut" | "open"> {
  const raw = await upgrade(server.port);
  assert.match(String((await nextFrame(raw))?.payload), /"type":"hello"/);
  for (const frame of frames) raw.send(frame);
  for (const [opcode, content] of answers) {
    const frame = await nextFrame(raw);
    assert.equal(frame?.opcode, opcode, `${name}: ${String(frame?.payload)}`);
    assert.ok(frame.payload.includes(content), `${name}: ${String(frame.payload)}`);
  }
  if (ends === undefined) {
    raw.send(frameOf(ping, "still there"));
    assert.equal(String((await nextFrame(raw))?.payload), "still there", name);
    raw.destroy();
    return "open";
  }
  if (isUnmasked) raw.socket.end();
  let last = await nextFrame(raw);
  while (last !== undefined && last.opcode === text && !isUnmasked) last = await nextFrame(raw);
  if (last !== undefined) {
    assert.equal(last.opcode, close, `${name}: ${String(last.payload)}`);
    const code = last.payload.length >= 2 ? last.payload.readUInt16BE(0) : 1005;
    assert.ok(ends.includes(code), `${name}: ended with ${code}`);
  }
  assert.ok(last !== undefined || !isStated, `${name}: the connection was cut without a code`);
  await raw.closed();
  raw.destroy();
  return last === undefined ? "cut" : "coded";
}

test(`${cases.length} kinds of frames: the good are answered, the bad end their connection, the server goes on`, async (t) => {
  const id = await server.session();
  const outcomes = { open: 0, coded: 0, cut: 0 };
  const wrong: string[] = [];
  for (const each of cases) {
    try {
      outcomes[await run(each)]++;
    } catch (error) {
      wrong.push((error as Error).message);
    }
    assert.equal((await server.append(id, [{ message: each.name }])).status, 200, `after ${each.name}`);
  }
  t.diagnostic(
    `figures: ${cases.length} cases: ${outcomes.open} stay open, ${outcomes.coded} end with a code, ${outcomes.cut} are cut by the library`,
  );
  assert.deepEqual(wrong, []);
  assert.ok(cases.length >= 100);
  assert.equal((await server.readAll(id)).length, cases.length);
});

const handshakes: readonly (readonly [string, string])[] = [
  ["no key", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"],
  ["a short key", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n"],
];

for (const [name, lines] of handshakes) {
  test(`a handshake with ${name} is refused`, async () => {
    const raw = await RawConnection.open(server.port);
    raw.send(`GET /sessions/ws HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`);
    const answer = await raw.answer();
    assert.ok(answer === undefined || answer.status >= 400, answer?.head);
    raw.destroy();
  });
}

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
  if (spawnSync("python3", ["-c", "import websockets"]).status !== 0) return t.skip("Python has no websockets here");
  const id = await server.session();
  const [told] = await output("python3", ["-c", pythonClient], id);
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
