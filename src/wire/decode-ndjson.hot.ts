/** Decodes an NDJSON body: one entry object a line, blank lines skipped. */
import type { EntryColumns } from "../record/columns.hot.ts";
import type { DecodeContext } from "./decode-context.ts";
import type { EntryDecoder } from "./decode-entry.hot.ts";
import { fault, type JsonScanner } from "./json-scan.hot.ts";
import type { Refusal } from "./outcome.ts";
import { refusalOfEntry, refusalOfItem, refusalOfScan } from "./refusals.ts";

const lineFeed = 0x0a;
const openBrace = 0x7b;
const space = 0x20;

/** Decodes the body that `scanner` holds behind the entries of `columns`. */
export function decodeNdjson(
  scanner: JsonScanner,
  entries: EntryDecoder,
  context: DecodeContext,
  columns: EntryColumns,
): Refusal | undefined {
  const bytes = scanner.bytes;
  const end = scanner.end;
  entries.begin(context, columns);
  // A line feed ends a JSON text here, so it is no white space within.
  scanner.lineFeedIsWhite = false;
  let at = scanner.begin;
  for (let index = 0; ; ) {
    if (bytes[at]! <= space) at = scanner.white(at);
    if (bytes[at] === openBrace) {
      at = entries.decode(at);
      if (at < 0) return refusalOfEntry(scanner, entries, context.limits, index);
      index++;
      if (bytes[at]! <= space) at = scanner.white(at);
    }
    if (bytes[at] === lineFeed) at++;
    else if (at === end) return undefined;
    else return refusalOfLine(scanner, context, at, index);
  }
}

/** Says what is wrong with a line that does not begin with an entry, or goes on behind it. */
function refusalOfLine(scanner: JsonScanner, context: DecodeContext, at: number, index: number): Refusal {
  const startsLine = scanner.bytes[at - 1] === lineFeed || at === scanner.begin;
  scanner.depthMax = context.limits.jsonDepthMax;
  scanner.fault = fault.none;
  if (startsLine && scanner.skipValue(at) >= 0) return refusalOfItem(index);
  if (scanner.fault === fault.none) scanner.fail(fault.syntax, at);
  return refusalOfScan(scanner);
}
