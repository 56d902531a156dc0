/** `tailrace status`: how the server does. */
import type { Command } from "commander";
import { type ClientOptions, type Context, clientCommand, clientOf, run } from "../command.ts";
import { countText, durationText, sizeText } from "../format.ts";
import { visibleLine } from "../terminal.ts";
import { tableLines } from "../width.ts";

/** Registers `status`. */
export function registerStatus(program: Command): void {
  const command = clientCommand(program, "status", "show the server's sessions, counters, disk and memory", [
    "tailrace status",
    "tailrace status --json | jq .counters",
  ]);
  run<ClientOptions, []>(command, status);
}

async function status(context: Context<ClientOptions>): Promise<void> {
  const { out, options, signal } = context;
  const stats = await clientOf(context).stats({ signal });
  if (options.json) return out.json(stats);
  const lines = [`server ${options.url}`, ...groupLines(context, "", stats)];
  for (const [name, value] of Object.entries(stats)) {
    if (isObject(value)) lines.push("", ...groupLines(context, titleOf(name), value));
    else if (Array.isArray(value)) lines.push("", ...listLines(context, titleOf(name), value.filter(isObject)));
  }
  await out.line(lines.join("\n"));
}

type Members = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The plain members of an object, one a line. */
function groupLines({ out }: Context<ClientOptions>, title: string, members: Members): string[] {
  const rows = Object.entries(members)
    .filter(([, value]) => typeof value !== "object")
    .map(([name, value]) => [out.paint("dim", titleOf(name)), textOf(title === "memory" ? `${name}_bytes` : name, value)]);
  return title === "" ? tableLines(rows) : [out.paint("bold", title), ...tableLines(rows)];
}

/** Objects alike as a table. */
function listLines({ out }: Context<ClientOptions>, title: string, items: readonly Members[]): string[] {
  const names = Object.keys(items[0] ?? {});
  const rows = items.map((item) => names.map((name) => textOf(name, item[name])));
  const right = names.map((_, column) => column);
  return [out.paint("bold", title), ...tableLines([names.map(titleOf), ...rows], right)];
}

/** The unit is left out where the value shows it. */
function titleOf(name: string): string {
  return name.replace(/_(bytes|ms|seconds)$/, "").replaceAll("_", " ");
}

/** The unit stands at the end of a name. */
function textOf(name: string, value: unknown): string {
  if (typeof value !== "number") return visibleLine(String(value));
  if (/(^|_)bytes(_|$)/.test(name)) return sizeText(value);
  if (/_ms$/.test(name)) return durationText(value);
  if (/_seconds$/.test(name)) return durationText(value * 1000);
  return Number.isInteger(value) ? countText(value) : String(value);
}
