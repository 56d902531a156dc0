/** Stage inflate: compressed bodies of log entries; per entry of the body that comes out. */
import { gzipSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { limits } from "#src/config.ts";
import { inflate, isRefusal } from "#src/wire/inflate.ts";
import { Lz4Walk } from "#src/wire/lz4-size.hot.ts";
import { runWhenMain, type Stage, type StageCase } from "./stage.ts";

const entryCount = 10_000;
const limit = limits.bodyInflatedSizeBytesMax;

/** Inflate, one row per encoding, and the walk that bounds LZ4 before it. */
export const stage: Stage = { name: "inflate", cases };

function cases(): StageCase[] {
  const body = Buffer.from(Array.from({ length: entryCount }, (_, index) => entry(index)).join("\n"));
  const member = gzipSync(body);
  const frame = compressFrameSync(body);
  return [
    inflateRow("gzip", "gzip", member, body.length),
    inflateRow("lz4", "lz4", frame, body.length),
    {
      name: "lz4, size only",
      count: entryCount,
      sizeBytes: body.length,
      run: () => {
        const walk = new Lz4Walk();
        walk.frame(frame, 0, frame.length, limit);
        return walk.sizeBytes;
      },
    },
  ];
}

function inflateRow(name: string, encoding: "gzip" | "lz4", compressed: Buffer, sizeBytes: number): StageCase {
  const shared = new Uint8Array(new SharedArrayBuffer(compressed.length));
  shared.set(compressed);
  const run = () => {
    const result = inflate(encoding, shared, 0, shared.length, limit);
    if (isRefusal(result)) throw new Error(result.message);
    return result.length;
  };
  return { name, count: entryCount, sizeBytes, run };
}

function entry(index: number): string {
  const timestamp = new Date(Date.UTC(2026, 10, 20, 10) + index * 7).toISOString();
  const message = `Request ${index} from 10.0.${index % 256}.1 took ${(index * 7919) % 1000} ms`;
  return JSON.stringify({ timestamp, level: "info", logger: "LogHttp", message });
}

await runWhenMain(import.meta.url, stage);
