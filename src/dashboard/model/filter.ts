/** What narrows a log: the server's filters (contract 5) and one that only the page knows, the value of a field. */
import { type LevelName, levelNames } from "../../record/levels.ts";
import type { EntryObject, FilterInput } from "../../wire/api.ts";
import { valueAtPath } from "./fields.ts";

/** A field at `path` whose value reads as `value`. */
export interface FieldFilter {
  readonly path: string;
  readonly value: string;
}

/** Empty strings and lists narrow nothing. Times are ISO 8601. */
export interface LogFilter {
  readonly level: LevelName | "";
  readonly logger: string;
  readonly text: string;
  readonly template: string;
  readonly since: string;
  readonly until: string;
  readonly fields: readonly FieldFilter[];
}

export const noFilter: LogFilter = { level: "", logger: "", text: "", template: "", since: "", until: "", fields: [] };

/** Returns the members of `filter` that the server applies. */
export function serverFilterOf(filter: LogFilter): FilterInput {
  const input: FilterInput = {};
  if (filter.level !== "") input.level = filter.level;
  if (filter.logger !== "") input.logger = filter.logger;
  if (filter.text !== "") input.q = filter.text;
  if (filter.template !== "") input.template = filter.template;
  if (filter.since !== "") input.since = filter.since;
  if (filter.until !== "") input.until = filter.until;
  return input;
}

/** Returns whether anything is narrowed. */
export function isNarrowed(filter: LogFilter): boolean {
  return filter.fields.length > 0 || Object.keys(serverFilterOf(filter)).length > 0;
}

/** Returns whether the two ask for the same entries. */
export function isSameFilter(one: LogFilter, other: LogFilter): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Returns whether `entry` carries every value that `fields` names. */
export function hasFields(entry: EntryObject, fields: readonly FieldFilter[]): boolean {
  return fields.every(({ path, value }) => textOfValue(valueAtPath(entry.fields, path)) === value);
}

/** Returns `filter` with the value at `path` asked for; asking for it again takes it away. */
export function toggleField(filter: LogFilter, field: FieldFilter): LogFilter {
  const rest = filter.fields.filter(({ path, value }) => path !== field.path || value !== field.value);
  return { ...filter, fields: rest.length < filter.fields.length ? rest : [...filter.fields, field] };
}

/** Returns how a field's value reads: strings bare, everything else as JSON, "" for nothing. */
export function textOfValue(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Returns `text` as a level, or "" when it is none. */
export function levelOrNone(text: string): LevelName | "" {
  return (levelNames as readonly string[]).includes(text) ? (text as LevelName) : "";
}
