/** `tailrace tail`: the newest entries of a session, and with `-f` everything that follows. */
import { type Command, Option } from "commander";
import type { TailraceClient } from "../../client/client.ts";
import { type FollowEvent, follow } from "../../client/follow.ts";
import type { EntryObject, FilterInput, Gap } from "../../wire/api.ts";
import { durationMs, levelName, wholeNumber } from "../arguments.ts";
import { type ClientOptions, type Context, clientCommand, clientOf, run } from "../command.ts";
import { entryLine, highlightOf } from "../format.ts";
import { newestPages, selfSession } from "../read.ts";
import { resolveSession } from "../session-argument.ts";

interface Options extends ClientOptions {
  lines: number;
  follow?: boolean;
  level?: string;
  logger?: string;
  grep?: string;
  intervalMs: number;
  goneAfter: number;
  poll?: boolean;
}

/** Registers `tail`. */
export function registerTail(program: Command): void {
  const command = clientCommand(
    program,
    "tail [session]",
    "print the newest entries (times in UTC), and follow; default: the server's own log",
    [
      "tailrace tail -f",
      "tailrace tail 66f0 -n 200 --level warn",
      "tailrace tail 66f0 -f --logger LogNet --grep timeout",
      "tailrace tail 66f0 -f --json | jq .message",
    ],
  )
    .option("-n, --lines <count>", "how many of the newest entries", wholeNumber(0), 50)
    .option("-f, --follow", "print what comes, until the session ends")
    .option("--level <level>", "only entries of this level or above", levelName)
    .option("--logger <name>", "only entries of this logger")
    .option("--grep <text>", "only entries that hold this text, in any letter case")
    .option("--interval-ms <ms>", "time between two looks where there is no WebSocket", wholeNumber(10, 3_600_000), 500)
    .addOption(
      new Option("--gone-after <duration>", "how long to wait for a server that is away")
        .argParser(durationMs)
        .default(60_000, "60s"),
    )
    .option("--poll", "do not use the WebSocket");
  run<Options, [string | undefined]>(command, tail);
}

async function tail(context: Context<Options>, text: string | undefined): Promise<void> {
  const { options, signal } = context;
  const client = clientOf(context);
  const session = text === undefined ? await selfSession(client, signal) : await resolveSession(client, text, signal);
  const filter = filterOf(options);
  let cursor = 0;
  for await (const page of newestPages(client, session, filter, options.lines, signal)) {
    cursor = Math.max(page.cursor, cursor);
    await printEntries(context, page.entries);
  }
  if (options.follow) await followFrom(context, client, session, cursor, filter);
}

function filterOf(options: Options): FilterInput {
  const { level, logger, grep } = options;
  return {
    ...(level === undefined ? {} : { level }),
    ...(logger === undefined ? {} : { logger }),
    ...(grep === undefined ? {} : { q: grep }),
  };
}

async function printEntries(context: Context<Options>, entries: readonly EntryObject[]): Promise<void> {
  if (entries.length === 0) return;
  const { out, options, signal } = context;
  const style = { paint: out.paint, isTerminal: out.isTerminal, highlight: highlightOf(options.grep) };
  let text = "";
  for (const entry of entries) text += options.json ? out.jsonLine(entry) : `${entryLine(entry, style)}\n`;
  await out.write(text);
  signal.throwIfAborted();
}

async function followFrom(
  context: Context<Options>,
  client: TailraceClient,
  session: string,
  cursor: number,
  filter: FilterInput,
): Promise<void> {
  const { options, signal } = context;
  const { openNodeSocket } = await import("../node-socket.ts");
  const events = follow(client, {
    session,
    cursor,
    ...filter,
    openSocket: options.poll ? undefined : openNodeSocket,
    intervalMs: options.intervalMs,
    goneAfterMs: options.goneAfter,
    signal,
  });
  let isBack = false;
  for await (const event of events) {
    if (event.type === "entries") await printEntries(context, event.entries);
    else await say(context, event, isBack);
    isBack ||= event.type === "lost";
  }
}

/** Tells on standard error what happens to the connection and the session. */
async function say(context: Context<Options>, event: Exclude<FollowEvent, { type: "entries" }>, isBack: boolean): Promise<void> {
  const { talk, options } = context;
  const tell = (text: string) => talk.line(talk.paint("dim", text));
  switch (event.type) {
    case "lost":
      return tell(`(connection lost: ${event.reason}; trying again)`);
    case "connected":
      if (isBack) return tell("(connected again)");
      return event.via === "polling" && !options.poll ? tell("(no WebSocket; polling)") : undefined;
    case "gap":
      return tell(gapText(event.gap));
    case "interrupted":
      return tell("(session ended by a restart of the server; waiting for its program to resume it)");
    case "resumed":
      return tell("(session resumed)");
    case "ended":
      return tell("(session ended)");
    case "gone":
      return tell("(server gone)");
  }
}

function gapText(gap: Gap): string {
  const reasons = { slow: "this reader was too slow", expired: "no longer kept", damaged: "damaged on disk" };
  const reason = gap.reason === undefined ? "" : `: ${reasons[gap.reason] ?? gap.reason}`;
  return `(entries ${gap.from} to ${gap.to} are missing${reason})`;
}
