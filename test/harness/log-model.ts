/** A log as an array: entries made from a seed, and reads done the slow way. */
import type { EntryObject, FilterInput } from "#src/wire/api.ts";
import type { Random } from "./random.ts";

const levels = ["trace", "debug", "info", "warn", "error", "critical"] as const;
const loggers = ["LogHttp", "LogCook", "LogTemp", undefined] as const;
const words = ["Loading", "package", "Texture", "compiled", "FAILED", "retry", "shader", "ready", "ünïcode", "100%"] as const;
const templates = ["Loaded {asset} in {ms} ms", "Retry {count} of {max}"] as const;
/** A second apart, so that ranges of time have clear ends. */
const startMs = Date.parse("2026-11-20T10:00:00.000Z");

/** Returns the entry `seq` of a made log as it is sent. */
export function madeEntry(seq: number, random: Random): Record<string, unknown> {
  const timestamp = new Date(startMs + seq * 1000).toISOString();
  const level = random.whole(0, 9) === 0 ? {} : { level: random.pick(levels) };
  const logger = random.pick(loggers);
  const common = { timestamp, ...level, ...(logger === undefined ? {} : { logger }) };
  if (random.whole(0, 3) === 0) {
    const format = random.pick(templates);
    return { ...common, format, fields: { asset: `/Game/${seq}`, ms: random.whole(1, 999), count: seq % 5, max: 5 } };
  }
  const count = random.whole(1, 8);
  return { ...common, message: `${seq} ${Array.from({ length: count }, () => random.pick(words)).join(" ")}` };
}

/** Returns that entry as it is read. */
export function readEntry(seq: number, sent: Record<string, unknown>): EntryObject {
  const { format, fields } = sent as { format?: string; fields?: Record<string, unknown> };
  if (format === undefined) return { seq, ...sent } as unknown as EntryObject;
  const message = format.replace(/\{(\w+)\}/g, (_, name: string) => String(fields?.[name]));
  const { timestamp, level, logger } = sent as unknown as EntryObject;
  const head = { seq, timestamp, ...(level === undefined ? {} : { level }), ...(logger === undefined ? {} : { logger }) };
  return { ...head, message, format, ...(fields === undefined ? {} : { fields }) };
}

/** Returns whether a filter lets the entry through. */
export function isChosen(entry: EntryObject, filter: FilterInput): boolean {
  const { level, logger, q, template, since, until } = filter;
  const rank = (name: string | undefined) => levels.indexOf(name as (typeof levels)[number]);
  if (level !== undefined && (entry.level === undefined || rank(entry.level) < rank(level))) return false;
  if (logger !== undefined && entry.logger !== logger) return false;
  if (template !== undefined && entry.format !== template) return false;
  if (q !== undefined && !entry.message.toLowerCase().includes(q.toLowerCase())) return false;
  if (since !== undefined && entry.timestamp < since) return false;
  return until === undefined || entry.timestamp <= until;
}

/** Returns a filter of random parts; about every second one chooses few entries. */
export function madeFilter(random: Random, headSeq: number): FilterInput {
  const filter: FilterInput = {};
  const at = (seq: number) => new Date(startMs + seq * 1000).toISOString();
  if (random.whole(0, 2) === 0) filter.level = random.pick(levels);
  if (random.whole(0, 2) === 0) filter.logger = random.pick(["LogHttp", "LogCook", "LogNone"]);
  if (random.whole(0, 2) === 0) filter.q = random.pick(["failed", "TEXTURE COMP", "/game/1", "99", "ünïCODE", "nothing such"]);
  if (random.whole(0, 4) === 0) filter.template = random.pick([...templates, "unknown {x}"]);
  if (random.whole(0, 3) === 0) filter.since = at(random.whole(0, headSeq));
  if (random.whole(0, 3) === 0) filter.until = at(random.whole(0, headSeq + 10));
  return filter;
}

/** Returns the query string of a filter and more parameters. */
export function queryOf(...parts: readonly object[]): string {
  const query = new URLSearchParams();
  for (const part of parts) for (const [name, value] of Object.entries(part)) query.set(name, String(value));
  return query.toString();
}
