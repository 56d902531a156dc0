/** Decodes a text body: one entry a line, LF or CRLF ends a line, empty lines are skipped. */
import { assert } from "../base/assert.ts";
import type { ByteColumn } from "../base/bytes.ts";
import { bytesLike, whichByte, wordSlackBytes } from "../base/words.hot.ts";
import type { EntryColumns } from "../record/columns.hot.ts";
import { columnsSizeBytes } from "../record/columns-size.hot.ts";
import { levelNone } from "../record/levels.ts";
import type { DecodeContext } from "./decode-context.ts";
import type { JsonScanner } from "./json-scan.hot.ts";
import type { Refusal } from "./outcome.ts";
import { refusalOfBatchSize, refusalOfSize } from "./refusals.ts";

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const lineFeeds = 0x0a0a0a0a;

/** Decodes the body that `scanner` holds behind the entries of `columns`. */
export function decodeText(scanner: JsonScanner, context: DecodeContext, columns: EntryColumns): Refusal | undefined {
  const { limits, receivedLow, receivedHigh } = context;
  const sizeBytesMax = columnsSizeBytes(columns) + limits.columnsSizeBytesMax;
  const end = scanner.end;
  const text = columns.text;
  text.reserve(end - scanner.begin + wordSlackBytes);
  let at = scanner.begin;
  for (let index = 0; at < end; ) {
    const start = text.length;
    const next = copyLine(scanner, at, text);
    const size = text.length - start;
    at = next;
    if (size === 0) continue;
    if (size > limits.entrySizeBytesMax) return refusalOfSize(limits, index);
    columns.reserveEntries(1);
    columns.finishEntry(receivedLow, receivedHigh, levelNone, 0, 0);
    index++;
    if (columnsSizeBytes(columns) > sizeBytesMax) return refusalOfBatchSize(limits);
  }
  return undefined;
}

/** Appends the line at `at` without its end; returns where the next one begins. */
function copyLine(scanner: JsonScanner, at: number, target: ByteColumn): number {
  const { bytes, view, end } = scanner;
  const out = target.view;
  const start = target.length;
  let to = start;
  while (at < end) {
    const word = view.getInt32(at, true);
    out.setInt32(to, word, true);
    const found = bytesLike(word, lineFeeds);
    if (found === 0) {
      at += 4;
      to += 4;
      continue;
    }
    to += whichByte(found);
    at += whichByte(found);
    assert(bytes[at] === lineFeed, "a line feed was found");
    if (to > start && bytes[at - 1] === carriageReturn) to--;
    target.length = to;
    return at + 1;
  }
  // The last word may reach past the body.
  target.length = to - (at - end);
  return end;
}
