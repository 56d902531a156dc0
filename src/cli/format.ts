/** How entries, sessions, times and sizes read on the command line. */
import { must } from "../base/assert.ts";
import type { LevelName } from "../record/levels.ts";
import type { EntryObject, SessionObject } from "../wire/api.ts";
import { type Colour, type Paint, visible } from "./terminal.ts";

const levelShort: Readonly<Record<LevelName, string>> = {
  trace: "trc",
  debug: "dbg",
  info: "inf",
  warn: "wrn",
  error: "err",
  critical: "crt",
};

const levelColour: Readonly<Record<LevelName, Colour>> = {
  trace: "dim",
  debug: "cyan",
  info: "green",
  warn: "yellow",
  error: "red",
  critical: "brightRed",
};

/** Where the second and later lines of a message begin. */
const continuation = "\n    ";

export interface LineStyle {
  readonly paint: Paint;
  /** Text goes to a terminal: characters that could act on it are spelled out. */
  readonly isTerminal: boolean;
  /** Parts of the message to mark; has the flag `g`. */
  readonly highlight?: RegExp | undefined;
}

/** Returns `[YY-MM-DD HH:MM:SS.mmm] [lvl] [logger] message`, UTC, without newline; further lines are indented. */
export function entryLine(entry: EntryObject, style: LineStyle): string {
  const { paint } = style;
  const clean = style.isTerminal ? visible : (text: string) => text;
  let line = paint("dim", `[${shortTime(entry.timestamp)}]`);
  if (entry.level !== undefined) line += ` [${paint(levelColour[entry.level], levelShort[entry.level])}]`;
  if (entry.logger !== undefined) line += ` [${paint("blue", clean(entry.logger).replaceAll("\n", "\\n"))}]`;
  let message = clean(entry.message);
  if (style.highlight !== undefined)
    message = message.replace(style.highlight, (found) => paint("brightRed", paint("bold", found)));
  return `${line} ${message.includes("\n") ? message.replaceAll("\n", continuation) : message}`;
}

/** Returns `YY-MM-DD HH:MM:SS.mmm` of an ISO time. */
export function shortTime(timestamp: string): string {
  return `${timestamp.slice(2, 10)} ${timestamp.slice(11, 23)}`;
}

/** Returns an expression for every place where `text` stands, in any letter case. */
export function highlightOf(text: string | undefined): RegExp | undefined {
  if (text === undefined || text === "") return undefined;
  return new RegExp(visible(text).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
}

/** Returns `450ms`, `12.3s`, `4m 05s`, `3h 12m` or `2d 07h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${padded(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${padded(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${padded(hours % 24)}h`;
}

/** Returns `512 B`, `1.5 KiB`, `20 MiB` …. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${must(units[unit], "a unit")}`;
}

/** Returns a whole number with thousands apart. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** Returns how long a session ran, or runs until `nowMs`. */
export function sessionDuration(session: SessionObject, nowMs: number): string {
  const endMs = session.ended_at === null ? nowMs : Date.parse(session.ended_at);
  return durationText(endMs - Date.parse(session.created_at));
}

/** Returns `appname/mode`, or the one that is there. */
export function programName(session: SessionObject): string {
  return [session.appname, session.mode].filter((part) => part !== undefined && part !== "").join("/");
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}
