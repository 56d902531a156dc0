import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { outcomeStatus } from "#src/handoff/job.ts";
import { InlineShard, type TestBatch } from "./inline-ingest.ts";

/** Bodies that must be refused, each with good entries before what is wrong. */
const badBodies = [
  '[{"message":"good"},{"level":"loud","message":"bad"}]',
  '[{"message":"good"},{"message":"cut',
  '[{"format":"good {n}","fields":{"n":1}},{"fields":[]}]',
  '{"entries":{}}',
  "\u0001",
];

interface Plan {
  readonly slot: number;
  readonly texts: readonly string[];
  readonly bad: number | undefined;
}

const plans = fc.array(
  fc.array(
    fc.record<Plan>({
      slot: fc.nat({ max: 2 }),
      texts: fc.array(fc.string({ maxLength: 20 }), { maxLength: 5 }),
      bad: fc.option(fc.nat({ max: badBodies.length - 1 }), { nil: undefined, freq: 3 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  { minLength: 1, maxLength: 6 },
);

function batchOf(plan: Plan): TestBatch {
  if (plan.bad !== undefined) return { slot: plan.slot, body: badBodies[plan.bad] ?? "" };
  return { slot: plan.slot, body: JSON.stringify(plan.texts.map((message) => ({ message }))) };
}

test("W1: a refused batch leaves nothing, whatever stands beside it in its job", () => {
  fc.assert(
    fc.property(plans, (jobs) => {
      const shard = new InlineShard();
      const model: string[][] = [[], [], []];
      try {
        for (const job of jobs) {
          const outcomes = shard.run(job.map(batchOf));
          for (const [index, plan] of job.entries()) {
            const outcome = outcomes[index];
            const stored = model[plan.slot] as string[];
            if (plan.bad !== undefined) assert.equal(outcome?.status, outcomeStatus.refused);
            else {
              assert.deepEqual(outcome, {
                status: outcomeStatus.stored,
                first: stored.length + 1,
                count: plan.texts.length,
                code: undefined,
              });
              stored.push(...plan.texts);
            }
          }
        }
        for (const [slot, stored] of model.entries()) assert.deepEqual(shard.messages(slot), stored);
      } finally {
        shard.remove();
      }
    }),
    { numRuns: 60 },
  );
});

test("W2: batches of one session keep their order, within a job and from job to job, through a dying worker", () => {
  const shard = new InlineShard();
  const sent: string[] = [];
  for (let job = 0; job < 20; job++) {
    const batches = Array.from({ length: 7 }, (_, index) => {
      const message = `job ${job} batch ${index} ${"x".repeat(500)}`;
      sent.push(message);
      return { slot: 0, body: JSON.stringify({ message }) };
    });
    shard.run(batches);
    if (job % 5 === 4) shard.restartWorker();
  }
  assert.deepEqual(shard.messages(0), sent);
  assert.ok((shard.segments.get(0)?.length ?? 0) > 1, "the log was rolled on the way");
  shard.remove();
});

test("K1: a keyed batch is stored once, also when its worker is a new one; another body under its key is refused", () => {
  const shard = new InlineShard();
  const keyed = (sequence: number, message: string) => ({ slot: 0, body: JSON.stringify({ message }), key: `p:${sequence}` });
  const [first, again, other] = shard.run([keyed(1, "one"), keyed(1, "one"), keyed(1, "two")]);
  assert.deepEqual(first, { status: outcomeStatus.stored, first: 1, count: 1, code: undefined });
  assert.deepEqual(again, { status: outcomeStatus.duplicate, first: 1, count: 1, code: undefined });
  assert.equal(other?.code, "idempotency_mismatch");
  shard.restartWorker();
  const [late, next] = shard.run([keyed(1, "one"), keyed(2, "two")]);
  assert.deepEqual(late, { status: outcomeStatus.duplicate, first: 1, count: 1, code: undefined });
  assert.equal(next?.status, outcomeStatus.stored);
  assert.deepEqual(shard.messages(0), ["one", "two"]);
  shard.remove();
});

test("a batch that fills a block ends it, and the next one goes on behind it", () => {
  const shard = new InlineShard();
  const large = "y".repeat(200_000);
  const bodies = Array.from({ length: 4 }, () => JSON.stringify({ message: large }));
  const outcomes = shard.run(bodies.map((body) => ({ slot: 1, body })));
  assert.deepEqual(
    outcomes.map((outcome) => outcome.first),
    [1, 2, 3, 4],
  );
  assert.deepEqual(shard.messages(1), [large, large, large, large]);
  shard.remove();
});
