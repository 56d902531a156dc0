/** Says why a batch is refused, from what its scanner and entry decoder noted. */
import { textOf } from "../base/bytes.ts";
import type { DecodeLimits } from "./decode-context.ts";
import { type EntryDecoder, entryProblem } from "./decode-entry.hot.ts";
import { fault, type JsonScanner } from "./json-scan.hot.ts";
import { memberNames } from "./members.hot.ts";
import { type Refusal, refuse } from "./outcome.ts";

/** Bytes of a member's name that an answer repeats. */
const shownNameSizeBytesMax = 64;

/** What each member may be, for the one who sent something else. */
const expectations: Readonly<Record<string, string>> = {
  timestamp: "an RFC 3339 text, a number of milliseconds or a text of nanoseconds, between the years 1677 and 2262",
  level: "trace, debug, info, warn, error, critical or a pino number from 10 to 60",
  logger: "a text",
  message: "a text, and may be absent only beside a format",
  format: "a text",
  fields: "an object",
};

/** Which member of the contract a number stands for, aliases resolved. */
const canonicalNames = [
  "",
  "timestamp",
  "timestamp",
  "timestamp",
  "timestamp",
  "level",
  "logger",
  "logger",
  "message",
  "message",
  "format",
  "fields",
  "fields",
  "",
];

/** Returns the refusal for a fault outside of any entry. */
export function refusalOfScan(scanner: JsonScanner): Refusal {
  const offset = scanner.faultOffset;
  const what = scanner.fault === fault.tooDeep ? "is nested too deep" : "is not JSON";
  return refuse("invalid_json", `The body ${what} at byte ${offset}.`, { offset });
}

/** Returns the refusal for the entry that was decoded last. */
export function refusalOfEntry(scanner: JsonScanner, entries: EntryDecoder, limits: DecodeLimits, index: number): Refusal {
  if (scanner.fault === fault.syntax) return refusalOfScan(scanner);
  if (scanner.fault === fault.tooDeep) {
    const field = textOf(scanner.bytes, entries.nameStart, Math.min(entries.nameEnd, entries.nameStart + shownNameSizeBytesMax));
    const limit = limits.jsonDepthMax;
    return refuse("invalid_entry", `Entry ${index}: ${field} is nested deeper than ${limit} levels.`, { index, field, limit });
  }
  if (scanner.fault === fault.tooLarge || entries.problem === entryProblem.tooLarge) return refusalOfSize(limits, index);
  if (entries.problem === entryProblem.batchTooLarge) return refusalOfBatchSize(limits);
  if (entries.problem === entryProblem.tooManyFields) return refusalOfFieldCount(limits, index);
  const field = canonicalNames[entries.problemMember] ?? memberNames[0];
  const expected = expectations[field] ?? "";
  return refuse("invalid_entry", `Entry ${index}: ${field} must be ${expected}.`, { index, field });
}

/** Returns the refusal of an entry over its limit. */
export function refusalOfSize(limits: DecodeLimits, index: number): Refusal {
  const limit = limits.entrySizeBytesMax;
  return refuse("payload_too_large", `Entry ${index} is larger than ${limit} bytes.`, { index, limit });
}

/** Returns the refusal of an entry with too many fields. */
export function refusalOfFieldCount(limits: DecodeLimits, index: number): Refusal {
  const limit = limits.fieldCountMax;
  return refuse("invalid_entry", `Entry ${index} has more than ${limit} fields.`, { index, field: "fields", limit });
}

/** Returns the refusal of a batch that comes to too much once it is decoded. */
export function refusalOfBatchSize(limits: DecodeLimits): Refusal {
  const limit = limits.columnsSizeBytesMax;
  return refuse("payload_too_large", `The batch comes to more than ${limit} bytes; send it in parts.`, { limit });
}

/** Returns the refusal of a batch whose entries would have too much of templates rendered. */
export function refusalOfTemplates(limits: DecodeLimits, index: number): Refusal {
  const limit = limits.renderedTemplatesSizeBytesMax;
  const message = `The templates of entries 0 to ${index} come to more than ${limit} bytes; send the batch in parts.`;
  return refuse("payload_too_large", message, { index, limit });
}

/** Returns the refusal of a value where an entry belongs. */
export function refusalOfItem(index: number): Refusal {
  return refuse("invalid_entry", `Entry ${index} is not an object.`, { index });
}
