/**
 * The keys section of a block: which idempotency keys its batches carried. One key after the other:
 *
 *   producer length u8 | producer | sequence u64 | first seq u64 | count u32 | body hash 16
 */
import { assert } from "../base/assert.ts";
import { type AnyBytes, type OwnedBytes, readUint32, readUint64, textOf, utf8, writeUint32, writeUint64 } from "../base/bytes.ts";
import type { BatchKey } from "../record/block.ts";

const fixedSizeBytes = 1 + 8 + 8 + 4 + 16;
const hashSizeBytes = 16;

/** Returns the keys section of a block whose batches carry `keys`. */
export function encodeKeys(keys: readonly BatchKey[]): OwnedBytes {
  const bytes = new Uint8Array(keys.reduce((sum, key) => sum + fixedSizeBytes + key.producer.length, 0));
  let at = 0;
  for (const key of keys) at = encodeKey(key, bytes, at);
  assert(at === bytes.length, "keys fill their section");
  return bytes;
}

/** Returns the keys of a section, or of several sections one behind the other, oldest first. */
export function decodeKeys(bytes: AnyBytes, start = 0, end = bytes.length): BatchKey[] {
  const keys: BatchKey[] = [];
  let at = start;
  while (at < end) {
    const producerEnd = at + 1 + (bytes[at] as number);
    assert(at + fixedSizeBytes + (bytes[at] as number) <= end, "a key ends in its section");
    const hashStart = producerEnd + 20;
    keys.push({
      producer: textOf(bytes, at + 1, producerEnd),
      sequence: (BigInt(readUint32(bytes, producerEnd + 4)) << 32n) | BigInt(readUint32(bytes, producerEnd)),
      first: readUint64(bytes, producerEnd + 8),
      count: readUint32(bytes, producerEnd + 16),
      bodyHash: Buffer.from(bytes.slice(hashStart, hashStart + hashSizeBytes)).toString("hex"),
    });
    at = hashStart + hashSizeBytes;
  }
  return keys;
}

function encodeKey(key: BatchKey, target: OwnedBytes, offset: number): number {
  const producer = utf8(key.producer);
  assert(producer.length > 0 && producer.length <= 64 && producer.length === key.producer.length, "a producer's name is checked");
  assert(key.sequence >= 0n && key.sequence < 1n << 63n, "a sequence is checked");
  target[offset] = producer.length;
  target.set(producer, offset + 1);
  const at = offset + 1 + producer.length;
  writeUint32(target, at, Number(key.sequence & 0xffffffffn));
  writeUint32(target, at + 4, Number(key.sequence >> 32n));
  writeUint64(target, at + 8, key.first);
  writeUint32(target, at + 16, key.count);
  const hash = Buffer.from(key.bodyHash, "hex");
  assert(hash.length === hashSizeBytes, "a body hash has 16 bytes");
  target.set(hash, at + 20);
  return at + 20 + hashSizeBytes;
}
