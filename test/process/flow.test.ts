/** Producers at full speed, several of them on one session, and subscribers from the beginning: each entry once, in order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../harness/history.ts";
import { LiveSocket } from "../harness/live-socket.ts";
import { Producer } from "../harness/producer.ts";
import { freshSessionId, randomOf, seedOfRun } from "../harness/random.ts";
import { serverFor, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const entriesPerProducer = 200_000;
const subscribersPerSession = 3;

interface Target {
  readonly id: string;
  readonly history: History;
  readonly producers: readonly Producer[];
}

/** A subscriber that checks each entry as it comes. */
class Subscriber {
  readonly #live: LiveSocket;
  /** Seq of the last entry of each subscription. */
  readonly last = new Map<number, number>();

  constructor(live: LiveSocket) {
    this.#live = live;
    live.keeps = false;
    live.onMessage = (message) => {
      if (message.type !== "log") return assert.notEqual(message.type, "gap");
      let last = this.last.get(message.id) ?? 0;
      for (const entry of message.entries) {
        last++;
        if (entry.seq !== last) throw new Error(`subscription ${message.id}: ${entry.seq} came instead of ${last}`);
      }
      this.last.set(message.id, last);
      assert.equal(message.cursor, last);
    };
  }

  subscribe(id: number, session: string): void {
    this.#live.send({ type: "subscribe", id, session, cursor: 0 });
  }

  close(): void {
    this.#live.terminate();
  }
}

test("W2, P1, L1: 6 producers of 200,000 entries each on 5 sessions, 3 subscribers on each session: everything once, in order", async (t) => {
  const server = await serverFor(t, { flags: ["--log-level", "error"] });
  const random = randomOf(seedOfRun());
  const targets = await Promise.all([1, 1, 1, 1, 2].map((count) => targetOf(server, count, random)));
  const subscribers = await Promise.all(
    Array.from({ length: subscribersPerSession }, async () => new Subscriber(await LiveSocket.open(server.url))),
  );
  // The first is there from the start, the others come while entries do.
  for (const [index, { id }] of targets.entries()) subscribers[0]?.subscribe(index, id);
  const startMs = performance.now();
  const sending = Promise.all(
    targets.flatMap(({ producers }) => producers.map((producer) => producer.send(server, entriesPerProducer))),
  );
  for (const [number, subscriber] of subscribers.slice(1).entries()) {
    await until("some entries", () => (targets[0]?.producers[0]?.acknowledgedCount ?? 0) > (number + 1) * 30_000);
    for (const [index, { id }] of targets.entries()) subscriber.subscribe(index, id);
  }
  await checkReadYourWrites(server, targets);
  assert.ok(
    (await sending).every((isDone) => isDone),
    "every batch is acknowledged",
  );
  const sentMs = performance.now() - startMs;
  for (const [index, { id, history }] of targets.entries()) {
    const stored = await server.readAll(id);
    history.check(stored, `seed ${random.seed}, session ${id}`);
    for (const subscriber of subscribers)
      await until("a subscriber has seen it all", () => subscriber.last.get(index) === stored.length);
  }
  const total = targets.reduce((sum, { producers }) => sum + producers.length, 0) * entriesPerProducer;
  t.diagnostic(
    `figures: seed ${random.seed}, ${total} entries in ${Math.round(sentMs)} ms, ${total * subscribersPerSession} delivered live`,
  );
  for (const subscriber of subscribers) subscriber.close();
});

async function targetOf(server: TestServer, producerCount: number, random: ReturnType<typeof randomOf>): Promise<Target> {
  const id = await server.session({}, freshSessionId());
  const history = new History();
  const producers = Array.from(
    { length: producerCount },
    (_, index) => new Producer({ name: `p${index}`, session: id, history, random, countMax: 500 }),
  );
  return { id, history, producers };
}

/** Whoever has an acknowledgement finds the entries, at once. */
async function checkReadYourWrites(server: TestServer, targets: readonly Target[]): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const { id, history } = targets[round % targets.length] as Target;
    const batch = history.batches.findLast((sent) => sent.outcome === "acknowledged");
    if (batch === undefined) continue;
    const page = (await server.call("GET", `/sessions/${id}/log?cursor=${batch.first - 1}&limit=${batch.count}`)).json<{
      entries: { message: string }[];
    }>();
    assert.equal(page.entries.length, batch.count);
    assert.equal(page.entries[0]?.message, `${batch.producer} ${batch.from}`);
  }
}
