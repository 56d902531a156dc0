/**
 * Binary frames: what `tailrace.flatbuffers.v1` and `format=flatbuffers` carry. Little-endian; every payload lies 8-aligned
 * relative to the frame's start. No import of Node: clients in browsers read and write them too.
 */
import { assert } from "../base/assert.ts";
import { type AnyBytes, align8, type OwnedBytes } from "../base/bytes.ts";
import { type SessionId, sessionIdBytes, sessionIdOf, sessionIdSizeBytes } from "../base/ids.ts";

/** "TRD1" */
export const deltaFrameMagic = 0x31445254;
/** "TRA1" */
export const appendFrameMagic = 0x31415254;

/** Byte offsets in the head of a delta frame; sections of payloads follow it to the end. */
export const deltaFrameAt = {
  magic: 0, //      u32
  headSize: 4, //   u32, where the first section begins
  id: 8, //         u64, subscription; 0 in answers over HTTP
  from: 16, //      u64
  cursor: 24, //    u64, entries with seq <= from or > cursor are to be skipped
  head: 32, //      u64
  reserved: 40, //  8 bytes, zero
} as const;
export const deltaFrameHeadSizeBytes = 48;
/** What stands before each payload: its size and four zeros. */
export const sectionHeadSizeBytes = 8;

/** Byte offsets in the head of an append frame; the key follows it, then zeros to a multiple of 8, then one LogBatch. */
export const appendFrameAt = {
  magic: 0, //     u32
  flags: 4, //     u32, see appendFlags; other bits must be 0
  ref: 8, //       u64
  session: 16, //  12 bytes
  keySize: 28, //  u32, bytes of the idempotency key; 0: none
} as const;
export const appendFrameHeadSizeBytes = 32;
export const appendFlags = { synced: 1 } as const;
/** `<producer>:<sequence>` */
const keySizeBytesMax = 128;
const wordFactor = 2 ** 32;

/** The head of a delta frame and where its payloads lie. */
export interface DeltaFrame {
  readonly id: number;
  readonly from: number;
  readonly cursor: number;
  readonly head: number;
  /** Offset and size of each payload, oldest first. */
  readonly payloads: readonly { readonly offset: number; readonly sizeBytes: number }[];
}

/** Writes the head of a delta frame at the beginning of `target`. */
export function writeDeltaFrameHead(target: AnyBytes, frame: { id: number; from: number; cursor: number; head: number }): void {
  assert(target.length >= deltaFrameHeadSizeBytes, "the head fits");
  const data = viewOf(target);
  data.setUint32(deltaFrameAt.magic, deltaFrameMagic, true);
  data.setUint32(deltaFrameAt.headSize, deltaFrameHeadSizeBytes, true);
  setUint64(data, deltaFrameAt.id, frame.id);
  setUint64(data, deltaFrameAt.from, frame.from);
  setUint64(data, deltaFrameAt.cursor, frame.cursor);
  setUint64(data, deltaFrameAt.head, frame.head);
  setUint64(data, deltaFrameAt.reserved, 0);
}

/** Reads a delta frame; undefined: it is none, or it is cut. The payloads stay where they are. */
export function readDeltaFrame(bytes: AnyBytes): DeltaFrame | undefined {
  if (bytes.length < deltaFrameHeadSizeBytes) return undefined;
  const data = viewOf(bytes);
  if (data.getUint32(deltaFrameAt.magic, true) !== deltaFrameMagic) return undefined;
  const payloads: { offset: number; sizeBytes: number }[] = [];
  let at = data.getUint32(deltaFrameAt.headSize, true);
  if (at < deltaFrameHeadSizeBytes) return undefined;
  while (at < bytes.length) {
    if (at + sectionHeadSizeBytes > bytes.length) return undefined;
    const sizeBytes = data.getUint32(at, true);
    const offset = at + sectionHeadSizeBytes;
    if (sizeBytes % 8 !== 0 || offset + sizeBytes > bytes.length) return undefined;
    payloads.push({ offset, sizeBytes });
    at = offset + sizeBytes;
  }
  return {
    id: getUint64(data, deltaFrameAt.id),
    from: getUint64(data, deltaFrameAt.from),
    cursor: getUint64(data, deltaFrameAt.cursor),
    head: getUint64(data, deltaFrameAt.head),
    payloads,
  };
}

/** An append as it crosses a socket. */
export interface AppendFrame {
  readonly ref: number;
  readonly session: SessionId;
  /** `<producer>:<sequence>`, or empty. */
  readonly key: string;
  readonly synced: boolean;
  /** Where the LogBatch lies. */
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

/** Returns the frame that appends `batch` (a LogBatch). */
export function appendFrame(
  append: { ref: number; session: SessionId; key?: string; synced?: boolean },
  batch: AnyBytes,
): OwnedBytes {
  const key = append.key ?? "";
  assert(key.length <= keySizeBytesMax, "a key is short");
  const payloadStart = align8(appendFrameHeadSizeBytes + key.length);
  const bytes = new Uint8Array(payloadStart + batch.length);
  const data = viewOf(bytes);
  data.setUint32(appendFrameAt.magic, appendFrameMagic, true);
  data.setUint32(appendFrameAt.flags, append.synced === true ? appendFlags.synced : 0, true);
  setUint64(data, appendFrameAt.ref, append.ref);
  bytes.set(sessionIdBytes(append.session), appendFrameAt.session);
  data.setUint32(appendFrameAt.keySize, key.length, true);
  for (let index = 0; index < key.length; index++) bytes[appendFrameHeadSizeBytes + index] = key.charCodeAt(index);
  bytes.set(batch, payloadStart);
  return bytes;
}

/** Reads an append frame; undefined: it is none. The session may be unknown, the key and the batch are not looked into. */
export function readAppendFrame(bytes: AnyBytes): AppendFrame | undefined {
  if (bytes.length < appendFrameHeadSizeBytes) return undefined;
  const data = viewOf(bytes);
  if (data.getUint32(appendFrameAt.magic, true) !== appendFrameMagic) return undefined;
  const flags = data.getUint32(appendFrameAt.flags, true);
  const keySize = data.getUint32(appendFrameAt.keySize, true);
  const payloadStart = align8(appendFrameHeadSizeBytes + keySize);
  if ((flags & ~appendFlags.synced) !== 0 || keySize > keySizeBytesMax || payloadStart > bytes.length) return undefined;
  let key = "";
  for (let index = 0; index < keySize; index++) key += String.fromCharCode(bytes[appendFrameHeadSizeBytes + index] as number);
  return {
    ref: getUint64(data, appendFrameAt.ref),
    session: sessionIdOf(bytes.subarray(appendFrameAt.session, appendFrameAt.session + sessionIdSizeBytes)),
    key,
    synced: (flags & appendFlags.synced) !== 0,
    payloadStart,
    payloadEnd: bytes.length,
  };
}

function viewOf(bytes: AnyBytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setUint64(data: DataView, at: number, value: number): void {
  data.setUint32(at, value % wordFactor, true);
  data.setUint32(at + 4, value / wordFactor, true);
}

function getUint64(data: DataView, at: number): number {
  return data.getUint32(at, true) + data.getUint32(at + 4, true) * wordFactor;
}
