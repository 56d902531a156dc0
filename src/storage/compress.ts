/** Makes a compressed block of a plain one: the same header, keys and trailer around an LZ4 frame. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, type OwnedBytes, readUint32, writeUint32 } from "../base/bytes.ts";
import { crc32Of } from "../base/crc.ts";
import { blockAt, blockFlags, blockHeaderSizeBytes, blockSizeBytes, blockTrailerSizeBytes, trailerAt } from "../record/block.ts";
import { blockKeysOffset, blockKeysSize } from "../record/block-header.ts";
import { isCompressed } from "./inflate.ts";
import { compressFrame } from "./lz4.ts";

/** Returns the compressed form of the plain block `block`, in new memory; undefined when it would not be smaller. */
export function tryCompressBlock(block: AnyBytes): OwnedBytes | undefined {
  assert(!isCompressed(block, 0), "the block is plain");
  const rawSize = readUint32(block, blockAt.payloadSize);
  const frame = compressFrame(block, blockHeaderSizeBytes, blockHeaderSizeBytes + rawSize);
  const keysSize = blockKeysSize(block, 0);
  const keysStart = blockKeysOffset(block, 0);
  const sizeBytes = blockSizeBytes(frame.length, keysSize);
  if (sizeBytes >= block.length) return undefined;
  const target = new Uint8Array(sizeBytes);
  target.set(block.subarray(0, blockHeaderSizeBytes), 0);
  target.set(frame, blockHeaderSizeBytes);
  target.set(block.subarray(keysStart, keysStart + keysSize), blockHeaderSizeBytes + frame.length);
  writeUint32(target, blockAt.incompatibleFlags, blockFlags.lz4);
  writeUint32(target, blockAt.payloadSize, frame.length);
  writeUint32(target, blockAt.rawSize, rawSize);
  writeChecksums(target);
  return target;
}

function writeChecksums(block: OwnedBytes): void {
  const trailer = block.length - blockTrailerSizeBytes;
  writeUint32(block, blockAt.payloadCrc, crc32Of(block, blockHeaderSizeBytes, trailer));
  const headerCrc = crc32Of(block, 0, blockAt.headerCrc);
  writeUint32(block, blockAt.headerCrc, headerCrc);
  writeUint32(block, trailer + trailerAt.salt, readUint32(block, blockAt.salt));
  writeUint32(block, trailer + trailerAt.salt + 4, readUint32(block, blockAt.salt + 4));
  writeUint32(block, trailer + trailerAt.blockSize, block.length);
  writeUint32(block, trailer + trailerAt.headerCrc, headerCrc);
}
