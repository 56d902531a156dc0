/** The feed of sessions: a snapshot, then where each session stands, no more often than said and as far as there is room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "#src/config.ts";
import type { SessionObject } from "#src/wire/api.ts";
import { LiveMachine } from "./live-machine.ts";
import { ModelSocket } from "./model-socket.ts";

/** What a client that believes all it is told knows. */
function known(socket: ModelSocket, id: number): Map<string, SessionObject> {
  const sessions = new Map<string, SessionObject>();
  for (const message of socket.messages) {
    if (!("id" in message) || message.id !== id) continue;
    if (message.type === "sessions") {
      sessions.clear();
      for (const session of message.sessions) sessions.set(session.id, session);
    } else if (message.type === "session") sessions.set(message.session.id, message.session);
    else if (message.type === "session_removed") sessions.delete(message.session);
  }
  return sessions;
}

/** What there is. */
function stored(machine: LiveMachine): Map<string, SessionObject> {
  return new Map([...machine.engine.registry.all].map((session) => [session.id, session.toObject()]));
}

const later = (machine: LiveMachine) => machine.advance(limits.sessionFeedIntervalMs);

test("a session that changes all the time is told of at most four times a second, the last time as it is", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const socket = new ModelSocket(machine);
  socket.receive({ type: "sessions", id: 1 });
  for (let step = 0; step < 200; step++) {
    await machine.append(session, ["one"]);
    await machine.advance(10);
  }
  await later(machine);
  const heads = socket.of("session").map((message) => message.session.head);
  assert.ok(heads.length <= (200 * 10) / 250 + 1 && heads.length >= 7, `${heads.length} in two seconds`);
  assert.equal(heads.at(-1), 200);
});

test("feeds of one status know the sessions of that status and see them come and go", async () => {
  const machine = new LiveMachine();
  const socket = new ModelSocket(machine);
  const sessions = await Promise.all([machine.session(), machine.session(), machine.session()]);
  const [first, second, third] = sessions as [(typeof sessions)[0], (typeof sessions)[0], (typeof sessions)[0]];
  await machine.engine.end(third, "over");
  for (const [id, status] of ["all", "active", "ended"].entries()) socket.receive({ type: "sessions", id, status });
  await machine.engine.end(first, "over");
  await later(machine);
  await machine.append(second, ["news"]);
  await machine.session({ appname: "again" }, first.id);
  await later(machine);
  await machine.engine.end(first, "over");
  await later(machine);
  assert.equal(await machine.engine.purge(third), undefined);
  await later(machine);
  assert.deepEqual(known(socket, 0), stored(machine));
  const ofActive = socket.of("session").filter((message) => message.id === 1);
  assert.deepEqual(
    ofActive.map(({ session }) => [session.id, session.status]),
    [
      [first.id, "ended"],
      [second.id, "active"],
      [first.id, "active"],
      [first.id, "ended"],
    ],
  );
  assert.ok(socket.of("session").every((message) => message.id !== 2 || message.session.id === first.id));
  const removals = socket.of("session_removed").map(({ id, session }) => [id, session]);
  assert.deepEqual(removals.sort(), [
    [0, third.id],
    [2, third.id],
  ]);
});

test("L2: a feed whose socket is not read holds its budget, and is told where every session stands when it is", async () => {
  const machine = new LiveMachine();
  const sessions = await Promise.all(Array.from({ length: 300 }, () => machine.session({ metadata: { pad: "x".repeat(500) } })));
  const socket = new ModelSocket(machine);
  socket.receive({ type: "sessions", id: 1, status: "all" });
  socket.isFast = false;
  for (let round = 0; round < 10; round++) {
    for (const session of sessions) void machine.append(session, ["one"]);
    await later(machine);
  }
  for (const session of sessions.slice(0, 20)) {
    await machine.engine.end(session, "over");
    assert.equal(await machine.engine.purge(session), undefined);
  }
  assert.ok(socket.queuedSizeBytesMax <= limits.socketSendBudgetBytes + 2000, `${socket.queuedSizeBytesMax} bytes`);
  for (let round = 0; round < 10; round++) {
    socket.drain();
    await later(machine);
  }
  assert.deepEqual(known(socket, 1), stored(machine));
});

test("a snapshot of more than its limit comes in parts, newest sessions first", async () => {
  const machine = new LiveMachine({ shardCount: 1 });
  const pad = "x".repeat(60_000);
  for (let count = 0; count < 160; count++) await machine.session({ metadata: { pad } });
  const socket = new ModelSocket(machine);
  socket.receive({ type: "sessions", id: 1, status: "all" });
  const [snapshot] = socket.of("sessions");
  const size = JSON.stringify(snapshot).length;
  assert.ok(size <= limits.feedSnapshotSizeBytesMax + 1000 && size > limits.feedSnapshotSizeBytesMax / 2);
  await later(machine);
  assert.deepEqual(known(socket, 1), stored(machine));
});

test("a feed that is opened while there is no room gets its snapshot later, and a closed one nothing", async () => {
  const machine = new LiveMachine();
  const session = await machine.session();
  const socket = new ModelSocket(machine);
  socket.queuedSizeBytes = limits.socketSendBudgetBytes;
  socket.receive({ type: "sessions", id: 1 });
  socket.receive({ type: "sessions", id: 2 });
  assert.equal(socket.of("sessions").length, 0);
  socket.receive({ type: "unsubscribe", id: 2 });
  await machine.append(session, ["one"]);
  socket.drain();
  await later(machine);
  assert.deepEqual(
    socket.of("sessions").map((message) => [message.id, message.sessions[0]?.head]),
    [[1, 1]],
  );
});

test("the feeds of all sockets have a limit", async () => {
  const machine = new LiveMachine();
  const sockets = Array.from({ length: limits.feedCountMax / limits.socketFeedCountMax + 1 }, () => new ModelSocket(machine));
  for (const socket of sockets) for (let id = 0; id < limits.socketFeedCountMax; id++) socket.receive({ type: "sessions", id });
  const codes = sockets.flatMap((socket) => socket.of("error").map(({ code }) => code));
  assert.deepEqual(codes, Array(limits.socketFeedCountMax).fill("overloaded"));
  sockets[0]?.connection.closed();
  sockets.at(-1)?.receive({ type: "sessions", id: 0 });
  assert.equal(sockets.at(-1)?.of("sessions").length, 1);
});
