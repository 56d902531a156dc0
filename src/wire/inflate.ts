/** Inflates bodies that came with a Content-Encoding, never into more than the limit. */
import { gunzipSync } from "node:zlib";
import { decompressFrameSync } from "lz4-napi";
import { assert } from "../base/assert.ts";
import type { AnyBytes, OwnedBytes } from "../base/bytes.ts";
import { Lz4Walk } from "./lz4-size.hot.ts";
import { type Refusal, refuse } from "./outcome.ts";

export type BodyEncoding = "gzip" | "lz4";

/** Pieces in which gzip output is made; small bodies need not pay for large ones. */
const chunkSizeBytesMin = 16 * 1024;
const chunkSizeBytesMax = 256 * 1024;
/** LZ4 frames one behind the other in a body: each costs a call, however small it is. */
const frameCountMax = 1024;

/** Returns the encoding that a Content-Encoding header names, `identity`, or undefined when it is none of ours. */
export function bodyEncodingOf(contentEncoding: string): BodyEncoding | "identity" | undefined {
  const name = contentEncoding.trim().toLowerCase();
  if (name === "" || name === "identity") return "identity";
  if (name === "gzip" || name === "x-gzip") return "gzip";
  return name === "lz4" ? "lz4" : undefined;
}

/**
 * Inflates `body[start, end)` into new memory.
 * @param body may be shared.
 * @param limitBytes what the result may come to. More is refused before that much memory is used.
 */
export function inflate(
  encoding: BodyEncoding,
  body: AnyBytes,
  start: number,
  end: number,
  limitBytes: number,
): OwnedBytes | Refusal {
  assert(start >= 0 && start <= end && end <= body.length, "the range lies in the body");
  const source = body.subarray(start, end);
  return encoding === "gzip" ? inflateGzip(source, limitBytes) : inflateLz4(source, limitBytes);
}

/** Tells a refusal from inflated bytes. */
export function isRefusal(result: OwnedBytes | Refusal): result is Refusal {
  return !(result instanceof Uint8Array);
}

function inflateGzip(source: AnyBytes, limitBytes: number): OwnedBytes | Refusal {
  const chunkSize = Math.max(chunkSizeBytesMin, Math.min(source.length * 4, chunkSizeBytesMax));
  try {
    return plainBytes(gunzipSync(source, { maxOutputLength: limitBytes, chunkSize }));
  } catch (error) {
    return codeOf(error) === "ERR_BUFFER_TOO_LARGE" ? tooLarge(limitBytes) : broken("gzip");
  }
}

function inflateLz4(source: AnyBytes, limitBytes: number): OwnedBytes | Refusal {
  const walk = new Lz4Walk();
  const frames: AnyBytes[] = [];
  let at = 0;
  do {
    const next = walk.frame(source, at, source.length, limitBytes);
    if (next < 0) return broken("lz4");
    if (walk.sizeBytes > limitBytes) return tooLarge(limitBytes);
    if (walk.hasData) frames.push(source.subarray(at, next));
    if (frames.length > frameCountMax) return broken("lz4");
    at = next;
  } while (at < source.length);
  try {
    const whole = joined(frames.map((frame) => plainBytes(decompressFrameSync(bufferOver(frame)))));
    return whole.length === walk.sizeBytes ? whole : broken("lz4");
  } catch {
    return broken("lz4");
  }
}

function joined(parts: readonly OwnedBytes[]): OwnedBytes {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let size = 0;
  for (const part of parts) {
    whole.set(part, size);
    size += part.length;
  }
  return whole;
}

function bufferOver(bytes: AnyBytes): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function plainBytes(buffer: Buffer): OwnedBytes {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function broken(encoding: BodyEncoding): Refusal {
  return refuse("invalid_encoding", `The body is not whole ${encoding}; send it again, or without Content-Encoding.`);
}

function tooLarge(limit: number): Refusal {
  return refuse("payload_too_large", `The body inflates to more than ${limit} bytes; send it in parts.`, { limit });
}
