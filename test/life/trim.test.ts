import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isRefusal } from "#src/server/query-input.ts";
import { parseReadQuery } from "#src/server/read-input.ts";
import { Reads } from "#src/server/reads.ts";
import type { Session } from "#src/server/session.ts";
import { segmentSizeBytesOf, settingsSchema } from "#src/server/settings.ts";
import { oldestOver } from "#src/server/trimmer.ts";
import { segmentName } from "#src/storage/paths.ts";
import type { SegmentInfo } from "#src/storage/types.ts";
import type { Page } from "#src/wire/page.ts";
import { failingFiles } from "../storage/failing-files.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { Machine } from "./machine.ts";

const sessionMaxBytes = 20_000;
const segmentSizeBytes = 2000;
const settings = { sessionMaxBytes, archiveAfter: 0 };

/** Appends `count` batches of one entry that is about a fourth of a segment. */
async function grow(machine: Machine, session: Awaited<ReturnType<Machine["session"]>>, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await machine.append(session, [`entry ${session.head + 1}`.padEnd(400, ".")]);
  await machine.settle();
}

function segmentFiles(machine: Machine, id: string): number {
  return machine.files.list(`data/sessions/${id}`).filter((name) => name.endsWith(".log")).length;
}

async function pageOf(machine: Machine, session: Session, text: string): Promise<Page> {
  const query = parseReadQuery(new URLSearchParams(text), "");
  assert.ok(!isRefusal(query));
  const page = await new Reads(machine.engine).page(session, query);
  assert.ok(!isRefusal(page), JSON.stringify(page));
  return page;
}

test("E6: an active session over its limit loses its oldest segments, and its first entry moves on", async () => {
  const machine = new Machine({ settings, segmentSizeBytes });
  const session = await machine.session();
  let first = 1;
  for (let round = 0; round < 20; round++) {
    await grow(machine, session, 10);
    assert.ok(session.sizeBytes <= sessionMaxBytes, `${session.sizeBytes} bytes are kept`);
    assert.ok(session.first >= first);
    first = session.first;
    const { entries, gaps } = machine.read(session, session.first - 1);
    assert.deepEqual([gaps, entries[0]?.seq, entries.at(-1)?.seq], [[], session.first, session.head]);
    assert.equal(segmentFiles(machine, session.id), session.segments.length);
  }
  assert.ok(session.sizeBytes > sessionMaxBytes / 2, "no more goes than must");
  assert.equal(session.head, 200);
  assert.ok(first > 100);
  // What is left is what a start finds, and it goes on from there.
  const next = await machine.restarted();
  const found = next.must(session);
  assert.deepEqual([found.first, found.head], [first, 201]);
  await next.session({}, found.id);
  await grow(next, found, 40);
  assert.ok(found.first > first && found.sizeBytes <= sessionMaxBytes);
});

test("E6: without the limit nothing is dropped, and an ended session keeps what it has", async () => {
  const plain = new Machine({ segmentSizeBytes });
  const unlimited = await plain.session();
  await grow(plain, unlimited, 100);
  assert.equal(unlimited.first, 1);
  await plain.engine.end(unlimited, "client request");
  const limited = await plain.restarted({ settings });
  const found = limited.must(unlimited);
  limited.engine.announce(found);
  await limited.settle();
  assert.deepEqual([found.first, found.head], [1, 101]);
});

test("segments that can not be removed are gone for readers, and are removed with the next ones", async () => {
  let isFailing = false;
  const { layer } = failingFiles(new MemoryFiles(), (operation) => (isFailing && operation === "unlink" ? "EIO" : undefined));
  const machine = new Machine({ files: layer, settings, segmentSizeBytes });
  const session = await machine.session();
  isFailing = true;
  await grow(machine, session, 60);
  assert.ok(session.first > 1 && session.sizeBytes <= sessionMaxBytes);
  assert.ok(segmentFiles(machine, session.id) > session.segments.length);
  assert.ok(machine.logged("Dropped segments of a session still take disk space").length > 0);
  isFailing = false;
  await grow(machine, session, 10);
  assert.equal(segmentFiles(machine, session.id), session.segments.length);
});

test("a worker that dies after segments were dropped goes on with those that are left", async () => {
  const machine = new Machine({ settings, segmentSizeBytes });
  const session = await machine.session();
  await grow(machine, session, 60);
  for (const worker of machine.workers) worker.deathCount = 1;
  await grow(machine, session, 20);
  const { entries, gaps } = machine.read(session, session.first - 1);
  assert.deepEqual([gaps, entries.length, session.head], [[], session.head - session.first + 1, 80]);
});

test("what is dropped is no more than must, and never the segment that grows", () =>
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 5000 }),
      (sizes, limit) => {
        const segments = sizes.map((sizeBytes, index) => ({
          firstSeq: index + 1,
          lastSeq: index + 1,
          sizeBytes,
          archived: false,
        }));
        const dropped = oldestOver(segments, limit);
        assert.deepEqual(dropped, segments.slice(0, dropped.length));
        assert.ok(dropped.length < segments.length);
        const sizeFrom = (index: number) => sizes.slice(index).reduce((sum, size) => sum + size, 0);
        if (dropped.length < segments.length - 1) assert.ok(sizeFrom(dropped.length) <= limit);
        if (dropped.length > 0) assert.ok(sizeFrom(dropped.length - 1) > limit);
      },
    ),
  ));

test("segments are small enough that a session's limit can be kept", () => {
  const sizeOf = (given: object) => segmentSizeBytesOf(settingsSchema.parse(given));
  const MiB = 2 ** 20;
  assert.equal(sizeOf({}), 64 * MiB);
  assert.equal(sizeOf({ sessionMaxBytes: "8MiB" }), MiB);
  assert.equal(sizeOf({ sessionMaxBytes: "8MiB", segmentBytes: "100KiB" }), 100 * 1024);
  assert.equal(sizeOf({ sessionMaxBytes: "10KiB" }), 64 * 1024);
  assert.equal(sizeOf({ sessionMaxBytes: "2GiB" }), 64 * MiB);
});

test("a read from the start tells of all that is gone, also of files that go while it reads", async () => {
  const machine = new Machine({ settings, segmentSizeBytes });
  const session = await machine.session();
  await grow(machine, session, 60);
  const oldest = session.first;
  const lose = (index: number): SegmentInfo => {
    const segment = session.segments[index];
    assert.ok(oldest > 1 && segment !== undefined);
    machine.files.unlink(`data/sessions/${session.id}/${segmentName(segment.firstSeq, false)}`);
    return segment;
  };
  // A text search reads the files, whatever is in memory.
  const third = lose(2);
  const before = await pageOf(machine, session, "cursor=0&q=nothing of this kind");
  assert.deepEqual([before.gap, before.cursor, before.count], [{ from: 1, to: oldest - 1 }, oldest - 1, 0]);
  const behind = await pageOf(machine, session, `cursor=${before.cursor}&q=nothing of this kind`);
  assert.deepEqual([behind.gap, behind.cursor], [{ from: third.firstSeq, to: third.lastSeq }, session.head]);
  const first = lose(0);
  const page = await pageOf(machine, session, "cursor=0&q=entry&limit=1");
  assert.deepEqual([page.gap, page.count, page.cursor], [{ from: 1, to: first.lastSeq }, 1, first.lastSeq + 1]);
});
