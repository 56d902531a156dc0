import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { limits } from "#src/config.ts";
import type { Session } from "#src/server/session.ts";
import { nextTurn } from "./inline-threads.ts";
import { Machine } from "./machine.ts";

/** A ring takes at least what one small job is granted. */
const ringSizeBytes = 1 << 18;

test("E9: when memory is short, the session that was silent the longest is the first of which nothing is left in it", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ who: fc.nat({ max: 5 }), size: fc.integer({ min: 1, max: 60_000 }) }), {
        minLength: 6,
        maxLength: 40,
      }),
      async (appends) => {
        const machine = new Machine({ shardCount: 1, ringSizeBytes });
        const sessions: Session[] = [];
        for (let index = 0; index < 6; index++) sessions.push(await machine.session());
        const lastAppend = new Map<Session, number>();
        for (const [index, { who, size }] of appends.entries()) {
          const session = sessions[who] as Session;
          await machine.append(session, ["x".repeat(size)]);
          lastAppend.set(session, index);
          const byIdleness = [...lastAppend].sort((a, b) => a[1] - b[1]).map(([heard]) => heard.residentCount > 0);
          assert.equal(byIdleness.indexOf(true) <= byIdleness.lastIndexOf(false), false, `${byIdleness}`);
          assert.ok(session.residentCount > 0);
        }
      },
    ),
    { numRuns: 60 },
  ));

test("E9: of each session the newest entries stay in memory, without a hole and no more than the limit", async () => {
  const machine = new Machine({ shardCount: 1, ringSizeBytes: 1 << 23 });
  const [many, few] = [await machine.session(), await machine.session()];
  const batch = Array.from({ length: 500 }, (_, index) => `entry ${index}`);
  await machine.append(few, batch);
  for (let count = 0; count < 30; count++) await machine.append(many, batch);
  const kept = (session: Session) => session.head - session.residentFirst + 1;
  assert.ok(
    kept(many) >= limits.residentEntryCountMax && kept(many) < limits.residentEntryCountMax + batch.length,
    `${kept(many)}`,
  );
  assert.equal(kept(few), 500);
});

/** Makes sessions, appends to each, ends and removes them; returns what may tell whether they are still held. */
async function removedSessions(machine: Machine, count: number): Promise<WeakRef<Session>[]> {
  const held: WeakRef<Session>[] = [];
  for (let index = 0; index < count; index++) {
    const session = await machine.endedSession();
    assert.equal(await machine.engine.purge(session), undefined);
    held.push(new WeakRef(session));
  }
  await machine.settle();
  return held;
}

test("a session that was removed is not held any more, though its blocks lie in the ring until their turn comes", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const machine = new Machine();
  const held = await removedSessions(machine, 20);
  await nextTurn();
  collect();
  // The last one may still lie on a stack.
  assert.ok(held.filter((session) => session.deref() !== undefined).length <= 1);
  assert.ok(machine.engine.shards.some((shard) => shard.ring.blockCount > 0));
});
