/** A real ingest thread behind its pool: jobs and syncs side by side, its death, its end. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { utf8 } from "#src/base/bytes.ts";
import { bodyEncoding, itemAt, itemKind, outcomeAt, outcomeStatus } from "#src/handoff/job.ts";
import { JobDesk, nextJobNumber } from "#src/handoff/job-desk.ts";
import { RingIndex } from "#src/handoff/ring.ts";
import { IntakeSlab } from "#src/handoff/slab.ts";
import { IngestPool } from "#src/server/ingest-pool.ts";
import { systemFiles } from "#src/storage/files.ts";
import { prepareDataDirectory } from "#src/storage/session-file.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { decodeLimitsDefault } from "#src/wire/decode-context.ts";

class PoolUnderTest {
  readonly dataDir = mkdtempSync(join(tmpdir(), "tailrace-pool-"));
  readonly #desk = new JobDesk();
  readonly #slab = new IntakeSlab(1 << 20);
  readonly #ring = new RingIndex(1 << 16);
  readonly pool: IngestPool;
  #tail = { head: 0, segmentFirstSeq: 0, endPosition: 0 };
  #isAdopted = false;
  #breaks = false;
  idleDeathCount = 0;

  constructor() {
    prepareDataDirectory(systemFiles, this.dataDir);
    const memory = { slab: this.#slab.buffer, ring: this.#ring.buffer };
    const sizes = { segmentSizeBytes: 1 << 20, descriptorCountMax: 8 };
    const data = { ...memory, ...sizes, dataDir: this.dataDir, limits: decodeLimitsDefault, testHooks: true };
    const onIdleDeath = () => void this.idleDeathCount++;
    this.pool = new IngestPool({ desk: this.#desk, workerData: data, onIdleDeath, onError: () => {} });
  }

  /** Appends one entry to session 0; returns its seq, or the code of the refusal. */
  async append(logger: string, documents: readonly unknown[] = []): Promise<number | string> {
    const body = utf8(`[{"message":"m","logger":"${logger}"}]`);
    const offset = this.#slab.reserve(body.length);
    this.#slab.put(offset, new DataView(body.buffer), 0, body.length);
    const number = nextJobNumber(this.#desk.posted);
    const rows = this.#desk.rowsOf(number);
    rows.items[itemAt.kind] = itemKind.append;
    rows.items[itemAt.slot] = this.#breaks ? 7 : 0;
    this.#breaks = false;
    rows.items[itemAt.offset] = offset;
    rows.items[itemAt.sizeBytes] = body.length;
    rows.items[itemAt.bodyKind] = bodyKind.json;
    rows.items[itemAt.encoding] = bodyEncoding.identity;
    rows.items[itemAt.receivedMs] = 1_700_000_000_000;
    rows.items[itemAt.extra] = -1;
    const id = "0".repeat(23).concat("1");
    const adoptions = this.#isAdopted ? [] : [{ slot: 0, id, tail: this.#tail, segments: [] }];
    this.#isAdopted = true;
    const { position: ringPosition, limit: ringLimit } = this.#ring.grant(1 << 12);
    const head = { number, attempt: 1, itemCount: 1, ringPosition, ringLimit };
    const { refusals } = await this.pool.run({ ...head, ...rows, adoptions, keys: [], documents });
    if (refusals[0] !== undefined) return refusals[0][1].code;
    assert.equal(rows.outcomes[outcomeAt.status], outcomeStatus.stored);
    const [, , , firstSeq, count, segmentFirstSeq, endPosition] = rows.blocks as unknown as number[];
    this.#tail = {
      head: (firstSeq ?? 0) + (count ?? 0) - 1,
      segmentFirstSeq: segmentFirstSeq ?? 0,
      endPosition: endPosition ?? 0,
    };
    return rows.outcomes[outcomeAt.first] as number;
  }

  /** The next job names a session that nobody adopted. */
  breakNextJob(): void {
    this.#breaks = true;
  }

  /** The next job goes to a thread that knows nothing. */
  forgetWorker(): void {
    this.#isAdopted = false;
  }

  remove(): void {
    rmSync(this.dataDir, { recursive: true });
  }
}

test("jobs go on while files are synced, and a thread that is told to stop says that all is durable", async () => {
  const one = new PoolUnderTest();
  assert.equal(await one.append("a"), 1);
  for (let round = 0; round < 50; round++) {
    const sync = one.pool.sync([0]);
    const firsts = [await one.append("a"), await one.append("a")];
    assert.deepEqual(firsts, [round * 2 + 2, round * 2 + 3]);
    assert.equal((await sync).size, 0);
  }
  // Longer than the jobs between two turns of the thread's event loop.
  for (let seq = 102; seq < 900; seq++) assert.equal(await one.append("b"), seq);
  assert.equal(await one.pool.close(), true);
  one.remove();
});

test("P2: when the thread dies, its job and its sync are rejected, and what comes next has another thread", async () => {
  const one = new PoolUnderTest();
  assert.equal(await one.append("a"), 1);
  for (let round = 0; round < 3; round++) {
    const [job, sync] = await Promise.allSettled([one.append("tailrace.test.die.encoded"), one.pool.sync([0])]);
    assert.equal(job.status, "rejected");
    assert.equal(sync.status, "rejected");
    one.forgetWorker();
    assert.equal(await one.append("a"), round + 2);
    assert.equal((await one.pool.sync([0])).size, 0);
  }
  assert.equal(await one.pool.close(), true);
  one.remove();
});

test("a sync of sessions that the thread does not know fails alone: the job beside it is done", async () => {
  const one = new PoolUnderTest();
  assert.equal(await one.append("a"), 1);
  for (let round = 0; round < 20; round++) {
    const [sync, job] = await Promise.allSettled([one.pool.sync([0, 5]), one.append("a")]);
    assert.equal(sync.status, "rejected");
    assert.deepEqual(job, { status: "fulfilled", value: round + 2 });
    assert.equal((await one.pool.sync([0])).size, 0);
  }
  assert.equal(await one.pool.close(), true);
  assert.equal(one.idleDeathCount, 0);
  one.remove();
});

test("a job whose letter can't be sent fails alone", async () => {
  const one = new PoolUnderTest();
  assert.equal(await one.append("a"), 1);
  await assert.rejects(one.append("a", [() => {}]), { name: "DataCloneError" });
  assert.equal(await one.append("a"), 2);
  assert.equal(await one.pool.close(), true);
  one.remove();
});

test("E7: what breaks in a job ends the thread, whose sync in flight fails with it, and later ones are sound", async () => {
  const one = new PoolUnderTest();
  for (let round = 0; round < 3; round++) {
    assert.equal(await one.append("a"), round * 401 + 1);
    one.breakNextJob();
    const [job, sync] = await Promise.allSettled([one.append("a"), one.pool.sync([0])]);
    assert.deepEqual([job.status, sync.status], ["rejected", "rejected"]);
    one.forgetWorker();
    // Over turns of the event loop, where something left behind would come up.
    for (let count = 1; count <= 400; count++) assert.equal(await one.append("a"), round * 401 + 1 + count);
  }
  assert.equal(await one.pool.close(), true);
  one.remove();
});

test("P2: a thread is stopped behind the job and the sync that it was given", async () => {
  for (let round = 0; round < 12; round++) {
    const one = new PoolUnderTest();
    const isFirst = round % 3 === 0;
    if (!isFirst) assert.equal(await one.append("a"), 1);
    const sync = round % 3 === 1 ? one.pool.sync([0]) : Promise.resolve(new Map());
    const job = one.append("a");
    const closed = one.pool.close();
    assert.equal(await job, isFirst ? 1 : 2);
    assert.equal((await sync).size, 0);
    assert.equal(await closed, true);
    assert.equal(one.idleDeathCount, 0);
    one.remove();
  }
});

test("S5: a thread that dies before it stopped does not say that all is durable", async () => {
  const one = new PoolUnderTest();
  assert.equal(await one.append("a"), 1);
  const [job, closed] = await Promise.allSettled([one.append("tailrace.test.die.encoded"), one.pool.close()]);
  assert.equal(job.status, "rejected");
  assert.deepEqual(closed, { status: "fulfilled", value: false });
  one.remove();
});

test("a thread that dies without a job is told at once", async () => {
  const one = new PoolUnderTest();
  assert.equal(await one.append("a"), 1);
  // No such thing may be synced: the thread takes it for our own mistake.
  await assert.rejects(one.pool.sync(null as unknown as number[]));
  assert.equal(one.idleDeathCount, 1);
  one.forgetWorker();
  assert.equal(await one.append("a"), 2);
  assert.equal(await one.pool.close(), true);
  one.remove();
});

test("a thread that never had a job stops too", async () => {
  const one = new PoolUnderTest();
  assert.equal(await one.pool.close(), true);
  one.remove();
});
