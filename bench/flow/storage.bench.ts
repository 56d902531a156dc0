/**
 * Storage as a whole: start with many sessions, rounds of syncs, a page from the middle of plain and archived segments.
 * `--smoke`: small numbers. Otherwise some 2 GB under the temporary directory and some minutes.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionId } from "#src/base/ids.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { archiveSession } from "#src/storage/archive.ts";
import { isFailure } from "#src/storage/failure.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { listSessions, recoverSession } from "#src/storage/recover.ts";
import { SegmentReader } from "#src/storage/segment-reader.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import type { SegmentInfo, Trust } from "#src/storage/types.ts";
import { workloadColumns } from "../stage/entries.ts";

const MiB = 1024 * 1024;
const isSmoke = process.argv.includes("--smoke");
const noKeys = new Uint8Array(0);
const dataDir = mkdtempSync(join(tmpdir(), "tailrace-bench-"));

function idOf(number: number): SessionId {
  return number.toString(16).padStart(24, "b") as SessionId;
}

/** Appends entries to sessions and remembers their segments. */
class Filler {
  readonly segments = new Map<SessionId, SegmentInfo[]>();
  readonly writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 64 * MiB, descriptorCountMax: 128 });

  append(id: SessionId, columns = workloadColumns("plain", 1)): void {
    const known = this.segments.get(id) ?? [];
    if (known.length === 0) this.writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
    const sizeBytes = encodedSizeBytes(columns, 0);
    const place = this.writer.begin(id, sizeBytes);
    if (isFailure(place)) throw new Error(place.message);
    const block = new Uint8Array(sizeBytes);
    encodeBlock(columns, place, noKeys, block, 0);
    const appended = this.writer.append(id, block, columns.count);
    if (isFailure(appended)) throw new Error(appended.message);
    if (!appended.rolled) known.pop();
    known.push(appended.segment);
    this.segments.set(id, known);
  }
}

function timed<T>(action: () => T): [T, number] {
  const startMs = performance.now();
  const result = action();
  return [result, performance.now() - startMs];
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0;
}

function benchStart(): void {
  const sessionCount = isSmoke ? 20 : 1000;
  const blockCount = isSmoke ? 10 : 100;
  const filler = new Filler();
  const columns = workloadColumns("plain", 100);
  for (let session = 1; session <= sessionCount; session++) {
    for (let block = 0; block < blockCount; block++) filler.append(idOf(session), columns);
  }
  filler.writer.close();
  const recoverAll = (trust: Trust): number => {
    let entries = 0;
    for (const id of listSessions(files, dataDir)) entries += recoverSession(files, dataDir, id, trust).tail.head;
    return entries;
  };
  const [entryCount, trustedMs] = timed(() => recoverAll({ sameBoot: true, syncedBeforeMs: 0 }));
  const [, untrustedMs] = timed(() => recoverAll({ sameBoot: false, syncedBeforeMs: 0 }));
  const [byteCount, catMs] = timed(() => {
    let bytes = 0;
    for (const id of filler.segments.keys()) {
      const directory = `${dataDir}/sessions/${id}`;
      for (const name of readdirSync(directory)) bytes += readFileSync(join(directory, name)).length;
    }
    return bytes;
  });
  console.log(
    `start: ${sessionCount} sessions, ${entryCount} entries, ${(byteCount / MiB).toFixed(0)} MiB (one thread, page cache warm)`,
  );
  console.log(`  after a stop or a kill (headers and tails)      ${trustedMs.toFixed(0)} ms`);
  console.log(`  after power loss (checksums of tail segments)   ${untrustedMs.toFixed(0)} ms`);
  console.log(`  reading the same files whole                    ${catMs.toFixed(0)} ms`);
}

async function benchSync(): Promise<void> {
  const filler = new Filler();
  const roundCount = isSmoke ? 3 : 30;
  console.log(
    `sync rounds: one entry to each session, then one group commit (UV_THREADPOOL_SIZE ${process.env["UV_THREADPOOL_SIZE"] ?? 4})`,
  );
  for (const sessionCount of isSmoke ? [4] : [1, 16, 64, 256]) {
    const ids = Array.from({ length: sessionCount }, (_, index) => idOf(100_000 + sessionCount * 1000 + index));
    const rounds: number[] = [];
    for (let round = 0; round <= roundCount; round++) {
      for (const id of ids) filler.append(id);
      const startMs = performance.now();
      await filler.writer.syncAll(ids);
      if (round > 0) rounds.push(performance.now() - startMs);
    }
    const ms = median(rounds);
    console.log(
      `  ${String(sessionCount).padStart(4)} sessions  p50 ${ms.toFixed(2)} ms, ${(ms / sessionCount).toFixed(3)} ms a session`,
    );
  }
  filler.writer.close();
}

function readPage(reader: SegmentReader, id: SessionId, segments: readonly SegmentInfo[], cursor: number): void {
  let count = 0;
  reader.readForward(id, segments, cursor, { block: () => ++count < 2, gap: () => {} });
}

function benchArchive(): void {
  const filler = new Filler();
  const id = idOf(1_000_000);
  const columns = workloadColumns("plain", 1000);
  const sizeBytesWanted = (isSmoke ? 4 : 1024) * MiB;
  const sizeOf = () => (filler.segments.get(id) ?? []).reduce((sum, segment) => sum + segment.sizeBytes, 0);
  while (sizeOf() < sizeBytesWanted) filler.append(id, columns);
  filler.writer.close();
  const plain = filler.segments.get(id) ?? [];
  const middle = Math.floor((plain.at(-1)?.lastSeq ?? 0) / 2);
  const pages = (segments: readonly SegmentInfo[]): string => {
    const cold = timed(() => readPage(new SegmentReader({ files, dataDir }), id, segments, middle))[1];
    const reader = new SegmentReader({ files, dataDir });
    const warm = Array.from({ length: 50 }, (_, index) => timed(() => readPage(reader, id, segments, middle + index * 5000))[1]);
    return `${cold.toFixed(2)} ms at first, p50 ${median(warm).toFixed(2)} ms`;
  };
  console.log(`archive: a session of ${(sizeOf() / MiB).toFixed(0)} MiB; a page from the middle`);
  console.log(`  plain      ${pages(plain)}`);
  const [archived, archiveMs] = timed(() => archiveSession(files, dataDir, id, plain, Date.now()));
  if (archived.failure !== undefined) throw new Error(archived.failure.message);
  console.log(`  archived   ${pages(archived.segments)}`);
  const ratio = archived.bytesAfter / archived.bytesBefore;
  const rate = archived.bytesBefore / 1000 / archiveMs;
  console.log(
    `  size ${(archived.bytesAfter / MiB).toFixed(1)} MiB, ${ratio.toFixed(3)} of plain; archived with ${rate.toFixed(0)} MB/s`,
  );
}

try {
  benchStart();
  await benchSync();
  benchArchive();
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
