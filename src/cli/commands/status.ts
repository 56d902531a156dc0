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
  const rows = rowsOf(stats, "").map(([name, value]) => [out.paint("dim", name), value]);
  await out.line([`server ${options.url}`, ...tableLines(rows)].join("\n"));
}

/** One row per plain value; objects lead their members: `counters.read`. */
function rowsOf(value: Readonly<Record<string, unknown>>, prefix: string): [string, string][] {
  return Object.entries(value).flatMap(([name, member]): [string, string][] => {
    const path = prefix + name;
    if (typeof member === "object" && member !== null) return rowsOf(member as Record<string, unknown>, `${path}.`);
    return [[path.replaceAll("_", " "), textOf(name, member)]];
  });
}

/** The unit stands at the end of a name. */
function textOf(name: string, value: unknown): string {
  if (typeof value !== "number") return visibleLine(String(value));
  if (/bytes$/.test(name)) return sizeText(value);
  if (/_ms$/.test(name)) return durationText(value);
  if (/_seconds$/.test(name)) return durationText(value * 1000);
  return Number.isInteger(value) ? countText(value) : String(value);
}
