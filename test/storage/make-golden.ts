/**
 * Makes schema/golden/data and expected.json anew: `node dist/test/storage/make-golden.js schema/golden`. Run it once per
 * version of the format and keep what earlier versions made: every later version must read it.
 */
import { rmSync, writeFileSync } from "node:fs";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { archiveSession } from "#src/storage/archive.ts";
import { isFailure } from "#src/storage/failure.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { encodeKeys } from "#src/storage/keys.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import { prepareDataDirectory, writeSessionRecord } from "#src/storage/session-file.ts";
import type { SegmentInfo, SessionRecord } from "#src/storage/types.ts";
import { columnsOf, type ModelEntry } from "../record/entries.ts";
import { idOf } from "./blocks.ts";

const time = "2026-01-01T00:00:00.000Z";
const startNs = BigInt(Date.parse(time)) * 1_000_000n;

/** Entries of all shapes: levels, loggers, templates with fields, scripts, a lone surrogate, an empty message. */
function entriesFrom(first: number, count: number): ModelEntry[] {
  return Array.from({ length: count }, (_, index) => entryOf(first + index));
}

function entryOf(seq: number): ModelEntry {
  const base = { timeNs: startNs + BigInt(seq) * 1_234_567n, level: seq % 7 };
  if (seq % 5 === 0) {
    const fields = JSON.stringify({ seq, name: `n${seq % 3}` });
    return { ...base, logger: "LogGolden", template: "entry {seq} of {name}", text: `entry ${seq} of n${seq % 3}`, fields };
  }
  if (seq % 7 === 0) return { ...base, text: "" };
  if (seq % 11 === 0) return { ...base, logger: "Лог", text: '日本 😀 \ud800 "quoted"\n\tindented' };
  return { ...base, logger: seq % 2 === 0 ? "LogHttp" : "LogNet", text: `plain entry ${seq} ${"x".repeat(seq % 60)}` };
}

function makeSession(dataDir: string, number: number, isArchived: boolean): object {
  const id = idOf(number);
  let salt = number * 1000;
  const fillRandom = (target: Uint8Array) => void target.fill(++salt & 0xff);
  const clock = { nowMs: () => Date.parse(time), monotonicMs: () => 0, after: () => () => {} };
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 9000, descriptorCountMax: 4, clock, fillRandom });
  writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
  let segments: SegmentInfo[] = [];
  const entries: ModelEntry[] = [];
  for (let batch = 1; batch <= 12; batch++) {
    const more = entriesFrom(entries.length + 1, batch * 3);
    const bodyHash = String(batch).padStart(32, "0");
    const keys = encodeKeys([
      { producer: "golden", sequence: BigInt(batch), first: entries.length + 1, count: more.length, bodyHash },
    ]);
    const columns = columnsOf(more);
    const place = writer.begin(id, encodedSizeBytes(columns, keys.length));
    if (isFailure(place)) throw new Error(place.message);
    const block = new Uint8Array(encodedSizeBytes(columns, keys.length));
    encodeBlock(columns, place, keys, block, 0);
    const appended = writer.append(id, block, more.length);
    if (isFailure(appended)) throw new Error(appended.message);
    segments = [...(appended.rolled ? segments : segments.slice(0, -1)), appended.segment];
    entries.push(...more);
  }
  writer.close();
  if (isArchived) segments = [...archiveSession(files, dataDir, id, segments, Date.parse(time)).segments];
  const record: SessionRecord = {
    id,
    appname: "Golden",
    metadata: { version: 1 },
    status: "ended",
    created_at: time,
    updated_at: time,
    last_activity_at: time,
    ended_at: time,
    end_reason: "client request",
    ...(isArchived ? { archived_at: time } : {}),
  };
  writeSessionRecord(files, dataDir, record, false);
  return { id, record, segments, entries: entries.map((entry) => ({ ...entry, timeNs: String(entry.timeNs) })) };
}

const target = process.argv[2];
if (target !== undefined) {
  const dataDir = `${target}/v1`;
  rmSync(dataDir, { recursive: true, force: true });
  prepareDataDirectory(files, dataDir);
  const sessions = [makeSession(dataDir, 1, false), makeSession(dataDir, 2, true)];
  writeFileSync(`${target}/v1.json`, `${JSON.stringify({ sessions }, undefined, 1)}\n`);
}
