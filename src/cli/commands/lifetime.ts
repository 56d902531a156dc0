/** `tailrace end`, `archive` and `restore`: one call about one session. */
import type { Command } from "commander";
import type { TailraceClient } from "../../client/client.ts";
import type { SessionObject } from "../../wire/api.ts";
import { type ClientOptions, type Context, clientCommand, clientOf, run } from "../command.ts";
import { sizeText } from "../format.ts";
import { resolveSession } from "../session-argument.ts";

interface EndOptions extends ClientOptions {
  purge?: boolean;
}

type Call = (client: TailraceClient, id: string, signal: AbortSignal) => Promise<SessionObject>;

/** Registers `end`. */
export function registerEnd(program: Command): void {
  const command = clientCommand(program, "end <session>", "end a session", [
    "tailrace end 66f0",
    "tailrace end 66f0 --purge",
  ]).option("--purge", "remove its data too, once it has ended");
  run<EndOptions, [string]>(command, async (context, text) => {
    const purge = context.options.purge === true;
    await callAndSay(context, text, purge ? "ended and removed" : "ended", async (client, id, signal) => {
      const session = await client.endSession(id, { signal });
      return purge ? client.endSession(id, { signal, purge }) : session;
    });
  });
}

/** Registers `archive`. */
export function registerArchive(program: Command): void {
  const command = clientCommand(program, "archive <session>", "compress an ended session; it stays readable", [
    "tailrace archive 66f0",
  ]);
  run<ClientOptions, [string]>(command, (context, text) =>
    callAndSay(context, text, "archived", (client, id, signal) => client.archiveSession(id, { signal })),
  );
}

/** Registers `restore`. */
export function registerRestore(program: Command): void {
  const command = clientCommand(program, "restore <session>", "undo archive", ["tailrace restore 66f0"]);
  run<ClientOptions, [string]>(command, (context, text) =>
    callAndSay(context, text, "restored", (client, id, signal) => client.restoreSession(id, { signal })),
  );
}

async function callAndSay(context: Context<ClientOptions>, text: string, done: string, call: Call): Promise<void> {
  const client = clientOf(context);
  const id = await resolveSession(client, text, context.signal);
  const session = await call(client, id, context.signal);
  if (context.options.json) return context.out.json(session);
  await context.out.line(`${done} ${session.id}${sizes(session)}`);
}

function sizes(session: SessionObject): string {
  const { original_bytes: before, archived_bytes: after } = session;
  if (!session.archived || before === undefined || after === undefined) return "";
  return ` (${sizeText(before)} → ${sizeText(after)})`;
}
