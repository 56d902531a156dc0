/** Entries as objects from the columns of a binary delta or page: the same that JSON would have brought. */
import type { AnyBytes } from "../base/bytes.ts";
import { levelNames } from "../record/levels.ts";
import { BlockView } from "../record/scan.hot.ts";
import type { EntryObject } from "../wire/api.ts";
import type { DeltaFrame } from "../wire/frame.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const nsPerMs = 1_000_000n;

/** Returns the entries that `frame`, read from `bytes`, brings: those behind `from`, up to its cursor. */
export function entriesOfFrame(bytes: AnyBytes, frame: DeltaFrame): EntryObject[] {
  const view = new BlockView();
  const found: EntryObject[] = [];
  for (const { offset, sizeBytes } of frame.payloads) {
    view.openPayload(bytes, offset, sizeBytes);
    const names = new Names(view);
    for (let index = view.indexAfter(frame.from); index < view.count && view.seq(index) <= frame.cursor; index++) {
      found.push(entryAt(view, names, index));
    }
  }
  return found;
}

/** Loggers and templates of one payload, each decoded once. */
class Names {
  readonly #view: BlockView;
  readonly #loggers: string[] = [];
  readonly #templates: string[] = [];

  constructor(view: BlockView) {
    this.#view = view;
  }

  logger(index: number): string {
    const view = this.#view;
    this.#loggers[index] ??= textOf(view.bytes, view.loggerStart(index), view.loggerEnd(index));
    return this.#loggers[index];
  }

  template(index: number): string {
    const view = this.#view;
    this.#templates[index] ??= textOf(view.bytes, view.templateStart(index), view.templateEnd(index));
    return this.#templates[index];
  }
}

function entryAt(view: BlockView, names: Names, index: number): EntryObject {
  const entry: EntryObject = {
    seq: view.seq(index),
    timestamp: timestampOf(view.timeLow(index), view.timeHigh(index)),
    message: textOf(view.bytes, view.textStart(index), view.textEnd(index)),
  };
  const level = levelNames[view.level(index)];
  const logger = view.loggerIndex(index);
  const template = view.templateIndex(index);
  const fieldsStart = view.fieldsStart(index);
  const fieldsEnd = view.fieldsEnd(index);
  if (level) entry.level = level;
  if (logger > 0) entry.logger = names.logger(logger);
  if (template > 0) entry.format = names.template(template);
  if (fieldsEnd > fieldsStart) entry.fields = JSON.parse(textOf(view.bytes, fieldsStart, fieldsEnd)) as Record<string, unknown>;
  return entry;
}

/** Returns the ISO time of int64 nanoseconds, with 3, 6 or 9 decimals, as many as needed. */
function timestampOf(low: number, high: number): string {
  const ns = (BigInt(high) << 32n) | BigInt(low >>> 0);
  const rest = ((ns % nsPerMs) + nsPerMs) % nsPerMs;
  const text = new Date(Number((ns - rest) / nsPerMs)).toISOString();
  if (rest === 0n) return text;
  const digits = String(rest).padStart(6, "0");
  return `${text.slice(0, -1)}${digits.endsWith("000") ? digits.slice(0, 3) : digits}Z`;
}

/** Lone surrogates, which JSON can hold, stand as their three-byte form (WTF-8); a decoder of UTF-8 would lose them. */
function textOf(bytes: AnyBytes, start: number, end: number): string {
  const text = decoder.decode(bytes.subarray(start, end));
  return text.includes("\ufffd") ? surrogatesKept(bytes, start, end) : text;
}

function surrogatesKept(bytes: AnyBytes, start: number, end: number): string {
  let text = "";
  let from = start;
  for (let at = start; at + 2 < end; at++) {
    const second = bytes[at + 1] as number;
    if (bytes[at] !== 0xed || second < 0xa0) continue;
    text += decoder.decode(bytes.subarray(from, at));
    text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | ((bytes[at + 2] as number) & 0x3f));
    from = at + 3;
    at += 2;
  }
  return text + decoder.decode(bytes.subarray(from, end));
}
