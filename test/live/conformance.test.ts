/** RFC 6455 at its edges, spoken byte by byte: every case ends as the reference says, and the server goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomOf, seedOfRun } from "../harness/random.ts";
import { RawConnection } from "../harness/raw.ts";
import { sharedServer } from "../harness/server.ts";
import { type FrameOptions, frame, opcode, RawSocket, upgradeRequest } from "./raw-socket.ts";

const bodyLimitBytes = 64 * 1024;
/** What a message may hold beside a body. */
const envelopeSizeBytes = 64 * 1024;
const random = randomOf(seedOfRun());
let id = "";
let caseCount = 0;
const flags = ["--log-level", "error", "--body-limit", String(bodyLimitBytes)];
const server = sharedServer({ flags }, async (started) => {
  id = await started.session();
});

const subscribe = () => JSON.stringify({ type: "subscribe", id: 7, session: id, cursor: 0 });
const { continuation, text, binary, close, ping, pong } = opcode;

/** Opens a socket, sends the frames and checks that it is subscribed and goes on living. */
async function expectTaken(name: string, chunks: readonly Uint8Array[], changes: Record<string, string> = {}): Promise<void> {
  caseCount++;
  const socket = await RawSocket.open(server.port, changes);
  for (const chunk of chunks) socket.send(chunk);
  try {
    let found = await socket.heard();
    while (found?.opcode === pong) found = await socket.heard();
    assert.match(String(found?.payload), /^\{"type":"subscribed","id":7,/, name);
    socket.send(frame({ payload: '{"type":"unsubscribe","id":7}' }), frame({ payload: subscribe() }));
    assert.equal((await socket.message()).type, "subscribed", name);
  } finally {
    socket.destroy();
  }
}

/** Opens a socket, sends the frames and checks how the server ends it. */
async function expectEnd(
  name: string,
  frames: readonly Uint8Array[],
  end: number | "cut",
  changes: Record<string, string> = {},
): Promise<void> {
  caseCount++;
  const socket = await RawSocket.open(server.port, changes);
  socket.send(...frames);
  assert.equal(await socket.end(), end, name);
  await socket.connection.closed();
  socket.destroy();
}

/** Cuts `payload` at these places into the frames of one message. */
function fragments(payload: Uint8Array, cuts: readonly number[], first: number = text): Buffer[] {
  const ends = [...cuts, payload.length];
  return ends.map((end, index) =>
    frame({
      opcode: index === 0 ? first : continuation,
      isFinal: index === ends.length - 1,
      payload: payload.subarray(index === 0 ? 0 : ends[index - 1], end),
    }),
  );
}

test("a message is taken however it is cut into frames", async () => {
  const bytes = Buffer.from(subscribe());
  for (let count = 0; count < 12; count++) {
    const cuts = Array.from({ length: count }, () => random.whole(0, bytes.length)).sort((one, other) => one - other);
    await expectTaken(`cut at ${cuts}`, fragments(bytes, cuts));
  }
  await expectTaken("a frame a byte", fragments(bytes, bytes.subarray(1).map((_, index) => index + 1) as unknown as number[]));
  await expectTaken("an empty frame first", fragments(bytes, [0]));
  await expectTaken("an empty frame last", fragments(bytes, [bytes.length]));
});

test("a message is taken however its frame is cut into packets", async () => {
  const bytes = frame({ payload: subscribe() });
  for (const at of [1, 2, 3, 4, 5, 6, 7, 8, bytes.length - 1]) {
    caseCount++;
    const socket = await RawSocket.open(server.port);
    socket.send(bytes.subarray(0, at));
    // The answer to a request of another connection comes after the server has seen what was sent before.
    await server.call("GET", "/healthz");
    socket.send(bytes.subarray(at));
    assert.equal((await socket.message()).type, "subscribed", `cut at ${at}`);
    socket.destroy();
  }
});

test("control frames come between the frames of a message and are answered", async () => {
  const bytes = Buffer.from(subscribe());
  for (const size of [0, 1, 125]) {
    const payload = Buffer.alloc(size, 0x61);
    const [first, second] = fragments(bytes, [20]) as [Buffer, Buffer];
    await expectTaken(`ping of ${size} bytes`, [first, frame({ opcode: ping, payload }), second]);
    await expectTaken(`pong of ${size} bytes that nobody asked for`, [first, frame({ opcode: pong, payload }), second]);
    caseCount++;
    const socket = await RawSocket.open(server.port);
    socket.send(frame({ opcode: ping, payload }));
    assert.deepEqual(await socket.heard(), { opcode: pong, payload });
    socket.destroy();
  }
  await expectEnd("close between", [...fragments(bytes, [20]).slice(0, 1), frame({ opcode: close, payload: code(1000) })], 1000);
});

test("lengths of every form are read, masks of every kind are taken off", async () => {
  const padded = (size: number) => subscribe().padEnd(size);
  for (const size of [125, 126, 127, 65_535, 65_536, bodyLimitBytes + envelopeSizeBytes])
    await expectTaken(`${size} bytes`, [frame({ payload: padded(size) })]);
  await expectTaken("a short message with a long length", [frame({ payload: subscribe(), lengthSizeBytes: 9 })]);
  for (const mask of [
    [0, 0, 0, 0],
    [255, 255, 255, 255],
    [0, 255, 1, 128],
  ])
    await expectTaken(`mask ${mask}`, [frame({ payload: subscribe(), mask: Buffer.from(mask) })]);
});

test("messages over the limit are told so with 1009, or cut when they are announced as more than twice as long", async () => {
  const limit = bodyLimitBytes + envelopeSizeBytes;
  await expectEnd("one byte over", [frame({ payload: subscribe().padEnd(limit + 1) })], 1009);
  await expectEnd("twice", [frame({ payload: subscribe().padEnd(2 * limit) })], 1009);
  await expectEnd("in frames", fragments(Buffer.from(subscribe().padEnd(limit + 1)), [10_000, 90_000]), 1009);
  await expectEnd("over twice", [frame({ payload: subscribe().padEnd(2 * limit + 1) })], "cut");
  await expectEnd("over twice in frames", fragments(Buffer.alloc(2 * limit + 1, 0x20), [100_000, 200_000]), "cut");
  for (const bits of [32n, 40n, 62n, 63n])
    await expectEnd(`announced 2^${bits}`, [frame({ lengthSizeBytes: 9, length: 1n << bits })], "cut");
  await expectEnd("announced 2^64 - 1", [frame({ lengthSizeBytes: 9, length: (1n << 64n) - 1n })], "cut");
});

test("frames that RFC 6455 forbids cut the connection", async () => {
  const forbidden: [string, FrameOptions][] = [];
  for (const code of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    forbidden.push([`opcode ${code}`, { opcode: code }], [`opcode ${code} with a payload`, { opcode: code, payload: "x" }]);
  }
  for (const [name, code] of Object.entries({ text, binary, ping, close })) {
    for (const reserved of [0x10, 0x20, 0x40, 0x70]) forbidden.push([`${name} with reserved bits`, { opcode: code, reserved }]);
  }
  for (const code of [ping, pong, close]) {
    forbidden.push([`control frame ${code} in parts`, { opcode: code, isFinal: false }]);
    forbidden.push([`control frame ${code} of 126 bytes`, { opcode: code, payload: Buffer.alloc(126) }]);
  }
  forbidden.push(["a continuation of nothing", { opcode: continuation, payload: "{}" }]);
  forbidden.push(["a continuation of nothing that goes on", { opcode: continuation, payload: "{}", isFinal: false }]);
  for (const [name, options] of forbidden) await expectEnd(name, [frame(options), frame({ payload: subscribe() })], "cut");
  await expectEnd("a message in a message", [frame({ payload: "{", isFinal: false }), frame({ payload: "}" })], "cut");
});

test("what comes without a mask is never understood", async () => {
  for (const payload of [subscribe(), subscribe().padEnd(1000)]) {
    caseCount++;
    const socket = await RawSocket.open(server.port);
    // The mask is taken for granted, so that the first bytes of the payload are lost and the rest is noise.
    socket.send(frame({ payload, mask: undefined }), Buffer.alloc(4));
    const heard = await socket.heard();
    assert.ok(heard === undefined || String(heard.payload).includes('"type":"error"'), String(heard?.payload));
    socket.destroy();
  }
});

test("text that is not UTF-8 cuts the connection, characters cut by frames do not", async () => {
  const bad = [
    "ff",
    "fe",
    "80",
    "c0af",
    "c1bf",
    "e08080",
    "eda080",
    "edbfbf",
    "f0808080",
    "f4908080",
    "f5808080",
    "e282",
    "f09f98",
  ];
  for (const hex of bad) {
    const bytes = Buffer.concat([Buffer.from('{"type":"'), Buffer.from(hex, "hex"), Buffer.from('"}')]);
    await expectEnd(`${hex} in a text`, [frame({ payload: bytes })], "cut");
    await expectEnd(`${hex} in frames`, fragments(bytes, [10]), "cut");
  }
  const bytes = Buffer.from(JSON.stringify({ type: "subscribe", id: 7, session: id, q: "é ✓ 😀" }));
  const start = bytes.indexOf("é") + 1;
  for (let at = start; at < start + 9; at++) await expectTaken(`cut at ${at}`, fragments(bytes, [at]));
});

function code(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

test("a close is answered with its code, one that may not be sent with none", async () => {
  for (const value of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4000, 4999])
    await expectEnd(`code ${value}`, [frame({ opcode: close, payload: code(value) })], value);
  for (const value of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
    await expectEnd(`code ${value}`, [frame({ opcode: close, payload: code(value) })], 1005);
  await expectEnd("no code", [frame({ opcode: close })], 1005);
  await expectEnd("half a code", [frame({ opcode: close, payload: "x" })], 1005);
  const badReason = Buffer.concat([code(1000), Buffer.from("ff", "hex")]);
  await expectEnd("a reason that is not UTF-8", [frame({ opcode: close, payload: badReason })], 1005);
  await expectEnd("frames behind it", [frame({ opcode: close, payload: code(1000) }), frame({ payload: subscribe() })], 1000);
});

test("binary messages that are no appends end with 1003 in either subprotocol", async () => {
  const flatbuffers = { "sec-websocket-protocol": "tailrace.flatbuffers.v1" };
  for (const payload of ["", "x", '{"type":"heartbeat"}', "TRA1", `TRA1${"\0".repeat(20)}`, `TRD1${"\0".repeat(44)}`]) {
    await expectEnd("without the subprotocol", [frame({ opcode: binary, payload })], 1003);
    await expectEnd("with it", [frame({ opcode: binary, payload })], 1003, flatbuffers);
  }
  await expectTaken("JSON goes in both", [frame({ payload: subscribe() })], flatbuffers);
});

test("upgrades that are none are refused and say why; good ones of every spelling are taken", async () => {
  const key = "sec-websocket-key";
  const refused: readonly [string, Record<string, string | undefined>, number][] = [
    ["no key", { [key]: undefined }, 400],
    ["a short key", { [key]: "YWJj" }, 400],
    ["a key that is not base64", { [key]: "*".repeat(24) }, 400],
    ["a version of old", { "sec-websocket-version": "8" }, 400],
    ["no version", { "sec-websocket-version": undefined }, 400],
    ["no upgrade", { upgrade: undefined }, 400],
    ["another upgrade", { upgrade: "h2c" }, 400],
    ["no connection header", { connection: undefined }, 400],
    ["a connection that stays", { connection: "keep-alive" }, 400],
    ["another origin", { origin: "https://evil.example" }, 403],
    ["another host", { host: "evil.example" }, 403],
  ];
  for (const [name, changes, status] of refused) {
    caseCount++;
    const connection = await RawConnection.open(server.port);
    connection.send(upgradeRequest(changes));
    const answer = await connection.answer();
    assert.equal(answer?.status, status, name);
    assert.match(answer?.body ?? "", /"code":"(invalid_query|forbidden)"/, name);
    if (name.includes("version")) assert.match(answer?.head ?? "", /^sec-websocket-version: 13$/im);
    connection.destroy();
  }
  const taken: readonly [Record<string, string>, RegExp | undefined][] = [
    [{ upgrade: "WebSocket", connection: "upgrade" }, undefined],
    [{ connection: "keep-alive, Upgrade" }, undefined],
    [{ "sec-websocket-protocol": "chat" }, undefined],
    [{ "sec-websocket-protocol": "chat, tailrace.flatbuffers.v1,tailrace.json.v1" }, /tailrace\.flatbuffers\.v1/],
    [{ "sec-websocket-protocol": "tailrace.json.v1" }, /tailrace\.json\.v1/],
    [{ "sec-websocket-extensions": "permessage-deflate; client_max_window_bits" }, undefined],
  ];
  for (const [changes, protocol] of taken) {
    caseCount++;
    const connection = await RawConnection.open(server.port);
    connection.send(upgradeRequest(changes));
    const head = (await connection.answer())?.head ?? "";
    assert.match(head, /^HTTP\/1\.1 101 /);
    assert.match(head, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=$/im);
    const chosen = /^sec-websocket-protocol: (.*)$/im.exec(head)?.[1];
    assert.ok(protocol === undefined ? chosen === undefined : protocol.test(chosen ?? ""), head);
    assert.doesNotMatch(head, /sec-websocket-extensions/i);
    connection.destroy();
  }
});

test("a hundred sockets that speak noise end, and a good one beside them does not notice", async (t) => {
  const good = await RawSocket.open(server.port);
  const noisy = Array.from({ length: 100 }, async () => {
    const socket = await RawSocket.open(server.port);
    const noise = Buffer.from(Array.from({ length: random.whole(2, 4000) }, () => random.whole(0, 255)));
    socket.send(noise);
    socket.connection.socket.end();
    await socket.connection.closed();
    socket.destroy();
  });
  await Promise.all(noisy);
  caseCount += noisy.length;
  good.send(frame({ payload: subscribe() }));
  assert.equal((await good.message()).type, "subscribed", `seed ${random.seed}`);
  good.destroy();
  assert.equal((await server.call("GET", "/readyz")).status, 200);
  t.diagnostic(`figures: ${caseCount} cases, seed ${random.seed}`);
});
