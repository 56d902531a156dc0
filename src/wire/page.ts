/** Pages: what one read answers. Fed with blocks by whoever has them, ring or file; the head and the format are put around. */
import { assert } from "../base/assert.ts";
import { type AnyBytes, type OwnedBytes, utf8 } from "../base/bytes.ts";
import { limits } from "../config.ts";
import type { Filter } from "../record/filter.hot.ts";
import type { BlockView } from "../record/scan.hot.ts";
import { type EntryWriter, JsonWriter } from "./answer.hot.ts";
import { CsvWriter, csvHeader } from "./answer-csv.hot.ts";
import { TextWriter } from "./answer-text.hot.ts";
import { Collector } from "./collect.ts";
import { deltaFrameHeadSizeBytes, writeDeltaFrameHead } from "./frame.ts";
import { PayloadWriter } from "./payload-writer.hot.ts";

export type PageFormat = "json" | "ndjson" | "text" | "csv" | "flatbuffers";

/** Content type of each format. */
export const pageContentType: Readonly<Record<PageFormat, string>> = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  text: "text/plain; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  flatbuffers: "application/x-flatbuffers",
};

export interface PageRequest {
  /** `after`: the first `limit` entries behind seq `position`; `before`: the last `limit` before it. */
  readonly direction: "after" | "before";
  readonly position: number;
  readonly limit: number;
  readonly filter: Filter | undefined;
  readonly format: PageFormat;
}

/** Entries that can not be read any more, both ends included. */
export interface PageGap {
  readonly from: number;
  readonly to: number;
}

/** A page without what only the registry knows: session, head, first. Plain values, so that it crosses threads. */
export interface Page {
  readonly format: PageFormat;
  /** As the format writes them, without envelope or header. What lies around them in their memory is free. */
  readonly entries: OwnedBytes;
  readonly count: number;
  /** Entries up to this seq are not in it. */
  readonly from: number;
  /** Seq of the last entry looked at: the next read's cursor. */
  readonly cursor: number;
  readonly gap?: PageGap;
}

/** Kept free before the entries in memory that a page was given: what goes around them need not move them. */
const headRoomSizeBytes = 256;

/** What stands around the entries. */
export interface PageSession {
  readonly id: string;
  readonly head: number;
  readonly first: number;
}

/** Makes pages; reusable, one at a time. */
export class PageBuilder {
  readonly #collector = new Collector();
  readonly #writers: Readonly<Record<PageFormat, EntryWriter>> = {
    json: new JsonWriter(false),
    ndjson: new JsonWriter(true),
    text: new TextWriter(),
    csv: new CsvWriter(),
    flatbuffers: new PayloadWriter(),
  };
  #request: PageRequest = { direction: "after", position: 0, limit: 0, filter: undefined, format: "json" };
  #cursor = 0;
  #gap: PageGap | undefined;

  /**
   * Begins a page.
   * @param memory the page's own from now on, and goes with its entries; absent: they are valid until the next page begins.
   */
  begin(request: PageRequest, memory?: OwnedBytes): void {
    assert(request.limit <= limits.pageEntryCountMax, "a page has its limit");
    this.#request = request;
    this.#cursor = request.direction === "after" ? request.position : Math.max(0, request.position - 1);
    this.#gap = undefined;
    const { filter, limit, format } = request;
    const writer = this.#writers[format];
    const collect = { writer, filter, countMax: limit, sizeBytesMax: limits.pageSizeBytesMax };
    this.#collector.begin(collect, memory?.subarray(headRoomSizeBytes));
  }

  /** True when nothing more is wanted; from the start on for a page without entries. */
  get isFull(): boolean {
    return this.#collector.isFull;
  }

  /** Takes the next block: oldest first for `after`, newest first for `before`. Returns false when the page is full. */
  addBlock(view: BlockView): boolean {
    if (this.#request.direction === "before") return this.#collector.addBackward(view, this.#request.position);
    const goesOn = this.#collector.addForward(view, this.#cursor);
    this.#cursor = Math.max(this.#cursor, this.#collector.scannedSeq);
    return goesOn;
  }

  /**
   * Notes entries that can not be read, in the order of the blocks. A page has one gap, before its entries in the order of
   * reading: one that comes later ends the page and opens the next one.
   * @returns false when the page ends here.
   */
  addGap(gap: PageGap): boolean {
    assert(gap.from <= gap.to, "a gap has entries");
    const isAfter = this.#request.direction === "after";
    if (this.#collector.count > 0 || (this.#gap !== undefined && !isAdjacent(this.#gap, gap))) {
      if (isAfter) this.#cursor = Math.max(this.#cursor, gap.from - 1);
      return false;
    }
    const before = this.#gap ?? gap;
    this.#gap = { from: Math.min(before.from, gap.from), to: Math.max(before.to, gap.to) };
    if (isAfter) this.#cursor = Math.max(this.#cursor, gap.to);
    return true;
  }

  /** Ends the page. */
  finish(): Page {
    const { format, direction, position } = this.#request;
    const { entries, count, firstSeq } = this.#collector.finish();
    const fromOfBefore = count > 0 ? firstSeq - 1 : this.#cursor;
    const from = direction === "after" ? position : fromOfBefore;
    return { format, entries, count, from, cursor: this.#cursor, ...(this.#gap === undefined ? {} : { gap: this.#gap }) };
  }
}

function isAdjacent(one: PageGap, other: PageGap): boolean {
  return other.from <= one.to + 1 && one.from <= other.to + 1;
}

/** Returns the body of a page. It uses the memory of its entries, and what is free around them. */
export function pageBody(page: Page, session: PageSession): OwnedBytes {
  switch (page.format) {
    case "json":
      return around(utf8(envelopeStart(page, session)), page.entries, envelopeEnd);
    case "csv":
      return around(csvHeader, page.entries, noBytes);
    case "flatbuffers": {
      const frame = new Uint8Array(deltaFrameHeadSizeBytes);
      writeDeltaFrameHead(frame, { id: 0, from: page.from, cursor: page.cursor, head: session.head });
      return around(frame, page.entries, noBytes);
    }
    default:
      return page.entries;
  }
}

/** Returns what the envelope says, as headers, for formats whose body is nothing but entries. */
export function pageHeaders(page: Page, session: PageSession): Record<string, string> {
  return {
    "tailrace-cursor": String(page.cursor),
    "tailrace-head": String(session.head),
    "tailrace-first": String(session.first),
    "tailrace-count": String(page.count),
    "tailrace-more": String(page.cursor < session.head),
    ...(page.gap === undefined ? {} : { "tailrace-gap": `${page.gap.from}-${page.gap.to}` }),
  };
}

const noBytes = new Uint8Array(0);
const envelopeEnd = utf8("]}");

/** `more` speaks of entries behind the cursor, whichever way the page was asked for. */
function envelopeStart(page: Page, session: PageSession): string {
  const gap = page.gap === undefined ? "" : `"gap":{"from":${page.gap.from},"to":${page.gap.to}},`;
  const { id, head, first } = session;
  return `{"session":"${id}","cursor":${page.cursor},"head":${head},"first":${first},"more":${page.cursor < head},${gap}"entries":[`;
}

/** Puts bytes before and behind entries: where these lie if there is room, else in new memory. */
function around(start: AnyBytes, entries: OwnedBytes, end: AnyBytes): OwnedBytes {
  const sizeBytes = start.length + entries.length + end.length;
  const { buffer, byteOffset } = entries;
  const isRoomy = byteOffset >= start.length && byteOffset + entries.length + end.length <= buffer.byteLength;
  const bytes = isRoomy ? new Uint8Array(buffer, byteOffset - start.length, sizeBytes) : new Uint8Array(sizeBytes);
  bytes.set(start, 0);
  if (!isRoomy) bytes.set(entries, start.length);
  bytes.set(end, start.length + entries.length);
  return bytes;
}
