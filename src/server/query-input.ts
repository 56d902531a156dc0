/** What query strings may say: parsed into plain values, or a refusal that names the parameter. */
import { tryParseSessionId } from "../base/ids.ts";
import { limits } from "../config.ts";
import type { SessionInput } from "../wire/api.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import { type ListQuery, type SortKey, sortKeys } from "./registry.ts";

/** Returns the whole number of `name` in [min, max], `fallback` when absent, or why not. */
export function wholeNumber(
  query: URLSearchParams,
  name: string,
  range: { min: number; max: number },
): number | undefined | Refusal {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  return refuse("invalid_query", `${name}=${text} must be a whole number from ${range.min} to ${range.max}.`);
}

/** Tells a refusal from a value. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

/** Returns the list that a query string asks for. */
export function parseListQuery(query: URLSearchParams, statusDefault: ListQuery["status"]): ListQuery | Refusal {
  const status = query.get("status") ?? statusDefault;
  if (status !== "active" && status !== "ended" && status !== "all") return unknownValue("status", status, "active, ended, all");
  const sort = query.get("sort") ?? "created";
  if (!isSortKey(sort)) return unknownValue("sort", sort, sortKeys.join(", "));
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") return unknownValue("order", order, "asc, desc");
  const offset = wholeNumber(query, "offset", { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (isRefusal(offset)) return offset;
  const limit = wholeNumber(query, "limit", { min: 0, max: limits.pageEntryCountMax });
  if (isRefusal(limit)) return limit;
  const text = (name: string) => query.get(name) ?? undefined;
  const prefix = text("prefix")?.toLowerCase();
  const parent = text("parent")?.toLowerCase();
  const filters = {
    prefix,
    parent,
    app: text("app"),
    mode: text("mode"),
    platform: text("platform"),
    jobid: text("jobid"),
    q: text("q"),
  };
  return { status, sort, order, offset: offset ?? 0, limit: limit ?? 100, ...filters };
}

/** Returns the session members of `create=true&appname=…`; unusable ones are left out. */
export function parseSessionQuery(query: URLSearchParams): SessionInput {
  const input: SessionInput = {};
  for (const name of ["appname", "mode", "platform", "jobid"] as const) {
    const value = query.get(name);
    if (value !== null) input[name] = value.slice(0, limits.sessionTextLengthMax);
  }
  const parent = tryParseSessionId(query.get("parent_session_id") ?? "");
  if (parent !== undefined) input.parent_session_id = parent;
  const pid = Number(query.get("pid") ?? Number.NaN);
  if (Number.isInteger(pid) && pid > 0 && pid <= 0xffffffff) input.pid = pid;
  return input;
}

/** Says which values a parameter takes. */
export function unknownValue(name: string, value: string, known: string): Refusal {
  return refuse("invalid_query", `${name}=${value} is not known: use one of ${known}.`);
}

function isSortKey(text: string): text is SortKey {
  return (sortKeys as readonly string[]).includes(text);
}
