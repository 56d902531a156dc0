/** `tailrace show`: everything about one session. */
import type { Command } from "commander";
import { systemClock } from "../../base/clock.ts";
import type { SessionObject } from "../../wire/api.ts";
import { type ClientOptions, type Context, clientCommand, clientOf, run } from "../command.ts";
import { countText, sessionDuration, sizeText } from "../format.ts";
import { resolveSession } from "../session-argument.ts";
import { visible, visibleLine } from "../terminal.ts";
import { tableLines } from "../width.ts";
import { entryCount } from "./ls.ts";

/** Registers `show`. */
export function registerShow(program: Command): void {
  const command = clientCommand(program, "show <session>", "show one session", [
    "tailrace show 66f0",
    "tailrace show 66f0 --json | jq .metadata",
  ]);
  run<ClientOptions, [string]>(command, async (context, text) => {
    const client = clientOf(context);
    const id = await resolveSession(client, text, context.signal);
    await printSession(context, await client.getSession(id, { signal: context.signal }));
  });
}

/** Prints a session as JSON or as lines of name and value. */
export async function printSession(context: Context<ClientOptions>, session: SessionObject): Promise<void> {
  const { out, options } = context;
  if (options.json) return out.json(session);
  const lines = tableLines(rowsOf(session).map(([name, value]) => [out.paint("dim", name), visibleLine(value)]));
  await out.line(lines.join("\n"));
  if (Object.keys(session.metadata).length === 0) return;
  await out.line(`${out.paint("dim", "metadata")}\n${visible(JSON.stringify(session.metadata, null, 2))}`);
}

function rowsOf(session: SessionObject): [string, string][] {
  const rows: [string, string | undefined][] = [
    ["id", session.id],
    ["status", session.is_self ? `${session.status} (this server)` : session.status],
    ["app", session.appname],
    ["mode", session.mode],
    ["platform", session.platform],
    ["pid", session.pid?.toString()],
    ["parent", session.parent_session_id],
    ["job", session.jobid],
    ["created", session.created_at],
    ["updated", session.updated_at],
    ["last activity", session.last_activity_at],
    ["ended", session.ended_at === null ? undefined : `${session.ended_at} (${session.end_reason ?? "no reason"})`],
    ["duration", sessionDuration(session, systemClock.nowMs())],
    ["entries", `${countText(entryCount(session))} (${session.first} to ${session.head})`],
    ["size", sizeText(session.bytes)],
    ["archived", session.archived ? (session.archived_at ?? "yes") : undefined],
    ["size before", session.original_bytes === undefined ? undefined : sizeText(session.original_bytes)],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== undefined);
}
