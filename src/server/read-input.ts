/** What a read may ask for: position, limit, filter, format; parsed from a query string or a WebSocket message. */

import { utf8 } from "../base/bytes.ts";
import { limits } from "../config.ts";
import { compileFilter, type Filter, type FilterSpec, type TimeWords } from "../record/filter.hot.ts";
import { levelOfName } from "../record/levels.ts";
import { TimeReader } from "../record/time.hot.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { PageFormat } from "../wire/page.ts";
import { isRefusal, unknownValue, wholeNumber } from "./query-input.ts";

export const readFormats = ["json", "ndjson", "text", "csv", "flatbuffers"] as const satisfies readonly PageFormat[];

/** A filter in both its forms: as it crosses threads and as it chooses. */
export interface ReadFilter {
  readonly spec: FilterSpec;
  readonly filter: Filter;
}

/** Where a page begins: behind a cursor, before a seq, at the end, or at the n-th oldest kept entry. */
export type ReadStart =
  | { readonly kind: "cursor"; readonly cursor: number }
  | { readonly kind: "before"; readonly before: number }
  | { readonly kind: "tail" }
  | { readonly kind: "offset"; readonly offset: number };

export interface ReadQuery {
  readonly start: ReadStart;
  readonly limit: number;
  readonly filter: ReadFilter;
  readonly format: PageFormat;
  readonly waitMs: number;
}

const big = { min: 0, max: Number.MAX_SAFE_INTEGER };
const page = { min: 0, max: limits.pageEntryCountMax };

/** Returns what `GET /sessions/{id}/log` asks for, or why not. */
export function parseReadQuery(query: URLSearchParams, accept: string): ReadQuery | Refusal {
  const cursor = wholeNumber(query, "cursor", big);
  const before = wholeNumber(query, "before", big);
  const tail = wholeNumber(query, "tail", page);
  const offset = wholeNumber(query, "offset", big);
  const limit = wholeNumber(query, "limit", page);
  const wait = wholeNumber(query, "wait", { min: 0, max: limits.waitMsMax });
  for (const value of [cursor, before, tail, offset, limit, wait]) if (isRefusal(value)) return value;
  const given = ["cursor", "before", "tail", "offset"].filter((name) => query.has(name));
  if (given.length > 1) return refuse("invalid_query", `${given.join(" and ")} exclude each other: give one.`);
  if (wait !== undefined && cursor === undefined) return refuse("invalid_query", "wait goes with cursor.");
  const filter = parseFilter((name) => query.get(name) ?? undefined);
  if (isRefusal(filter)) return filter;
  const format = formatOf(query.get("format"), accept);
  if (isRefusal(format)) return format;
  const start = startOf(cursor as number | undefined, before as number | undefined, offset as number | undefined);
  const size = (tail as number | undefined) ?? (limit as number | undefined) ?? limits.pageEntryCountDefault;
  return { start, limit: size, filter, format, waitMs: (wait as number | undefined) ?? 0 };
}

/** Returns the filter that `level`, `logger`, `q`, `template`, `since`, `until` describe, or why not. */
function parseFilterSpec(get: (name: string) => unknown): FilterSpec | Refusal {
  const texts: Record<string, string> = {};
  for (const name of ["level", "logger", "q", "template", "since", "until"]) {
    const value = get(name);
    if (value === undefined || value === null) continue;
    if (typeof value !== "string") return refuse("invalid_query", `${name} must be text.`);
    texts[name] = value;
  }
  const { level, logger, q, template, since, until } = texts;
  const levelMin = level === undefined || level === "" ? 0 : levelOfName(level);
  if (levelMin < 0) return unknownValue("level", level ?? "", "trace, debug, info, warn, error, critical");
  const sinceTime = since === undefined ? undefined : tryParseTimeText(since);
  if (since !== undefined && sinceTime === undefined) return badTime("since", since);
  const untilTime = until === undefined ? undefined : tryParseTimeText(until);
  if (until !== undefined && untilTime === undefined) return badTime("until", until);
  return {
    ...(levelMin > 0 ? { levelMin } : {}),
    ...(logger === undefined ? {} : { logger }),
    ...(q === undefined || q === "" ? {} : { q }),
    ...(template === undefined ? {} : { template }),
    ...(sinceTime === undefined ? {} : { since: sinceTime }),
    ...(untilTime === undefined ? {} : { until: untilTime }),
  };
}

/** Returns that filter, ready to choose. */
export function parseFilter(get: (name: string) => unknown): ReadFilter | Refusal {
  const spec = parseFilterSpec(get);
  return isRefusal(spec) ? spec : { spec, filter: compileFilter(spec) };
}

/** A time of a query: RFC 3339; digits are milliseconds up to 15 of them, nanoseconds beyond. */
function tryParseTimeText(text: string): TimeWords | undefined {
  // A plus that was not escaped has come as a space.
  const bytes = utf8(text.replace(/ (?=\d\d:\d\d$)/, "+"));
  const reader = new TimeReader();
  const isRead = /^-?\d{1,15}$/.test(text) ? reader.readNumber(bytes, 0, bytes.length) : reader.readText(bytes, 0, bytes.length);
  return isRead ? { low: reader.low, high: reader.high } : undefined;
}

function startOf(cursor: number | undefined, before: number | undefined, offset: number | undefined): ReadStart {
  if (cursor !== undefined) return { kind: "cursor", cursor };
  if (before !== undefined) return { kind: "before", before };
  if (offset !== undefined) return { kind: "offset", offset };
  return { kind: "tail" };
}

function badTime(name: string, value: string): Refusal {
  return refuse("invalid_query", `${name}=${value} must be an RFC 3339 time, milliseconds or nanoseconds since the epoch.`);
}

const formatOfType: readonly (readonly [string, PageFormat])[] = [
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
  ["application/stream+json", "ndjson"],
  ["text/csv", "csv"],
  ["text/plain", "text"],
  ["application/x-flatbuffers", "flatbuffers"],
];

function formatOf(format: string | null, accept: string): PageFormat | Refusal {
  if (format !== null) {
    const found = readFormats.find((name) => name === format);
    return found ?? unknownValue("format", format, readFormats.join(", "));
  }
  // The heaviest kind that we know wins, of equal ones the first; wildcards and what we don't know mean JSON.
  let best: { readonly format: PageFormat; readonly weight: number } = { format: "json", weight: 0 };
  for (const part of accept.toLowerCase().split(",")) {
    const [type, ...parameters] = part.split(";").map((text) => text.trim());
    const found = formatOfType.find(([name]) => name === type);
    const weight = Number(parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1);
    if (found !== undefined && weight > best.weight) best = { format: found[1], weight };
  }
  return best.format;
}
