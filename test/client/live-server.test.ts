import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { tryParseSessionId } from "#src/base/ids.ts";
import { type ServerProcess, startServer, withTemporaryDirectory } from "#src/cli/demo/server-process.ts";
import { openNodeSocket } from "#src/cli/node-socket.ts";
import { BatchWriter } from "#src/client/batch-writer.hot.ts";
import { newClientSessionId, TailraceClient } from "#src/client/client.ts";
import { editorLog } from "#src/client/generator.ts";
import { LiveClient } from "#src/client/live.ts";
import { entriesOfFrame } from "#src/client/payload-entries.ts";
import type { SubscribeRequest } from "#src/client/subscription.ts";
import type { EntryInput, EntryObject, SessionObject } from "#src/wire/api.ts";
import { readDeltaFrame } from "#src/wire/frame.ts";

let server: ServerProcess;
let client: TailraceClient;
let stop = () => {};
let stopped: Promise<void>;

before(async () => {
  await new Promise<void>((ready) => {
    stopped = withTemporaryDirectory(async (directory) => {
      server = await startServer(directory);
      client = new TailraceClient({ url: server.url });
      await new Promise<void>((resolve) => {
        stop = resolve;
        ready();
      });
      assert.equal(await server.stop(), 0);
    });
  });
});

after(() => {
  stop();
  return stopped;
});

function liveClient(binary: boolean): LiveClient {
  return new LiveClient({ url: server.url, openSocket: openNodeSocket, binary });
}

/** Entries of every kind that JSON can hold. */
function variedEntries(): EntryInput[] {
  const structured = editorLog({ seed: 9, structured: true });
  const generated = Array.from({ length: 300 }, () => {
    const { timeMs, level, logger, format, fields } = structured();
    return {
      timestamp: timeMs,
      level,
      logger,
      format: format ?? "",
      fields: JSON.parse(fields ?? "{}") as Record<string, unknown>,
    };
  });
  return [
    ...generated,
    { message: "" },
    { message: "lone \ud800 surrogate and \ufffd and 👩‍💻", logger: "夜" },
    { timestamp: "1700-01-01T00:00:00.000000001Z", message: "old" },
    { timestamp: "2026-11-20T10:00:00.123456Z", message: "micro" },
    { timestamp: "2026-11-20T10:00:00.123456789Z", level: "critical", message: "nano", more: { a: [1, null] } },
  ];
}

/** Collects until the session ends. */
function collect(live: LiveClient, request: SubscribeRequest): Promise<EntryObject[]> {
  const found: EntryObject[] = [];
  return new Promise((resolve, reject) => {
    live.subscribe(request, {
      onEntries: (entries) => found.push(...entries),
      onEnded: () => resolve(found),
      onError: reject,
    });
  });
}

test("binary and JSON subscriptions bring the same entries as a read, filtered or not", async () => {
  const session = newClientSessionId();
  await client.openSession(session);
  const lives = [liveClient(false), liveClient(true)];
  for (const filter of [{}, { level: "warn" }, { q: "city" }]) {
    const collected = lives.map((live) => collect(live, { session, cursor: 0, ...filter }));
    await client.appendEntries(session, variedEntries());
    await client.endSession(session);
    const read: EntryObject[] = [];
    for await (const page of client.readPages(session, filter)) read.push(...page.entries);
    for (const entries of await Promise.all(collected)) assert.deepEqual(entries, read);
    await client.openSession(session);
  }
  for (const live of lives) live.close();
});

test("a binary page has the entries of a JSON page", async () => {
  const session = newClientSessionId();
  await client.openSession(session);
  await client.appendEntries(session, variedEntries());
  const response = await client.readAs(session, "flatbuffers", { cursor: 10, limit: 200 });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const frame = readDeltaFrame(bytes);
  assert.ok(frame !== undefined);
  const page = await client.readPage(session, { cursor: 10, limit: 200 });
  assert.deepEqual(entriesOfFrame(bytes, frame), page.entries);
  assert.equal(frame.cursor, page.cursor);
});

test("binary appends over a WebSocket are stored once each and in order, more of them than there are credits", async () => {
  const session = tryParseSessionId(newClientSessionId());
  assert.ok(session !== undefined);
  await client.openSession(session);
  const live = liveClient(true);
  const writer = new BatchWriter();
  const answers = Array.from({ length: 1000 }, (_, index) => {
    writer.clear();
    writer.addMessage(1_800_000_000_000, 3, "LogA", `number ${index}`);
    return live.appendBatch(session, writer.finish());
  });
  const firsts = (await Promise.all(answers)).map((answer) => answer.first);
  assert.deepEqual(
    firsts,
    Array.from({ length: 1000 }, (_, index) => index + 1),
  );
  const { entries } = await client.readPage(session, { cursor: 0, limit: 2000 });
  assert.deepEqual(
    entries.map((entry) => entry.message),
    answers.map((_, index) => `number ${index}`),
  );
  await assert.rejects(live.append(session, [{ level: "odd", message: "x" }]), { code: "invalid_entry" });
  live.close();
});

test("the sessions feed tells what is there, what comes and what goes", async () => {
  const live = liveClient(false);
  const session = newClientSessionId();
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    live.watchSessions("all", {
      onSessions: (_sessions: SessionObject[], selfId) => {
        seen.push("all");
        assert.match(selfId, /^[0-9a-f]{24}$/);
        void client.openSession(session, { appname: "fed" });
      },
      onSession: (changed) => {
        if (changed.id !== session || seen.at(-1) === changed.status) return;
        seen.push(changed.status);
        if (changed.status === "active") void client.endSession(session);
        else void client.endSession(session, { purge: true });
      },
      onRemoved: (id) => {
        if (id !== session) return;
        seen.push("removed");
        resolve();
      },
    });
  });
  assert.deepEqual(seen, ["all", "active", "ended", "removed"]);
  live.close();
});
