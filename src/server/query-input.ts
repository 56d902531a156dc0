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
  // Errors of the machine have a code too.
  return typeof value === "object" && value !== null && !(value instanceof Error) && "code" in value && "message" in value;
}

/** Returns whether `name` is `true`; what is neither true nor false is refused, for somebody meant something by it. */
export function flagOf(query: URLSearchParams, name: string): boolean | Refusal {
  const text = query.get(name) ?? "false";
  return text === "true" || text === "false" ? text === "true" : unknownValue(name, text, "true, false");
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
  // An empty filter, as forms send it, is none.
  const text = (name: string) => query.get(name) || undefined;
  const prefix = text("prefix")?.toLowerCase();
  const parent = idOf(query, "parent");
  if (isRefusal(parent)) return parent;
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

/** Returns the session members of `create=true&appname=…`, or which of them is not usable. */
export function parseSessionQuery(query: URLSearchParams): SessionInput | Refusal {
  const input: SessionInput = {};
  for (const name of ["appname", "mode", "platform", "jobid"] as const) {
    const value = query.get(name);
    if (value === null) continue;
    if (value.length > limits.sessionTextLengthMax)
      return refuse("invalid_query", `${name} has ${value.length} characters: send at most ${limits.sessionTextLengthMax}.`);
    input[name] = value;
  }
  const parent = idOf(query, "parent_session_id");
  if (isRefusal(parent)) return parent;
  if (parent !== undefined) input.parent_session_id = parent;
  const pid = wholeNumber(query, "pid", { min: 0, max: 0xffffffff });
  if (isRefusal(pid)) return pid;
  if (pid !== undefined) input.pid = pid;
  return input;
}

/** Returns the session id of `name`, undefined when there is none, or why it is no id. */
function idOf(query: URLSearchParams, name: string): string | undefined | Refusal {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  return tryParseSessionId(text) ?? refuse("invalid_session_id", `${name}=${text} must be 24 hex digits, not all zero.`);
}

/** Says which values a parameter takes. */
export function unknownValue(name: string, value: string, known: string): Refusal {
  return refuse("invalid_query", `${name}=${value} is not known: use one of ${known}.`);
}

function isSortKey(text: string): text is SortKey {
  return (sortKeys as readonly string[]).includes(text);
}
