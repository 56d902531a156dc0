/** One WebSocket's subscriptions, feeds and answers: what waits for it is bounded, shared fairly, and told how far it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "#src/config.ts";
import { Connections } from "#src/server/connections.ts";
import type { Session } from "#src/server/session.ts";
import { HandClock } from "../life/hand-clock.ts";
import { nextTurn } from "../life/inline-threads.ts";
import { LiveMachine, range } from "./live-machine.ts";
import { bodyLimitBytes, ModelSocket } from "./model-socket.ts";

const entrySizeBytesMax = 1200;
const perSocketSizeBytesMax = limits.socketSendBudgetBytes + limits.deltaSizeBytesMax + entrySizeBytesMax;

async function filled(machine: LiveMachine, rounds: number): Promise<Session> {
  const session = await machine.session();
  const texts = Array.from({ length: 100 }, (_, index) => `${index} `.padEnd(1000, "x"));
  for (let round = 0; round < rounds; round++) await machine.append(session, texts);
  return session;
}

function seqsOf(socket: ModelSocket, id: number): number[] {
  return socket
    .of("log")
    .filter((message) => message.id === id)
    .flatMap((message) => message.entries.map((entry) => entry.seq));
}

test("L2: a slow socket of many subscriptions holds its budget and one delta, and serves all of them in turn", async () => {
  const machine = new LiveMachine({ ringSizeBytes: 1 << 16, segmentSizeBytes: 1 << 20 });
  const session = await filled(machine, 30);
  const socket = new ModelSocket(machine);
  socket.isFast = false;
  const count = 10;
  for (let id = 0; id < count; id++) socket.receive({ type: "subscribe", id, session: session.id, cursor: id });
  for (let round = 0; round < 20; round++) {
    await machine.settle();
    socket.drain();
  }
  await machine.settle();
  const reads = machine.query.log.filter((name) => name === "delta").length;
  const served = range(0, count - 1).map((id) => seqsOf(socket, id).length);
  assert.ok(Math.min(...served) > 0, `each was served: ${served}`);
  assert.ok(Math.max(...served) <= 3 * Math.min(...served), `about the same: ${served}`);
  assert.ok(reads <= socket.of("log").length + 2, `${reads} reads for ${socket.of("log").length} deltas`);
  for (let round = 0; round < 200; round++) {
    socket.drain();
    await machine.settle();
  }
  for (let id = 0; id < count; id++) assert.deepEqual(seqsOf(socket, id), range(id + 1, session.head));
  assert.ok(socket.queuedSizeBytesMax <= perSocketSizeBytesMax, `${socket.queuedSizeBytesMax} bytes`);
  assert.equal(machine.engine.counters.gapCount, 0);
});

test("L2: a client that asks and does not read the answers is closed with 1013 and forgotten", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const socket = new ModelSocket(machine);
  socket.receive({ type: "subscribe", id: 1, session: session.id });
  socket.isFast = false;
  for (let count = 0; socket.closeCode === undefined && count < 100_000; count++) socket.receive("nonsense");
  assert.equal(socket.closeCode, 1013);
  assert.ok(socket.queuedSizeBytesMax <= limits.socketAnswerBudgetBytes + 1000);
  assert.equal(machine.live.followerCount, 0);
});

test("L2: answers that are read in time close nothing, however many they are and however slow the deltas are read", async () => {
  const machine = new LiveMachine();
  const session = await filled(machine, 10);
  const socket = new ModelSocket(machine);
  socket.isFast = false;
  socket.receive({ type: "subscribe", id: 1, session: session.id, cursor: 0 });
  for (let round = 0; round < 20; round++) {
    await machine.settle();
    for (let count = 0; count < 2000; count++) socket.receive("nonsense");
    // Never empty, but everything that was there leaves before long.
    socket.drain(socket.queuedSizeBytes - 1000);
  }
  assert.equal(socket.closeCode, undefined);
});

test("a beat pings and tells the head, and the cursor of a filter that lets nothing through, in the form of its protocol", async () => {
  for (const isBinary of [false, true]) {
    const machine = new LiveMachine();
    const session = await machine.session();
    const socket = new ModelSocket(machine, isBinary);
    socket.receive({ type: "subscribe", id: 5, session: session.id, cursor: 0, q: "nothing such" });
    await machine.append(session, ["one", "two"]);
    await machine.settle();
    machine.live.connections.heartbeat();
    machine.live.connections.heartbeat();
    await machine.settle();
    const [empty, ...others] = isBinary ? socket.of("binary") : socket.of("log");
    assert.deepEqual([empty?.id, empty?.cursor, empty?.head, others.length], [5, 2, 2, 0]);
    assert.deepEqual(socket.of("heartbeat").at(-1), { type: "heartbeat", id: 5, head: 2 });
    assert.ok(socket.pingCount > 0);
  }
});

test("a cursor that moved past what its filter does not choose is told soon and once, over sockets of both protocols", async () => {
  for (const isBinary of [false, true]) {
    const machine = new LiveMachine();
    const session = await machine.session();
    const socket = new ModelSocket(machine, isBinary);
    socket.receive({ type: "subscribe", id: 5, session: session.id, cursor: 0, q: "nothing such" });
    socket.receive({ type: "subscribe", id: 6, session: session.id, cursor: 0 });
    await machine.append(session, ["one", "two"]);
    await machine.settle();
    machine.live.connections.tellCursors();
    machine.live.connections.tellCursors();
    await machine.settle();
    const told = isBinary ? socket.of("binary") : socket.of("log");
    assert.deepEqual(told.map(({ id, cursor, head }) => [id, cursor, head]).sort(), [
      [5, 2, 2],
      [6, 2, 2],
    ]);
    assert.equal(socket.of("heartbeat").length, 0);
  }
});

test("beats of many connections are spread over turns; the closed ones are skipped and none of the others is", async () => {
  const clock = new HandClock();
  const connections = new Connections(clock);
  let beaten = 0;
  const forgets = range(1, 50).map(() => {
    const beat = () => {
      clock.skip(1);
      beaten++;
    };
    return connections.add({ kind: "socket", queuedSizeBytes: 1, beat, tellCursors: () => {}, end: () => {} });
  });
  connections.heartbeat();
  assert.ok(beaten <= limits.fanOutTurnMsMax + 1, `${beaten} in the first turn`);
  for (const forget of forgets.slice(0, 10)) forget();
  while (beaten < 40) await nextTurn();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  assert.deepEqual([beaten, connections.socketCount, connections.queuedSizeBytes()], [40, 40, 40]);
});

test("subscriptions and feeds of a socket have their limits, and a number is used once", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const socket = new ModelSocket(machine);
  for (let id = 0; id <= limits.subscriptionCountMax; id++) socket.receive({ type: "subscribe", id, session: session.id });
  assert.equal(socket.of("subscribed").length, limits.subscriptionCountMax);
  const feeds = 10_000;
  for (let index = 0; index <= limits.socketFeedCountMax; index++) socket.receive({ type: "sessions", id: feeds + index });
  assert.equal(socket.of("sessions").length, limits.socketFeedCountMax);
  socket.receive({ type: "sessions", id: 3 });
  socket.receive({ type: "subscribe", id: feeds, session: session.id });
  const errors = socket.of("error").map(({ id, code }) => [id, code]);
  assert.deepEqual(errors, [
    [limits.subscriptionCountMax, "overloaded"],
    [feeds + limits.socketFeedCountMax, "overloaded"],
    [3, "invalid_query"],
    [feeds, "invalid_query"],
  ]);
});

test("messages over their limits are refused or end the socket, and what was not taken leaves no room taken", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const socket = new ModelSocket(machine);
  const blank = " ".repeat(limits.controlBodySizeBytesMax);
  socket.receive(`{"type":"heartbeat","session":"${session.id}"}${blank}`);
  assert.equal(socket.of("error").at(-1)?.code, "payload_too_large");
  const entries = [{ message: "x".repeat(bodyLimitBytes) }];
  socket.receive({ type: "append", ref: 4, session: session.id, entries });
  const refused = socket.of("error").at(-1);
  assert.deepEqual([refused?.code, refused?.ref], ["payload_too_large", 4]);
  assert.equal(machine.engine.shardOf(session).slab.usedSizeBytes, 0);
  socket.receive(" ".repeat(bodyLimitBytes + limits.socketEnvelopeSizeBytes + 1));
  assert.equal(socket.closeCode, 1009);
});

test("appends are stored as they were sent, whatever was sent before them and on which side of the scratch their size is", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const socket = new ModelSocket(machine);
  socket.receive({ type: "subscribe", id: 1, session: session.id, cursor: 0 });
  const sent: string[] = [];
  const envelopeSizeBytes = JSON.stringify({ type: "append", ref: 10, session: session.id, entries: [{ message: "" }] }).length;
  for (let sizeBytes = 1016; sizeBytes <= 1032; sizeBytes++) {
    for (const text of ["a]", "x".repeat(sizeBytes - envelopeSizeBytes), "", "[b"]) {
      sent.push(text);
      socket.receive({ type: "append", ref: 10 + sent.length, session: session.id, entries: [{ message: text }] });
      await machine.settle();
    }
  }
  const stored = socket.of("log").flatMap(({ entries }) => entries.map(({ message }) => message));
  assert.deepEqual(stored, sent);
  assert.deepEqual(
    socket.of("ack").map(({ ref, cursor }) => [ref, cursor]),
    sent.map((_, index) => [11 + index, index + 1]),
  );
});

test("K1: the key of a batch counts wherever it stands, and whatever a message with two of them taught", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const socket = new ModelSocket(machine);
  const message = (ref: number, behind: string) =>
    `{"type":"append","ref":${ref},"key":"p:1","session":"${session.id}","entries":[{"message":"a"}]${behind}}`;
  for (const text of [message(1, ""), message(2, ',"key":"p:2"'), message(3, ""), message(4, "")]) {
    socket.receive(text);
    await machine.settle();
  }
  assert.deepEqual(
    socket.of("ack").map(({ first, duplicate }) => [first, duplicate === true]),
    [
      [1, false],
      [2, false],
      [1, true],
      [1, true],
    ],
  );
});
