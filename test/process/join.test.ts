/** Hundreds of clients that join a session while it is written, and join again where they were: no seam, no loss, no repeat. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import type { LogPage, ServerMessage } from "#src/wire/api.ts";
import { entriesOfFrame } from "#src/wire/entry-objects.ts";
import { type DeltaFrame, readDeltaFrame } from "#src/wire/frame.ts";
import { CuttingProxy } from "../harness/cutting-proxy.ts";
import { EventStream } from "../harness/event-stream.ts";
import { call } from "../harness/http.ts";
import { Joiner, numberedEntry } from "../harness/joiner.ts";
import { type Random, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const firstCount = 3000;
const entryCount = 9000;
const joinsMin = 4;

/** Who follows one session, and how it goes for all of them. */
interface Crowd {
  readonly id: string;
  readonly random: Random;
  readonly head: () => number;
  isOver: () => boolean;
}

/** One socket with its subscriptions, for one connection's life. Resolves when it is closed. */
function followOnce(url: string, joiners: readonly Joiner[], crowd: Crowd, isBinary: boolean): Promise<void> {
  const { id: session, random } = crowd;
  const socket = new WebSocket(`${url.replace("http", "ws")}/sessions/ws`, isBinary ? ["tailrace.flatbuffers.v1"] : []);
  let left = random.whole(2, 60);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      socket.terminate();
      reject(error);
    };
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("open", () => {
      for (const [id, joiner] of joiners.entries()) {
        if (joiner.hasEnded) continue;
        joiner.joinCount++;
        socket.send(
          JSON.stringify({
            type: "subscribe",
            id,
            session,
            cursor: joiner.cursor,
            ...(joiner.onlyErrors ? { level: "error" } : {}),
          }),
        );
      }
    });
    socket.on("message", (data, binary) => {
      try {
        if (binary) takeBinary(joiners, data as Buffer);
        else takeMessage(joiners, JSON.parse(String(data)) as ServerMessage);
      } catch (error) {
        fail(error);
      }
      if (joiners.every((joiner) => joiner.hasEnded) || (left-- <= 0 && needsMore(joiners))) socket.terminate();
    });
  });
}

const needsMore = (joiners: readonly Joiner[]) => joiners.some((joiner) => joiner.joinCount < joinsMin);

function takeMessage(joiners: readonly Joiner[], message: ServerMessage): void {
  if (message.type === "log") joiners[message.id]?.take(message.entries, message.cursor);
  else if (message.type === "ended") end(joiners[message.id], message.cursor);
  else
    assert.ok(message.type === "hello" || message.type === "subscribed" || message.type === "heartbeat", JSON.stringify(message));
}

function takeBinary(joiners: readonly Joiner[], bytes: Buffer): void {
  const frame = readDeltaFrame(bytes) as DeltaFrame;
  const inside = entriesOfFrame(bytes, frame).filter((entry) => entry.seq > frame.from && entry.seq <= frame.cursor);
  joiners[frame.id]?.take(inside, frame.cursor);
}

function end(joiner: Joiner | undefined, cursor: number): void {
  if (joiner === undefined) return;
  if (!joiner.onlyErrors) assert.equal(joiner.cursor, cursor, `${joiner.name} ended before it had everything`);
  joiner.take([], cursor);
  joiner.hasEnded = true;
}

async function followBySocket(url: string, joiners: readonly Joiner[], crowd: Crowd, isBinary: boolean): Promise<void> {
  while (joiners.some((joiner) => !joiner.hasEnded)) await followOnce(url, joiners, crowd, isBinary);
}

async function followByStream(url: string, joiner: Joiner, { id, random }: Crowd): Promise<void> {
  const query = joiner.onlyErrors ? "?level=error" : "";
  while (!joiner.hasEnded) {
    const headers = joiner.joinCount === 0 ? {} : { "last-event-id": String(joiner.cursor) };
    const start = joiner.joinCount === 0 ? `${query === "" ? "?" : "&"}cursor=${joiner.cursor}` : "";
    const stream = await EventStream.open(`${url}/sessions/${id}/log/stream${query}${start}`, headers).catch(() => undefined);
    if (stream === undefined) continue;
    joiner.joinCount++;
    for (let left = random.whole(2, 40); left > 0 || joiner.joinCount >= joinsMin; left--) {
      const event = await until("an event", () => stream.events.shift() ?? (stream.isOver ? "over" : undefined));
      if (event === "over") break;
      const data = JSON.parse(event.data || "{}") as LogPage;
      if (event.event === "log") joiner.take(data.entries, data.cursor);
      else if (event.event === "ended") end(joiner, data.cursor);
      else assert.ok(event.event === "heartbeat" || event.event === "", event.event);
    }
    stream.close();
  }
}

async function followByPolls(url: string, joiner: Joiner, { id, random, head, isOver }: Crowd): Promise<void> {
  const level = joiner.onlyErrors ? "&level=error" : "";
  while (!(isOver() && joiner.cursor >= head())) {
    const query = `cursor=${joiner.cursor}&limit=${random.whole(1, 2500)}&wait=${random.whole(0, 200)}${level}`;
    const answer = await call(url, "GET", `/sessions/${id}/log?${query}`).catch(() => undefined);
    joiner.joinCount++;
    if (answer?.status !== 200) continue;
    const page = answer.json<LogPage>();
    assert.equal(page.gap, undefined);
    joiner.take(page.entries, page.cursor);
  }
  joiner.hasEnded = true;
}

/** Writes behind the first entries and returns the seq of the end of the session, which comes next. */
async function writeBehind(server: TestServer, id: string, random: Random, isAwaited: () => boolean): Promise<number> {
  let seq = firstCount;
  // Once there is enough to read it goes on in small steps until everybody has come back often enough.
  while (seq < entryCount || isAwaited()) {
    const count = seq < entryCount ? random.whole(1, 60) : 1;
    const batch = Array.from({ length: count }, (_, index) => numberedEntry(seq + index + 1));
    assert.equal((await server.append(id, batch)).status, 200);
    seq += count;
  }
  return seq + 1;
}

test("L1: 520 subscriptions at random cursors, coming back at random, direct and through a proxy that cuts, see the session once", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error", "--segment-bytes", "64KiB", "--arena-bytes", "256KiB"] });
  const random = randomOf(seedOfRun());
  const proxy = await CuttingProxy.open(server.port, random);
  t.after(() => proxy.close());
  const id = await server.session();
  let head = 0;
  let isOver = false;
  const crowd: Crowd = { id, random, head: () => head, isOver: () => isOver };
  const all: Joiner[] = [];
  const join = (name: string) => {
    const joiner = new Joiner(`${name} ${all.length}`, random.whole(0, firstCount), random.whole(0, 3) === 0);
    all.push(joiner);
    return joiner;
  };
  const several = (count: number, name: string) => Array.from({ length: count }, () => join(name));
  await server.append(
    id,
    Array.from({ length: firstCount }, (_, index) => numberedEntry(index + 1)),
  );
  const following = [
    ...Array.from({ length: 38 }, (_, index) => followBySocket(server.url, several(10, "socket"), crowd, index % 8 === 0)),
    ...Array.from({ length: 20 }, () => followBySocket(proxy.url, several(4, "socket behind the proxy"), crowd, false)),
    ...several(20, "stream").map((joiner) => followByStream(server.url, joiner, crowd)),
    ...several(20, "stream behind the proxy").map((joiner) => followByStream(proxy.url, joiner, crowd)),
    ...several(10, "poll").map((joiner) => followByPolls(server.url, joiner, crowd)),
    ...several(10, "poll behind the proxy").map((joiner) => followByPolls(proxy.url, joiner, crowd)),
  ];
  const writing = writeBehind(server, id, random, () => all.some((joiner) => joiner.joinCount < joinsMin));
  head = await writing;
  await server.call("DELETE", `/sessions/${id}`);
  isOver = true;
  await Promise.all(following);
  for (const joiner of all) assert.ok(joiner.cursor >= head, joiner.name);
  const sum = (value: (joiner: Joiner) => number) => all.reduce((total, joiner) => total + value(joiner), 0);
  t.diagnostic(
    `figures: seed ${random.seed}, ${all.length} subscriptions, ${sum((joiner) => joiner.joinCount)} joins, ${proxy.cutCount} cuts, ${sum((joiner) => joiner.deltaCount)} deltas, ${head} entries`,
  );
});
