/** Entries of blocks and binary frames as objects, for clients that want them so. No import of Node: runs in browsers. */
import { type AnyBytes, textOf } from "../base/bytes.ts";
import { levelNames } from "../record/levels.ts";
import { BlockView } from "../record/scan.hot.ts";
import { wtf8TextOf } from "../record/wtf8.ts";
import type { EntryObject } from "./api.ts";
import type { DeltaFrame } from "./frame.ts";
import { TimeText, writeDecimals } from "./time-text.hot.ts";

const time = new TimeText(0x54);
const decimals = new Uint8Array(10);
const decimalsView = new DataView(decimals.buffer);

/** Returns the entries of a frame of `bytes`, without those outside of its range. */
export function entriesOfFrame(bytes: AnyBytes, frame: DeltaFrame): EntryObject[] {
  const entries: EntryObject[] = [];
  const view = new BlockView();
  for (const { offset, sizeBytes } of frame.payloads) {
    view.openPayload(bytes, offset, sizeBytes);
    for (let index = view.indexAfter(frame.from); index < view.count && view.seq(index) <= frame.cursor; index++) {
      entries.push(entryObject(view, index));
    }
  }
  return entries;
}

/** Returns entry `index` of a view as an object. */
export function entryObject(view: BlockView, index: number): EntryObject {
  const { bytes } = view;
  const level = levelNames[view.level(index)];
  const logger = view.loggerIndex(index);
  const template = view.templateIndex(index);
  const fieldsStart = view.fieldsStart(index);
  const fieldsEnd = view.fieldsEnd(index);
  return {
    seq: view.seq(index),
    timestamp: timeTextOf(view.timeLow(index), view.timeHigh(index)),
    ...(level === undefined || level === "" ? {} : { level }),
    ...(logger > 0 ? { logger: wtf8TextOf(bytes, view.loggerStart(logger), view.loggerEnd(logger)) } : {}),
    message: wtf8TextOf(bytes, view.textStart(index), view.textEnd(index)),
    ...(template > 0 ? { format: wtf8TextOf(bytes, view.templateStart(template), view.templateEnd(template)) } : {}),
    ...(fieldsEnd > fieldsStart ? { fields: JSON.parse(textOf(bytes, fieldsStart, fieldsEnd)) } : {}),
  };
}

/** Returns a time (int64 nanoseconds as two words) as ISO 8601 with 3, 6 or 9 decimals, as many as needed. */
export function timeTextOf(timeLow: number, timeHigh: number): string {
  const within = time.nanosWithin(timeLow, timeHigh);
  const nanos = within < 0 ? time.turnTo(timeLow, timeHigh) : within;
  const end = writeDecimals(nanos, decimalsView, 0);
  return `${textOf(time.prefix)}${textOf(decimals, 0, end)}Z`;
}
