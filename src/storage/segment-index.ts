/**
 * The sparse index of a segment: where some of its blocks begin, one at least every `limits.indexStepSizeBytes`. For a
 * segment that is no longer written it rests in a sidecar file, together with the segment's idempotency keys. A sidecar
 * can always be made again from its segment; one that does not fit its segment is not there.
 */
import { assert } from "../base/assert.ts";
import { type AnyBytes, type OwnedBytes, readUint32, readUint64, writeUint32, writeUint64 } from "../base/bytes.ts";
import { crc32Of } from "../base/crc.ts";
import { limits } from "../config.ts";

export class SegmentIndex {
  /** Point i: the block at `positions[i]` begins with `seqs[i]`. Both grow. */
  readonly seqs: number[] = [];
  readonly positions: number[] = [];

  /** Tells the index of a block; the nearest before must have been told first. */
  add(firstSeq: number, position: number): void {
    const last = this.positions[this.positions.length - 1];
    assert(last === undefined || position > last, "blocks come in the order of the file");
    if (last !== undefined && position < last + limits.indexStepSizeBytes) return;
    this.seqs.push(firstSeq);
    this.positions.push(position);
  }

  /** Returns the number of the last point whose block begins at or before `seq`, or -1. */
  pointAt(seq: number): number {
    let low = 0;
    let high = this.seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.seqs[middle] as number) <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** What a sidecar holds. */
export interface Sidecar {
  readonly saltLow: number;
  readonly saltHigh: number;
  /** Size of the segment that it describes, to the byte. */
  readonly segmentSizeBytes: number;
  readonly lastSeq: number;
  readonly index: SegmentIndex;
  /** Keys sections of the segment's blocks, one behind the other. */
  readonly keys: AnyBytes;
}

/** "TRX1" */
const sidecarMagic = 0x31585254;
const sidecarVersion = 1;
const sidecarAt = { magic: 0, version: 4, saltLow: 8, saltHigh: 12, size: 16, lastSeq: 24, points: 32, keys: 36 } as const;
const sidecarHeaderSizeBytes = 40;
const pointSizeBytes = 16;

/** Returns the bytes of a sidecar file. */
export function encodeSidecar(sidecar: Sidecar): OwnedBytes {
  const { seqs, positions } = sidecar.index;
  const keysStart = sidecarHeaderSizeBytes + seqs.length * pointSizeBytes;
  const bytes = new Uint8Array(keysStart + sidecar.keys.length + 4);
  writeUint32(bytes, sidecarAt.magic, sidecarMagic);
  writeUint32(bytes, sidecarAt.version, sidecarVersion);
  writeUint32(bytes, sidecarAt.saltLow, sidecar.saltLow);
  writeUint32(bytes, sidecarAt.saltHigh, sidecar.saltHigh);
  writeUint64(bytes, sidecarAt.size, sidecar.segmentSizeBytes);
  writeUint64(bytes, sidecarAt.lastSeq, sidecar.lastSeq);
  writeUint32(bytes, sidecarAt.points, seqs.length);
  writeUint32(bytes, sidecarAt.keys, sidecar.keys.length);
  for (let point = 0; point < seqs.length; point++) {
    const at = sidecarHeaderSizeBytes + point * pointSizeBytes;
    writeUint64(bytes, at, seqs[point] as number);
    writeUint64(bytes, at + 8, positions[point] as number);
  }
  bytes.set(sidecar.keys, keysStart);
  writeUint32(bytes, bytes.length - 4, crc32Of(bytes, 0, bytes.length - 4));
  return bytes;
}

/** Returns what the sidecar says, or undefined when it is damaged or of another version. */
export function tryDecodeSidecar(bytes: AnyBytes): Sidecar | undefined {
  if (bytes.length < sidecarHeaderSizeBytes + 4) return undefined;
  if (readUint32(bytes, sidecarAt.magic) !== sidecarMagic) return undefined;
  if (readUint32(bytes, bytes.length - 4) !== crc32Of(bytes, 0, bytes.length - 4)) return undefined;
  if (readUint32(bytes, sidecarAt.version) !== sidecarVersion) return undefined;
  const pointCount = readUint32(bytes, sidecarAt.points);
  const keysStart = sidecarHeaderSizeBytes + pointCount * pointSizeBytes;
  if (bytes.length !== keysStart + readUint32(bytes, sidecarAt.keys) + 4) return undefined;
  const index = new SegmentIndex();
  for (let at = sidecarHeaderSizeBytes; at < keysStart; at += pointSizeBytes) {
    index.seqs.push(readUint64(bytes, at));
    index.positions.push(readUint64(bytes, at + 8));
  }
  return {
    saltLow: readUint32(bytes, sidecarAt.saltLow),
    saltHigh: readUint32(bytes, sidecarAt.saltHigh),
    segmentSizeBytes: readUint64(bytes, sidecarAt.size),
    lastSeq: readUint64(bytes, sidecarAt.lastSeq),
    index,
    keys: bytes.subarray(keysStart, bytes.length - 4),
  };
}
