import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { TailraceClient } from "#src/client/client.ts";
import { NdjsonWriter } from "#src/client/ndjson-writer.ts";
import { SessionWriter } from "#src/client/session-writer.ts";
import { type Fault, HttpModel } from "./http-model.ts";
import { ManualClock } from "./manual-clock.ts";

const session = "66f0aaaaaaaaaaaaaaaaaaaa";
const ownEntries = /^Session (ended|resumed)/;

function setUp(retryForMs = 1_000_000) {
  const clock = new ManualClock();
  const model = new HttpModel();
  model.session(session);
  const backoff = { firstMs: 10, maxMs: 100, random: () => 0.5 };
  const client = new TailraceClient({ url: "http://model", fetch: model.fetch, clock, backoff, retryForMs });
  const stored = () => model.session(session).entries.map((entry) => entry.message);
  return { clock, model, client, stored };
}

/** Turns the clock until the promise is settled. */
async function settled<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = () => {
    isDone = true;
  };
  promise.then(done, done);
  await clock.run(() => isDone);
  return promise;
}

const faults = fc.array(
  fc.constantFrom<Fault>("fine", "fine", "unreachable", "answer lost", "overloaded", "stopping", "restart"),
  { maxLength: 20 },
);

const groupSizes = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 12 });

test("C1: what is written is stored once and in order, whatever the server and the network do", async () => {
  await fc.assert(
    fc.asyncProperty(faults, groupSizes, fc.constantFrom(1, 3, 100), async (script, groups, batchCountMax) => {
      const { clock, model, client, stored } = setUp();
      model.faults = [...script];
      // Some of its batches are too large for the server: they go in parts.
      model.batchCountMax = batchCountMax;
      const writer = new SessionWriter({ client, session, batchCountMax: 7, clock });
      const sent: string[] = [];
      const write = async () => {
        for (const count of groups) {
          for (let index = 0; index < count; index++) {
            sent.push(`message ${sent.length}`);
            await writer.write({ level: "info", message: sent.at(-1) as string });
          }
        }
        await writer.flush();
      };
      await settled(clock, write());
      assert.deepEqual(
        stored().filter((message) => !ownEntries.test(message)),
        sent,
      );
      assert.equal(writer.acknowledgedCount, sent.length);
    }),
    { numRuns: 150 },
  );
});

test("a batch goes out when it is full, and otherwise after the linger time", async () => {
  const { clock, model, client, stored } = setUp();
  const writer = new SessionWriter({ client, session, batchCountMax: 3, lingerMs: 100, clock });
  for (let index = 0; index < 4; index++) assert.equal(writer.tryWrite({ message: String(index) }), true);
  await settled(
    clock,
    writer.room().then(() => {}),
  );
  assert.deepEqual(stored().slice(0, 3), ["0", "1", "2"]);
  await settled(clock, writer.flush());
  assert.equal(writer.tryWrite({ message: "late" }), true);
  clock.advance(99);
  assert.equal(stored().length, 4);
  clock.advance(1);
  await clock.run(() => stored().length === 5, 0);
  assert.equal(model.requests.filter((request) => request.startsWith("POST")).length, 3);
});

test("a writer holds no more than a batch under way and a full one", async () => {
  const { model, client } = setUp();
  model.fetch("http://model/readyz", {}).catch(() => {});
  const writer = new SessionWriter({ client, session, batchCountMax: 10, clock: new ManualClock() });
  let taken = 0;
  while (writer.tryWrite({ message: "x" })) taken++;
  assert.equal(taken, 20);
});

test("plain and structured entries may alternate in one batch", async () => {
  const { clock, model, client, stored } = setUp();
  const writer = new SessionWriter({ client, session, clock });
  for (let index = 0; index < 6; index++) {
    if (index % 2 === 0) writer.tryWrite({ message: `plain ${index}` });
    else writer.tryWrite({ format: "n is {n}", fields: { n: index } });
  }
  await settled(clock, writer.flush());
  assert.deepEqual(stored(), ["plain 0", "n is 1", "plain 2", "n is 3", "plain 4", "n is 5"]);
  assert.equal(model.requests.length, 1);
});

test("a session that somebody ended on purpose is not re-opened", async () => {
  const { clock, model, client } = setUp();
  model.end(session, "client request");
  const writer = new SessionWriter({ client, session, clock });
  writer.tryWrite({ message: "too late" });
  await assert.rejects(settled(clock, writer.flush()), { code: "session_ended" });
  assert.throws(() => writer.tryWrite({ message: "more" }), { code: "session_ended" });
});

test("a server that stays away makes the writer fail after the time it was given", async () => {
  const { clock, model, client } = setUp(5000);
  model.isUp = false;
  const writer = new SessionWriter({ client, session, clock });
  writer.tryWrite({ message: "x" });
  await assert.rejects(settled(clock, writer.flush()), { code: "unreachable" });
});

test("an entry with a level that is none is refused at once", () => {
  const { client } = setUp();
  const writer = new SessionWriter({ client, session, clock: new ManualClock() });
  assert.throws(() => writer.tryWrite({ level: "loud", message: "x" }), { code: "invalid_entry" });
});

function ndjson(writer: NdjsonWriter, lines: readonly string[]): void {
  lines.forEach((line, index) => {
    const bytes = utf8(line);
    assert.equal(writer.tryWriteLine(bytes, 0, bytes.length, index + 1), true);
  });
}

test("lines that are no entries are sent again as plain messages when that is wanted", async () => {
  const { clock, client, stored } = setUp();
  const refused: number[] = [];
  const writer = new NdjsonWriter({
    client,
    session,
    clock,
    onRefused: (lineNumber) => {
      refused.push(lineNumber);
      return true;
    },
  });
  ndjson(writer, ['{"message":"a"}', '{"message":', '{"message":"c"}', '{"message":4}', '{"message":"e"}']);
  await settled(clock, writer.sender.flush());
  assert.deepEqual(stored(), ["a", '{"message":', "c", '{"message":4}', "e"]);
  assert.deepEqual(refused, [2, 4]);
});

test("lines that are no entries fail the whole when that is wanted, and nothing of their batch is stored", async () => {
  const { clock, client, stored } = setUp();
  let refused = 0;
  const onRefused = (lineNumber: number) => {
    refused = lineNumber;
    return false;
  };
  const writer = new NdjsonWriter({ client, session, clock, onRefused });
  ndjson(writer, ['{"message":"a"}', "{broken}"]);
  await assert.rejects(settled(clock, writer.sender.flush()), { code: "invalid_json" });
  assert.equal(refused, 2);
  assert.deepEqual(stored(), []);
});
