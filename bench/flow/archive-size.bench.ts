/** How small archives get: bytes of archived segments beside the raw NDJSON, `lz4` and `gzip` of it. Arguments: text logs. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { utf8 } from "#src/base/bytes.ts";
import type { SessionId } from "#src/base/ids.ts";
import { EntryColumns } from "#src/record/columns.hot.ts";
import { encodeBlock, encodedSizeBytes } from "#src/record/encode.hot.ts";
import { Renderer } from "#src/record/render.hot.ts";
import { archiveSession } from "#src/storage/archive.ts";
import { isFailure } from "#src/storage/failure.ts";
import { systemFiles as files } from "#src/storage/files.ts";
import { compressFrame } from "#src/storage/lz4.ts";
import { SegmentWriter } from "#src/storage/segment-writer.ts";
import type { SegmentInfo } from "#src/storage/types.ts";
import { bodyKind } from "#src/wire/body-kind.ts";
import { decode } from "#src/wire/decode.ts";
import { decodeLimitsDefault } from "#src/wire/decode-context.ts";

const batchCount = 100;
const id = "b".repeat(24) as SessionId;
const startMs = Date.UTC(2026, 0, 1);

/** Entries as the load generator makes them: a template with fields, and plain ones between. */
function generated(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const timestamp = new Date(startMs + index * 3).toISOString();
    const level = ["info", "info", "debug", "warn"][index % 4];
    const logger = ["LogHttp", "LogNet", "LogStorage"][(index * 7) % 3];
    if (index % 3 === 0) {
      return JSON.stringify({ timestamp, level, logger, message: `connection ${(index * 7919) % 10_007} was closed by peer` });
    }
    const fields = { id: index, ms: (index * 7919) % 977, path: `/assets/${(index * 31) % 400}.js` };
    return JSON.stringify({ timestamp, level, logger, format: "request {id} took {ms} ms for {path}", fields });
  });
}

function linesOf(path: string): string[] {
  const lines = readFileSync(path, "utf8")
    .split(/\r?\n/)
    .filter((line) => line !== "");
  return lines.map((message, index) => JSON.stringify({ timestamp: new Date(startMs + index * 7).toISOString(), message }));
}

/** Stores the entries in batches and archives them; returns the bytes of the segments before and after. */
function archive(lines: readonly string[]): [number, number] {
  const dataDir = mkdtempSync(join(tmpdir(), "tailrace-bench-"));
  try {
    const writer = new SegmentWriter({ files, dataDir, segmentSizeBytes: 64 * 1024 * 1024, descriptorCountMax: 4 });
    writer.adopt(id, { head: 0, segmentFirstSeq: 0, endPosition: 0 });
    const columns = new EntryColumns();
    const renderer = new Renderer();
    const context = { receivedLow: 0, receivedHigh: 0, renderer, limits: decodeLimitsDefault };
    const segments: SegmentInfo[] = [];
    for (let from = 0; from < lines.length; from += batchCount) {
      columns.clear();
      renderer.beginBlock();
      const body = utf8(lines.slice(from, from + batchCount).join("\n"));
      const refusal = decode(bodyKind.ndjson, body, 0, body.length, context, columns);
      if (refusal !== undefined) throw new Error(refusal.message);
      const place = writer.begin(id, encodedSizeBytes(columns, 0));
      if (isFailure(place)) throw new Error(place.message);
      const block = new Uint8Array(encodedSizeBytes(columns, 0));
      encodeBlock(columns, place, new Uint8Array(0), block, 0);
      const appended = writer.append(id, block, columns.count);
      if (isFailure(appended)) throw new Error(appended.message);
      if (!appended.rolled) segments.pop();
      segments.push(appended.segment);
    }
    writer.close();
    const { bytesBefore, bytesAfter, failure } = archiveSession(files, dataDir, id, segments, startMs);
    if (failure !== undefined) throw new Error(failure.message);
    return [bytesBefore, bytesAfter];
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function report(name: string, lines: readonly string[]): void {
  const raw = utf8(lines.join("\n"));
  const [plain, archived] = archive(lines);
  const share = (bytes: number) => (bytes / raw.length).toFixed(3).padStart(8);
  const lz4 = compressFrame(raw, 0, raw.length).length;
  console.log(
    name.padEnd(20) +
      String(raw.length).padStart(12) +
      share(plain) +
      share(archived) +
      share(lz4) +
      share(gzipSync(raw).length).padStart(9),
  );
}

const paths = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
console.log(`${"bytes, share of raw".padEnd(20)}${"raw NDJSON".padStart(12)}   plain archive     lz4     gzip`);
report("generated", generated(process.argv.includes("--smoke") ? 1000 : 200_000));
for (const path of paths) report(basename(path), linesOf(path));
