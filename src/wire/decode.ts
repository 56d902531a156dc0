/** Decodes a batch of any form into columns: the first stage of a worker's flow. */
import { isUtf8 } from "node:buffer";
import { assert } from "../base/assert.ts";
import type { AnyBytes } from "../base/bytes.ts";
import type { EntryColumns } from "../record/columns.hot.ts";
import { bodyKind } from "./body-kind.ts";
import { BatchDecoder } from "./decode-batch.hot.ts";
import type { DecodeContext } from "./decode-context.ts";
import { EntryDecoder } from "./decode-entry.hot.ts";
import { JsonDecoder } from "./decode-json.hot.ts";
import { decodeNdjson } from "./decode-ndjson.hot.ts";
import { decodeText } from "./decode-text.hot.ts";
import { JsonScanner } from "./json-scan.hot.ts";
import { type Refusal, refuse } from "./outcome.ts";

/** What is looked at in one go for the place where a body stops being UTF-8. */
const stretchSizeBytes = 16 * 1024;

// One of each per thread: decoding never waits, so nobody else can be in the middle of a body.
const scanner = new JsonScanner();
const entries = new EntryDecoder(scanner);
const json = new JsonDecoder(scanner, entries);
const batch = new BatchDecoder(scanner);

/**
 * Decodes `body[start, end)` into `columns`, behind the entries that are there.
 * @param kind a number of `bodyKind`.
 * @param body may be shared; what it holds outside of the range is not looked at.
 * @returns why the batch is refused: then the columns hold a part of it, and the caller rolls back to its mark.
 */
export function decode(
  kind: number,
  body: AnyBytes,
  start: number,
  end: number,
  context: DecodeContext,
  columns: EntryColumns,
): Refusal | undefined {
  assert(kind >= bodyKind.json && kind <= bodyKind.flatbuffers, "the kind is known");
  scanner.load(body, start, end);
  if (kind === bodyKind.flatbuffers) return batch.decode(context, columns);
  if (!scanner.isUtf8()) return refusalOfUtf8();
  if (kind === bodyKind.json) return json.decode(context, columns);
  if (kind === bodyKind.ndjson) return decodeNdjson(scanner, entries, context, columns);
  return decodeText(scanner, context, columns);
}

/** Says where the body is not UTF-8: in which stretch, then at which character of it. */
function refusalOfUtf8(): Refusal {
  const { bytes, end } = scanner;
  let good = scanner.begin;
  for (;;) {
    let next = Math.min(good + stretchSizeBytes, end);
    while (next < end && (bytes[next]! & 0xc0) === 0x80 && next > good) next--;
    if (next === good || !isUtf8(bytes.subarray(good, next))) break;
    good = next;
  }
  for (let size = 1; size <= 4; size++) {
    if (good + size > end || !isUtf8(bytes.subarray(good, good + size))) continue;
    good += size;
    size = 0;
  }
  const offset = good - scanner.begin;
  return refuse("invalid_utf8", `The body is not UTF-8 at byte ${offset}.`, { offset });
}
