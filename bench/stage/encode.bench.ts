/** Stage encode: columns to blocks in a ring, beside the bulk copy and the checksum that it cannot go without. */
import { crc32Of } from "#src/base/crc.ts";
import type { EntryColumns } from "#src/record/columns.hot.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { encodePayload } from "#src/record/encode-payload.hot.ts";
import { workloadColumns } from "./entries.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const ringSizeBytes = 32 * 1024 * 1024;
const ring = new Uint8Array(new SharedArrayBuffer(ringSizeBytes));
const head = { firstSeq: 1, saltLow: 1, saltHigh: 2, previousCrc: 3 };
const noKeys = new Uint8Array(0);

/** Encode, blocks of 1 to 1000 entries. */
export const stage: Stage = { name: "encode", cases };

function cases(): StageCase[] {
  const plain = workloadColumns("plain", 1000);
  return [
    copyRow(plain),
    checksumRow(plain),
    payloadRow(plain),
    blockRow("block, 1000 plain", plain),
    blockRow("block, 1000 structured", workloadColumns("structured", 1000)),
    blockRow("block, 100 plain", workloadColumns("plain", 100)),
    blockRow("block, 10 plain", workloadColumns("plain", 10)),
    blockRow("block, 1 plain", workloadColumns("plain", 1)),
  ];
}

/** Gives the start of the next free range of the ring, over and over. */
function cursor(sizeBytes: number): () => number {
  let next = 0;
  return () => {
    const at = next + sizeBytes > ringSizeBytes ? 0 : next;
    next = at + sizeBytes;
    return at;
  };
}

function copyRow(columns: EntryColumns): StageCase {
  const source = new Uint8Array(encodedSizeBytes(columns, 0));
  const place = cursor(source.length);
  return { name: "reference: bulk copy", count: columns.count, sizeBytes: source.length, run: () => ring.set(source, place()) };
}

function checksumRow(columns: EntryColumns): StageCase {
  const sizeBytes = encodedSizeBytes(columns, 0);
  const place = cursor(sizeBytes);
  return {
    name: "reference: crc32",
    count: columns.count,
    sizeBytes,
    run: () => {
      const at = place();
      crc32Of(ring, at, at + sizeBytes);
    },
  };
}

function payloadRow(columns: EntryColumns): StageCase {
  const sizeBytes = encodedSizeBytes(columns, 0);
  const place = cursor(sizeBytes);
  return {
    name: "payload only, 1000 plain",
    count: columns.count,
    sizeBytes,
    run: () => encodePayload(columns, 1, undefined, ring, place()),
  };
}

function blockRow(name: string, columns: EntryColumns): StageCase {
  const sizeBytes = encodedSizeBytes(columns, 0);
  const place = cursor(sizeBytes);
  return { name, count: columns.count, sizeBytes, run: () => encodeBlock(columns, head, noKeys, ring, place()) };
}

await runWhenMain(import.meta.url, stage);
