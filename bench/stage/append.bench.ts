/** Stage append (file): encoded blocks to a session's segment file, beside the bare write. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionId } from "#src/base/ids.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { isFailure } from "#src/storage/failure.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { dropSegments } from "#src/storage/remove.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import type { SegmentInfo } from "#src/storage/types.ts";
import { workloadColumns } from "./entries.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const segmentSizeBytes = 64 * 1024 * 1024;
const blocksPerRun = 100;
const noKeys = new Uint8Array(0);

/** Append, blocks of 1, 100 and 1000 entries. */
export const stage: Stage = { name: "append", cases };

function cases(): StageCase[] {
  const dataDir = mkdtempSync(join(tmpdir(), "tailrace-bench-"));
  process.once("exit", () => rmSync(dataDir, { recursive: true, force: true }));
  return [1, 100, 1000].flatMap((count) => [appendRow(dataDir, count), writeRow(dataDir, count)]);
}

/** Encodes too: the header carries the checksum of the block before. */
function appendRow(dataDir: string, count: number): StageCase {
  const id = count.toString(16).padStart(24, "b") as SessionId;
  const columns = workloadColumns("plain", count);
  const sizeBytes = encodedSizeBytes(columns, 0);
  const block = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes, descriptorCountMax: 64 });
  writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
  let segments: readonly SegmentInfo[] = [];
  const run = (): void => {
    for (let index = 0; index < blocksPerRun; index++) {
      const place = writer.begin(id, sizeBytes);
      if (isFailure(place)) throw new Error(place.message);
      encodeBlock(columns, place, noKeys, block, 0);
      const appended = writer.append(id, block, count);
      if (isFailure(appended)) throw new Error(appended.message);
      segments = [...(appended.rolled ? segments : segments.slice(0, -1)), appended.segment];
    }
    dropSegments(files, dataDir, id, segments.slice(0, -2));
    segments = segments.slice(-2);
  };
  const bytes = blocksPerRun * sizeBytes;
  return { name: `encode and append, blocks of ${count}`, count: blocksPerRun * count, sizeBytes: bytes, run };
}

function writeRow(dataDir: string, count: number): StageCase {
  const sizeBytes = encodedSizeBytes(workloadColumns("plain", count), 0);
  const block = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  const path = join(dataDir, `bare-${count}`);
  const run = (): void => {
    const descriptor = openSync(path, "w");
    for (let index = 0; index < blocksPerRun; index++) writeSync(descriptor, block, 0, sizeBytes, index * sizeBytes);
    closeSync(descriptor);
  };
  return { name: `bare write of as much, ${count}`, count: blocksPerRun * count, sizeBytes: blocksPerRun * sizeBytes, run };
}

await runWhenMain(import.meta.url, stage);
