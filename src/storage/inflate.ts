/** Makes a plain block of a compressed one, so that whoever reads blocks need not know of compression. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, type OwnedBytes, readUint32, writeUint32 } from "../base/bytes.ts";
import { blockAt, blockFlags, blockHeaderSizeBytes, blockSizeBytes } from "../record/block.ts";
import { blockKeysOffset, blockKeysSize } from "../record/block-header.ts";
import { uncompressFrame } from "./lz4.ts";

export class BlockInflater {
  /** The plain block lies at its beginning; valid until the next `tryInflate`. */
  bytes: OwnedBytes = new Uint8Array(0);

  /**
   * Inflates the checked block at `offset` into `bytes`: header, payload and keys as they were; checksums are not renewed.
   * @returns false when the frame does not hold what the header says: then the block is damaged.
   */
  tryInflate(source: AnyBytes, offset: number): boolean {
    assert(isCompressed(source, offset), "the block is compressed");
    const start = offset + blockHeaderSizeBytes;
    const rawSize = readUint32(source, offset + blockAt.rawSize);
    const payload = uncompressFrame(source, start, start + readUint32(source, offset + blockAt.payloadSize));
    if (payload?.length !== rawSize) return false;
    const keysSize = blockKeysSize(source, offset);
    const keysStart = blockKeysOffset(source, offset);
    const sizeBytes = blockSizeBytes(rawSize, keysSize);
    if (this.bytes.length < sizeBytes) this.bytes = new Uint8Array(sizeBytes);
    this.bytes.set(source.subarray(offset, start), 0);
    this.bytes.set(payload, blockHeaderSizeBytes);
    this.bytes.set(source.subarray(keysStart, keysStart + keysSize), blockHeaderSizeBytes + rawSize);
    this.bytes.fill(0, blockHeaderSizeBytes + rawSize + keysSize, sizeBytes);
    writeUint32(this.bytes, blockAt.incompatibleFlags, 0);
    writeUint32(this.bytes, blockAt.payloadSize, rawSize);
    return true;
  }
}

/** True when the payload of the checked block at `offset` is an LZ4 frame. */
export function isCompressed(bytes: AnyBytes, offset: number): boolean {
  return (readUint32(bytes, offset + blockAt.incompatibleFlags) & blockFlags.lz4) !== 0;
}
