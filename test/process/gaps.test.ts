/** Entries that are not there any more, because of a limit of size or of damage: everybody is told exactly which. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { EntryObject, Gap, LogPage, SessionObject } from "#src/wire/api.ts";
import { EventStream } from "../harness/event-stream.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/** Sessions whose entries fill about thirty segments. */
async function fill(server: TestServer, id: string, count: number): Promise<void> {
  const text = "x".repeat(300);
  for (let from = 1; from <= count; from += 100)
    await server.append(
      id,
      Array.from({ length: 100 }, (_, index) => ({ message: `${from + index} ${text}`, fields: { at: from + index } })),
    );
}

function segmentsOf(server: TestServer, id: string): string[] {
  const directory = join(server.dataDir, "sessions", id);
  return readdirSync(directory)
    .filter((name) => /^\d{20}\.log$/.test(name))
    .sort()
    .map((name) => join(directory, name));
}

const firstOf = (path: string) => Number(/(\d{20})\.log$/.exec(path)?.[1]);

async function page(server: TestServer, id: string, query: string): Promise<LogPage> {
  const answer = await server.call("GET", `/sessions/${id}/log?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json<LogPage>();
}

/** Every entry and gap on the way from `cursor` to the head, page by page. */
async function walk(server: TestServer, id: string, limit: number): Promise<{ seqs: number[]; gaps: Gap[] }> {
  const seqs: number[] = [];
  const gaps: Gap[] = [];
  for (let cursor = 0, more = true; more; ) {
    const got = await page(server, id, `cursor=${cursor}&limit=${limit}`);
    if (got.gap !== undefined) gaps.push(got.gap);
    seqs.push(...got.entries.map((entry) => entry.seq));
    assert.ok(got.cursor > cursor, "a page moves on");
    ({ cursor, more } = got);
  }
  return { seqs, gaps };
}

/** The same over a subscription and a stream. */
async function follow(server: TestServer, id: string, head: number): Promise<{ seqs: number[]; gaps: Gap[] }[]> {
  const live = await LiveSocket.open(server.url);
  live.send({ type: "subscribe", id: 1, session: id, cursor: 0 });
  const stream = await EventStream.open(`${server.url}/sessions/${id}/log/stream?cursor=0`);
  const told = { seqs: [] as number[], gaps: [] as Gap[] };
  const streamed = { seqs: [] as number[], gaps: [] as Gap[] };
  const take = (
    into: typeof told,
    type: string,
    data: { entries?: EntryObject[]; from?: number; to?: number; reason?: Gap["reason"] },
  ) => {
    if (type === "gap")
      into.gaps.push({ from: data.from ?? 0, to: data.to ?? 0, ...(data.reason === undefined ? {} : { reason: data.reason }) });
    for (const entry of data.entries ?? []) into.seqs.push(entry.seq);
  };
  await until("both have seen the head", () => {
    for (const message of live.messages.splice(0)) take(told, message.type, message as object);
    for (const event of stream.events.splice(0))
      take(streamed, event.event, event.data === "" ? {} : (JSON.parse(event.data) as object));
    return told.seqs.at(-1) === head && streamed.seqs.at(-1) === head;
  });
  live.terminate();
  stream.close();
  return [told, streamed];
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

const withoutReason = (gaps: readonly Gap[]) => gaps.map(({ from, to }) => ({ from, to }));

test("a session over its limit loses its oldest segments; readers and followers are told of the gap, once", async (t) => {
  const flags = ["--session-max-bytes", "256KiB", "--segment-bytes", "32KiB", "--log-level", "error", "--arena-bytes", "1MiB"];
  const server = await serverFor(t, { flags });
  const id = await server.session();
  await fill(server, id, 3000);
  const session = await until("the session is within its limit", async () => {
    const found = (await server.call("GET", `/sessions/${id}`)).json<SessionObject>();
    return found.bytes <= 256 * 1024 && found.first > 1 ? found : undefined;
  });
  const { first } = session;
  const got = await page(server, id, "cursor=0&limit=10");
  assert.deepEqual([got.first, got.gap, got.entries[0]?.seq], [first, { from: 1, to: first - 1 }, first]);
  assert.deepEqual((await page(server, id, `cursor=${first - 2}&limit=1`)).gap, { from: first - 1, to: first - 1 });
  assert.equal((await page(server, id, `cursor=${first - 1}&limit=1`)).gap, undefined);
  assert.deepEqual((await page(server, id, "offset=5&limit=1")).entries[0]?.seq, first + 5);
  assert.deepEqual(
    (await page(server, id, `before=${first + 2}&limit=100`)).entries.map((entry) => entry.seq),
    [first, first + 1],
  );
  assert.deepEqual((await page(server, id, "before=5&limit=100")).entries, []);
  assert.equal(
    (await server.call("GET", `/sessions/${id}/log?cursor=0&limit=1&format=text`)).headers["tailrace-gap"],
    `1-${first - 1}`,
  );
  for (const { seqs, gaps } of await follow(server, id, 3000)) {
    assert.deepEqual(gaps, [{ from: 1, to: first - 1, reason: "expired" }]);
    assert.deepEqual(seqs, range(first, 3000));
  }
  await server.kill();
  await server.start();
  const after = await page(server, id, "cursor=0&limit=10000");
  assert.deepEqual([after.first, after.gap, after.entries.length], [first, { from: 1, to: first - 1 }, 3001 - first + 1]);
});

test("S3: a segment that is gone and one that is damaged are gaps; everything on both sides is there", async (t) => {
  const server = await serverFor(t, { flags: ["--segment-bytes", "32KiB", "--log-level", "fatal"] });
  const id = await server.session();
  await fill(server, id, 3000);
  assert.equal(await server.stop(), 0);
  const paths = segmentsOf(server, id);
  assert.ok(paths.length > 20);
  const [gone, hurt] = [7, 12];
  rmSync(paths[gone] as string);
  const bytes = readFileSync(paths[hurt] as string);
  for (let at = bytes.length >> 1; at < (bytes.length >> 1) + 64; at++) bytes[at] = (bytes[at] as number) ^ 0xa5;
  writeFileSync(paths[hurt] as string, bytes);
  await server.start();
  const lost = { from: firstOf(paths[gone] as string), to: firstOf(paths[gone + 1] as string) - 1 };
  const hurtRange = { from: firstOf(paths[hurt] as string), to: firstOf(paths[hurt + 1] as string) - 1 };
  const walks = [await walk(server, id, 10_000), await walk(server, id, 77), ...(await follow(server, id, 3001))];
  for (const { seqs, gaps } of walks) {
    assert.equal(gaps.length, 2, JSON.stringify(gaps));
    assert.deepEqual(withoutReason(gaps)[0], lost);
    const damage = gaps[1] as Gap;
    assert.ok(damage.from >= hurtRange.from && damage.to <= hurtRange.to, JSON.stringify([damage, hurtRange]));
    const kept = range(1, 3001).filter((seq) => !gaps.some((gap) => seq >= gap.from && seq <= gap.to));
    assert.deepEqual(seqs, kept);
    assert.deepEqual(withoutReason(gaps), withoutReason(walks[0]?.gaps ?? []), "everybody is told the same");
  }
  for (const { gaps } of walks.slice(2))
    assert.deepEqual(
      gaps.map((gap) => gap.reason),
      ["damaged", "damaged"],
    );
  const whole = await page(server, id, `before=${lost.to + 3}&limit=2`);
  assert.deepEqual(
    whole.entries.map((entry) => entry.seq),
    [lost.to + 1, lost.to + 2],
  );
  await server.session({}, id);
  const more = await server.append(id, [{ message: "on" }]);
  assert.equal(more.json<{ first: number }>().first, 3003, "numbers are not used again");
});
