/**
 * What a subscriber is sent: the entries after its cursor, written once and shared by all who want the same, in the frame of
 * each one's connection.
 */
import { assert } from "../base/assert.ts";
import { ByteColumn, type OwnedBytes } from "../base/bytes.ts";
import { limits } from "../config.ts";
import type { Filter } from "../record/filter.hot.ts";
import type { BlockView } from "../record/scan.hot.ts";
import { JsonWriter } from "./answer.hot.ts";
import { Collector } from "./collect.ts";
import { deltaFrameHeadSizeBytes, writeDeltaFrameHead } from "./frame.ts";
import { PayloadWriter } from "./payload-writer.hot.ts";

export { type AppendFrame, appendFrame, type DeltaFrame, readAppendFrame, readDeltaFrame } from "./frame.ts";

/** How the entries of a delta are written. */
export const deltaForm = { json: 0, binary: 1 } as const;
export type DeltaForm = (typeof deltaForm)[keyof typeof deltaForm];

/** Entries behind a cursor, ready for any number of subscribers. Immutable as long as whoever made it keeps it. */
export interface Delta {
  readonly form: DeltaForm;
  /** The cursor before. */
  readonly from: number;
  /** Seq of the last entry looked at: the cursor behind. */
  readonly cursor: number;
  /** Entries in it: with a filter fewer than were looked at, perhaps none. */
  readonly count: number;
  /** Size of the entries as written, without a frame. */
  readonly sizeBytes: number;
  readonly entries: OwnedBytes;
}

/** Makes deltas; reusable, one at a time. */
export class DeltaBuilder {
  readonly #collector = new Collector();
  readonly #writers = [new JsonWriter(false), new PayloadWriter()] as const;
  #form: DeltaForm = deltaForm.json;
  #from = 0;
  #cursor = 0;

  /** Begins a delta of what lies behind `cursor`. */
  begin(form: DeltaForm, cursor: number, filter: Filter | undefined): void {
    this.#form = form;
    this.#from = cursor;
    this.#cursor = cursor;
    const writer = this.#writers[form];
    this.#collector.begin({ writer, filter, countMax: limits.deltaEntryCountMax, sizeBytesMax: limits.deltaSizeBytesMax });
  }

  /** Takes the next block; returns false when the delta is full. */
  add(view: BlockView): boolean {
    assert(view.firstSeq <= this.#cursor + 1, "blocks come without holes");
    const goesOn = this.#collector.addForward(view, this.#cursor);
    this.#cursor = Math.max(this.#cursor, this.#collector.scannedSeq);
    return goesOn;
  }

  /** Ends the delta. @param keep puts its entries, which are valid until the next one begins, where they may stay. */
  finish(keep: (entries: OwnedBytes) => OwnedBytes = copied): Delta {
    const { entries, count } = this.#collector.finish();
    return {
      form: this.#form,
      from: this.#from,
      cursor: this.#cursor,
      count,
      sizeBytes: entries.length,
      entries: keep(entries),
    };
  }
}

function copied(entries: OwnedBytes): OwnedBytes {
  return entries.slice();
}

/** Returns a delta that says nothing but how far the cursor is. */
export function emptyDelta(form: DeltaForm, from: number, cursor: number): Delta {
  return { form, from, cursor, count: 0, sizeBytes: 0, entries: new Uint8Array(0) };
}

const scratchSizeBytesInitial = 64 * 1024;
let scratch = new ByteColumn(scratchSizeBytesInitial);
/** A frame that grew larger is let go, so that one large entry does not hold memory for ever. */
const scratchSizeBytesKept = 2 * limits.deltaSizeBytesMax;

/** What the frame in `scratch` was made of: most subscribers of a session use the same number, so most get the same frame. */
const last = { make: undefined as unknown, delta: undefined as Delta | undefined, id: -1, head: -1, sizeBytes: 0 };

type Make = (id: number, delta: Delta, head: number) => number;

function frameOf(make: Make, id: number, delta: Delta, head: number): OwnedBytes {
  if (last.delta !== delta || last.id !== id || last.head !== head || last.make !== make) {
    if (scratch.bytes.length > scratchSizeBytesKept) scratch = new ByteColumn(scratchSizeBytesInitial);
    last.sizeBytes = make(id, delta, head);
    last.make = make;
    last.delta = delta;
    last.id = id;
    last.head = head;
  }
  return scratch.bytes.subarray(0, last.sizeBytes);
}

/** Returns the WebSocket message of a JSON subscriber. Valid until the next frame is made. */
export function jsonLogFrame(id: number, delta: Delta, head: number): OwnedBytes {
  assert(delta.form === deltaForm.json, "the entries are JSON");
  return frameOf(makeJson, id, delta, head);
}

/** Returns the event of a stream of server-sent events. Valid until the next frame is made. */
export function sseLogFrame(delta: Delta, head: number): OwnedBytes {
  assert(delta.form === deltaForm.json, "the entries are JSON");
  return frameOf(makeEvent, 0, delta, head);
}

/** Returns the WebSocket message of a binary subscriber. Valid until the next frame is made. */
export function binaryLogFrame(id: number, delta: Delta, head: number): OwnedBytes {
  assert(delta.form === deltaForm.binary, "the entries are payloads");
  return frameOf(makeBinary, id, delta, head);
}

function makeJson(id: number, delta: Delta, head: number): number {
  return put(`{"type":"log","id":${id},"cursor":${delta.cursor},"head":${head},"entries":[`, delta.entries, "]}");
}

function makeEvent(_id: number, delta: Delta, head: number): number {
  // Neither escaped text nor compact fields hold a line feed, so the entries are one line of data.
  const start = `id: ${delta.cursor}\nevent: log\ndata: {"cursor":${delta.cursor},"head":${head},"entries":[`;
  return put(start, delta.entries, "]}\n\n");
}

function makeBinary(id: number, delta: Delta, head: number): number {
  const sizeBytes = deltaFrameHeadSizeBytes + delta.sizeBytes;
  scratch.length = 0;
  scratch.reserve(sizeBytes);
  writeDeltaFrameHead(scratch.bytes, { id, from: delta.from, cursor: delta.cursor, head });
  scratch.bytes.set(delta.entries, deltaFrameHeadSizeBytes);
  return sizeBytes;
}

/** Puts ASCII before and behind shared bytes. */
function put(start: string, entries: OwnedBytes, end: string): number {
  const sizeBytes = start.length + entries.length + end.length;
  scratch.length = 0;
  scratch.reserve(sizeBytes);
  const bytes = scratch.bytes;
  for (let index = 0; index < start.length; index++) bytes[index] = start.charCodeAt(index);
  bytes.set(entries, start.length);
  const endAt = start.length + entries.length;
  for (let index = 0; index < end.length; index++) bytes[endAt + index] = end.charCodeAt(index);
  return sizeBytes;
}
