/** The session that a command is about: an id, or the beginning of one. */
import { tryParseSessionId } from "../base/ids.ts";
import type { TailraceClient } from "../client/client.ts";
import type { SessionObject } from "../wire/api.ts";
import { CommandError, UsageError } from "./command.ts";
import { programName } from "./format.ts";
import { visibleLine } from "./terminal.ts";
import { cut, tableLines } from "./width.ts";

const prefixLengthMin = 4;
/** Matches that an ambiguous prefix lists, and how wide their names may be. */
const shownCountMax = 10;
const nameWidthMax = 40;

/** Returns the id of the one session that `text` means; throws with the matches when there is not exactly one. */
export async function resolveSession(client: TailraceClient, text: string, signal?: AbortSignal): Promise<string> {
  const id = tryParseSessionId(text);
  if (id !== undefined) return id;
  if (!/^[0-9a-fA-F]{1,23}$/.test(text) || text.length < prefixLengthMin) {
    throw new UsageError(
      `"${visibleLine(text)}" is no session: give an id, or the first ${prefixLengthMin} or more digits of one`,
    );
  }
  const prefix = text.toLowerCase();
  const { sessions, total } = await client.listSessions({ status: "all", prefix, limit: shownCountMax }, { signal });
  if (sessions.length === 1 && sessions[0] !== undefined) return sessions[0].id;
  if (sessions.length === 0) throw new CommandError(`no session begins with ${prefix}; "tailrace ls" lists them`);
  throw new CommandError(`${total} sessions begin with ${prefix}; give more digits:\n${matches(sessions, total)}`);
}

function matches(sessions: readonly SessionObject[], total: number): string {
  const rows = sessions.map((session) => [
    `  ${session.id}`,
    session.status,
    cut(visibleLine(programName(session)), nameWidthMax),
    session.created_at.slice(0, 19).replace("T", " "),
  ]);
  const lines = tableLines(rows);
  if (total > sessions.length) lines.push(`  … and ${total - sessions.length} more`);
  return lines.join("\n");
}
