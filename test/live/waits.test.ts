/** Reads and claims that wait: what wakes them, what does not, and how they end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Waited } from "#src/server/waits.ts";
import type { FilterInput } from "#src/wire/api.ts";
import { filterOf, LiveMachine } from "./live-machine.ts";

class Waiting {
  abort = () => {};
  #result: Waited | undefined;

  end(result: Waited): void {
    assert.equal(this.#result, undefined);
    this.#result = result;
  }

  get isWaiting(): boolean {
    return this.#result === undefined;
  }

  get result(): Waited | undefined {
    return this.#result;
  }
}

/** A machine with a session of two entries. */
async function prepared() {
  const machine = new LiveMachine();
  const session = await machine.session();
  await machine.append(session, ["one", "two"]);
  const start = (cursor: number, filter: FilterInput = {}): Waiting => {
    const waiting = new Waiting();
    const onAborted = (giveUp: () => void) => {
      waiting.abort = giveUp;
    };
    const wait = { session, cursor, filter: filterOf(filter), ms: 1000, onAborted };
    void machine.waits.wait(wait).then((waited) => waiting.end(waited));
    return waiting;
  };
  return { machine, session, start };
}

test("a wait ends at once when there is something, else with the next entry", async () => {
  const { machine, session, start } = await prepared();
  const [behind, atHead] = [start(1), start(2)];
  await machine.settle();
  assert.deepEqual([behind.result, atHead.result], [{ isOver: false, cursor: 1 }, undefined]);
  await machine.append(session, ["three"]);
  await machine.settle();
  assert.deepEqual(atHead.result, { isOver: false, cursor: 2 });
});

test("a wait with a filter sleeps on while nothing matches, and then says where to look", async () => {
  const { machine, session, start } = await prepared();
  const waiting = start(0, { q: "needle" });
  for (let round = 0; round < 3; round++) await machine.append(session, ["hay"]);
  await machine.settle();
  assert.ok(waiting.isWaiting);
  await machine.append(session, ["a needle"]);
  await machine.settle();
  assert.equal(waiting.result?.isOver, false);
  const { cursor } = waiting.result as Waited;
  assert.ok(cursor >= 0 && cursor < 6, `nothing is skipped: ${cursor}`);
  assert.equal(machine.live.followerCount, 0);
});

test("a wait whose time is over says how far it looked", async () => {
  const { machine, session, start } = await prepared();
  const [filtered, plain] = [start(0, { level: "critical" }), start(2)];
  await machine.settle();
  await machine.advance(999);
  assert.deepEqual([filtered.result, plain.result], [undefined, undefined]);
  await machine.advance(1);
  assert.deepEqual(
    [filtered.result, plain.result],
    [
      { isOver: true, cursor: session.head },
      { isOver: true, cursor: 2 },
    ],
  );
  assert.equal(machine.live.followerCount, 0);
});

test("a wait ends with its peer, with the session's data and with the server", async () => {
  const { machine, session, start } = await prepared();
  const [gone, gonePlain] = [start(2, { q: "x" }), start(2)];
  gone.abort();
  gonePlain.abort();
  await machine.settle();
  assert.deepEqual([gone.result?.isOver, gonePlain.result?.isOver], [true, true]);
  const [stopped, stoppedPlain] = [start(2, { q: "x" }), start(2)];
  await machine.engine.end(session, "over");
  await machine.settle();
  assert.ok(stoppedPlain.result !== undefined && stopped.result !== undefined, "the last entry and the end wake them");
  const removed = start(session.head);
  assert.equal(await machine.engine.purge(session), undefined);
  await machine.settle();
  assert.deepEqual(removed.result, { isOver: false, cursor: session.head });
  const other = await machine.session();
  const waits = machine.waits.wait({ session: other, cursor: 0, filter: filterOf({}), ms: 1000, onAborted: () => {} });
  machine.waits.stop();
  assert.equal((await waits).isOver, true);
  const late = await machine.waits.wait({ session: other, cursor: 0, filter: filterOf({}), ms: 1000, onAborted: () => {} });
  assert.equal(late.isOver, true);
  assert.equal(other.listeners.size + session.listeners.size, 0);
});

test("a wait with a filter on an ended session wakes when it is opened again", async () => {
  const { machine, session, start } = await prepared();
  await machine.engine.end(session, "over");
  const waiting = start(session.head, { q: "needle" });
  await machine.settle();
  assert.ok(waiting.isWaiting);
  await machine.session({}, session.id);
  await machine.settle();
  assert.equal(waiting.result?.isOver, false);
});
