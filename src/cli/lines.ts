/** Cuts a stream of bytes into lines, holding at most one chunk and the line that is still open. */
import type { Readable } from "node:stream";
import { assert } from "../base/assert.ts";

const lineFeed = 0x0a;

/** Bytes of one line, without its line feed: `bytes[start, end)`, valid until the next line is asked for. */
export interface Line {
  bytes: Buffer;
  start: number;
  end: number;
  /** False for a last line without a line feed, and for a piece of a line that is longer than the limit. */
  hasLineFeed: boolean;
}

/**
 * Yields lists of lines as chunks arrive, so that who reads a slow pipe gets each line at once. A line longer than
 * `lineSizeBytesMax` comes in pieces, cut where a UTF-8 character begins.
 */
export async function* lineGroups(source: Readable, lineSizeBytesMax: number): AsyncGenerator<Line[], void> {
  assert(lineSizeBytesMax >= 4, "a character fits a piece");
  let open: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes: Buffer = open.length === 0 ? chunk : Buffer.concat([open, chunk]);
    const lines: Line[] = [];
    let start = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
      start = pushPieces(lines, bytes, start, end, lineSizeBytesMax);
      lines.push({ bytes, start, end, hasLineFeed: true });
      start = end + 1;
    }
    start = pushPieces(lines, bytes, start, bytes.length, lineSizeBytesMax);
    open = bytes.subarray(start);
    if (lines.length > 0) yield lines;
  }
  if (open.length > 0) yield [{ bytes: open, start: 0, end: open.length, hasLineFeed: false }];
}

/** Adds full pieces of an overlong line and returns where its rest begins. */
function pushPieces(lines: Line[], bytes: Buffer, from: number, to: number, sizeMax: number): number {
  let start = from;
  while (to - start > sizeMax) {
    let end = start + sizeMax;
    // Continuation bytes look like 10xxxxxx; at most three precede the next character.
    for (let back = 0; back < 3 && (bytes[end] ?? 0) >> 6 === 2; back++) end--;
    lines.push({ bytes, start, end, hasLineFeed: false });
    start = end;
  }
  return start;
}
