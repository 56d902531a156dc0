/** LZ4 frames (the format of the `lz4` tool) by lz4-napi. */
import { compressFrameSync, decompressFrameSync } from "lz4-napi";
import type { AnyBytes } from "../base/bytes.ts";

/** Returns `bytes[start, end)` as one LZ4 frame in new memory. */
export function compressFrame(bytes: AnyBytes, start: number, end: number): Uint8Array {
  return compressFrameSync(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
}

/** Returns what the LZ4 frame `bytes[start, end)` holds, in new memory; undefined when it is none. */
export function uncompressFrame(bytes: AnyBytes, start: number, end: number): Uint8Array | undefined {
  try {
    return decompressFrameSync(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
  } catch {
    return undefined;
  }
}
