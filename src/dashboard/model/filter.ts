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

/**
 * Returns what the server is asked for: its part of `filter`, and what the rest implies. Fields are compared by the page,
 * but where the template renders one, its value must stand in the message.
 */
export function serverFilterOf(filter: LogFilter): FilterInput {
  const input: FilterInput = {};
  if (filter.level !== "") input.level = filter.level;
  if (filter.logger !== "") input.logger = filter.logger;
  const text = filter.text === "" ? impliedTextOf(filter) : filter.text;
  if (text !== "") input.q = text;
  if (filter.template !== "") input.template = filter.template;
  if (filter.since !== "") input.since = filter.since;
  if (filter.until !== "") input.until = filter.until;
  return input;
}

/** Values that read as they are rendered: no lists and objects, no numbers that a double rounds, nothing cut or escaped. */
const renderedAsRead = /^(?![[{])(?![-+\d.eE]{16})[^\n\r]{1,200}$/;

function impliedTextOf({ template, fields }: LogFilter): string {
  return fields.find(({ path, value }) => template.includes(`{${path}}`) && renderedAsRead.test(value))?.value ?? "";
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

/** Returns `filter` for a value that was seen in an entry of `template`: one that renders the field narrows by it as well. */
export function toggleSeenField(filter: LogFilter, field: FieldFilter, template: string | undefined): LogFilter {
  const toggled = toggleField(filter, field);
  const isOn = toggled.fields.length > filter.fields.length;
  const isRendered = template?.includes(`{${field.path}}`) === true;
  return isOn && isRendered && filter.template === "" ? { ...toggled, template: template ?? "" } : toggled;
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
