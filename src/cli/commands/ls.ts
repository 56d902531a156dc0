/** `tailrace ls`: the sessions, active ones first, then ended ones, newest first. */
import type { Command } from "commander";
import { Option } from "commander";
import { systemClock } from "../../base/clock.ts";
import type { TailraceClient } from "../../client/client.ts";
import type { SessionList, SessionObject } from "../../wire/api.ts";
import { wholeNumber } from "../arguments.ts";
import { type ClientOptions, type Context, clientCommand, clientOf, run } from "../command.ts";
import { countText, programName, sessionDuration } from "../format.ts";
import { type Paint, visibleLine } from "../terminal.ts";
import { cut, displayWidth, tableLines } from "../width.ts";

interface Options extends ClientOptions {
  status: "active" | "ended" | "all";
  app?: string;
  mode?: string;
  platform?: string;
  limit: number;
}

const limitDefault = 100;
/** Names are cut on a terminal, so that a long one does not push everything off the line. */
const nameWidthMax = 40;
const nameWidthMin = 12;
const platformWidthMax = 16;
/** What the other columns take: id, status, pid, created, duration, entries, and the space between. */
const otherWidth = 88;

/** Registers `ls`. */
export function registerLs(program: Command): void {
  const command = clientCommand(program, "ls", "list sessions, active ones first, newest first", [
    "tailrace ls                                     times are UTC",
    "tailrace ls --status active --app UnrealEditor",
    "tailrace ls --json | jq -r '.sessions[].id'",
  ])
    .addOption(new Option("--status <status>", "which sessions").choices(["active", "ended", "all"]).default("all"))
    .option("--app <name>", "only sessions of this program")
    .option("--mode <mode>", "only sessions in this mode")
    .option("--platform <name>", "only sessions on this platform")
    .option("--limit <count>", "at most so many", wholeNumber(1, 10_000), limitDefault);
  run<Options, []>(command, list);
}

async function list(context: Context<Options>): Promise<void> {
  const { out, talk, options, signal } = context;
  const answer = await sessionsInOrder(clientOf(context), options, signal);
  if (options.json) return out.json(answer);
  const { sessions, total } = answer;
  if (sessions.length === 0) return talk.line("no sessions");
  await out.line(sessionTable(sessions, out.paint, out.columns, systemClock.nowMs()).join("\n"));
  if (total > sessions.length) await talk.line(`${sessions.length} of ${total} sessions; --limit shows more`);
}

/** Two questions, because the server sorts by one thing at a time: the active ones, then the ended ones that still fit. */
async function sessionsInOrder(client: TailraceClient, options: Options, signal: AbortSignal): Promise<SessionList> {
  const { status, app, mode, platform, limit } = options;
  const filter = { sort: "created" as const, ...defined({ app, mode, platform }) };
  if (status !== "all") return client.listSessions({ ...filter, status, limit }, { signal });
  const active = await client.listSessions({ ...filter, status: "active", limit }, { signal });
  const rest = Math.max(1, limit - active.sessions.length);
  const ended = await client.listSessions({ ...filter, status: "ended", limit: rest }, { signal });
  const sessions = [...active.sessions, ...ended.sessions].slice(0, limit);
  return { sessions, total: active.total + ended.total, self_id: active.self_id };
}

function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/**
 * Returns the lines of the table with its heading.
 * @param columns of the terminal; infinite where nothing is to be cut.
 */
function sessionTable(sessions: readonly SessionObject[], paint: Paint, columns: number, nowMs: number): string[] {
  const isTerminal = columns !== Number.POSITIVE_INFINITY;
  const name = (text: string | undefined, width: number) => {
    const clean = visibleLine(text ?? "");
    return clean === "" ? "-" : isTerminal ? cut(clean, width) : clean;
  };
  const platforms = sessions.map((session) => name(session.platform, platformWidthMax));
  const platformWidth = platforms.reduce((widest, text) => Math.max(widest, displayWidth(text)), 8);
  const nameWidth = Math.max(nameWidthMin, Math.min(nameWidthMax, columns - otherWidth - platformWidth));
  const rows = sessions.map((session, index) => [
    session.id,
    session.is_self ? "self" : session.archived ? "archived" : session.status,
    name(programName(session), nameWidth),
    platforms[index] ?? "-",
    session.pid === undefined ? "-" : String(session.pid),
    session.created_at.slice(0, 19).replace("T", " "),
    sessionDuration(session, nowMs),
    countText(entryCount(session)),
  ]);
  const heading = ["SESSION", "STATUS", "APP/MODE", "PLATFORM", "PID", "CREATED", "DURATION", "ENTRIES"];
  const [first = "", ...lines] = tableLines([heading, ...rows], [4, 6, 7]);
  return [
    paint("bold", first),
    ...lines.map((line, index) => (sessions[index]?.status === "active" ? paint("green", line) : line)),
  ];
}

/** Returns how many entries of a session are kept. */
export function entryCount(session: SessionObject): number {
  return Math.max(0, session.head - session.first + 1);
}
