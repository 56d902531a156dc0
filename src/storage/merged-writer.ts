/** Writes a whole segment file from blocks that it merges, plain or compressed. */
import { randomFillSync } from "node:crypto";
import { type AnyBytes, ByteColumn, type OwnedBytes, readUint32 } from "../base/bytes.ts";
import type { SessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import { blockHeaderCrc, blockKeysOffset, blockKeysSize } from "../record/block-header.ts";
import { encodeBlock, encodedSizeBytes } from "../record/encode.hot.ts";
import { Gatherer } from "../record/gather.hot.ts";
import type { BlockView } from "../record/scan.hot.ts";
import { tryCompressBlock } from "./compress.ts";
import { writeWhole } from "./file-tools.ts";
import type { FileLayer } from "./files.ts";
import { encodeSegmentHeader, segmentAt, segmentHeaderSizeBytes } from "./segment-header.ts";

/** What a new segment file is. */
export interface MergedSegment {
  readonly sessionId: SessionId;
  readonly firstSeq: number;
  readonly createdMs: number;
  readonly isCompressed: boolean;
}

export class MergedWriter {
  /** Bytes written so far. */
  sizeBytes = 0;
  #files: FileLayer;
  #descriptor: number;
  #isCompressed: boolean;
  #gatherer = new Gatherer();
  #keys = new ByteColumn(1024);
  #block: OwnedBytes = new Uint8Array(0);
  #saltLow: number;
  #saltHigh: number;
  #previousCrc: number;
  /** Seq of the next entry. */
  #nextSeq: number;

  /** Begins the segment in the new file `descriptor`, under a salt of its own. */
  constructor(files: FileLayer, descriptor: number, segment: MergedSegment) {
    this.#files = files;
    this.#descriptor = descriptor;
    this.#isCompressed = segment.isCompressed;
    this.#nextSeq = segment.firstSeq;
    const salt = randomFillSync(new Uint8Array(8));
    this.#saltLow = readUint32(salt, 0);
    this.#saltHigh = readUint32(salt, 4);
    const { sessionId, firstSeq, createdMs } = segment;
    const header = encodeSegmentHeader({ sessionId, firstSeq, createdMs, saltLow: this.#saltLow, saltHigh: this.#saltHigh });
    this.#previousCrc = readUint32(header, segmentAt.headerCrc);
    this.#write(header, segmentHeaderSizeBytes);
  }

  /** Adds the entries and keys of the plain block at `offset` of `bytes`, which `view` shows. Copied. */
  add(view: BlockView, bytes: AnyBytes, offset: number): void {
    const keysStart = blockKeysOffset(bytes, offset);
    this.#keys.append(bytes, keysStart, keysStart + blockKeysSize(bytes, offset));
    let next = 0;
    while (next < view.count) {
      next = this.#gatherer.add(view, undefined, next, view.count, limits.archiveBlockSizeBytes);
      if (next < view.count) this.#flush();
    }
  }

  /** Writes what is left. */
  finish(): void {
    if (this.#gatherer.count > 0 || this.#keys.length > 0) this.#flush();
  }

  #flush(): void {
    const { columns } = this.#gatherer;
    const keys = this.#keys.bytes.subarray(0, this.#keys.length);
    const sizeBytes = encodedSizeBytes(columns, keys.length);
    if (this.#block.length < sizeBytes) this.#block = new Uint8Array(sizeBytes);
    const plain = this.#block.subarray(0, sizeBytes);
    const head = {
      firstSeq: this.#nextSeq,
      saltLow: this.#saltLow,
      saltHigh: this.#saltHigh,
      previousCrc: this.#previousCrc,
    };
    encodeBlock(columns, head, keys, plain, 0);
    const block = (this.#isCompressed ? tryCompressBlock(plain) : undefined) ?? plain;
    this.#write(block, block.length);
    this.#previousCrc = blockHeaderCrc(block, 0);
    this.#nextSeq += columns.count;
    this.#gatherer.begin();
    this.#keys.length = 0;
  }

  #write(bytes: AnyBytes, sizeBytes: number): void {
    writeWhole(this.#files, this.#descriptor, bytes, 0, sizeBytes, this.sizeBytes);
    this.sizeBytes += sizeBytes;
  }
}
