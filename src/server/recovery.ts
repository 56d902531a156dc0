/** Start: brings every session of the data directory back, and ends those that were active when the last server went. */
import { type SessionId, tryParseSessionId } from "../base/ids.ts";
import type { SegmentInfo, SeqRange, SessionRecord, SessionTail, Trust } from "../storage/types.ts";
import type { Engine } from "./engine.ts";
import { restartReason } from "./retention.ts";
import type { Session } from "./session.ts";

/** What a query thread says about one session after it looked at its headers and tails. */
export interface RecoveredSession {
  readonly id: string;
  readonly record: SessionRecord | undefined;
  readonly tail: SessionTail;
  readonly segments: readonly SegmentInfo[];
  readonly first: number;
  readonly lastEntryTimeMs: number | undefined;
  readonly cutBytes: number;
  readonly damage: readonly SeqRange[];
  readonly warnings: readonly string[];
}

/** Sessions of one task: enough to make the trip worth it, few enough to share among threads. */
const sessionsPerTask = 256;

/** Registers every session that is on disk. */
export async function recoverSessions(engine: Engine, trust: Trust): Promise<void> {
  const ids = await engine.query.run<SessionId[]>("list", undefined);
  const tasks: Promise<RecoveredSession[]>[] = [];
  for (let from = 0; from < ids.length; from += sessionsPerTask) {
    tasks.push(engine.query.run<RecoveredSession[]>("recover", { ids: ids.slice(from, from + sessionsPerTask), trust }));
  }
  const found = (await Promise.all(tasks)).flat();
  // In the order of their ends, as they would stand without a restart: what sorts them by age later has little to do.
  found.sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  for (const session of found) register(engine, session);
}

function orderOf({ record }: RecoveredSession): string {
  return record?.ended_at ?? record?.created_at ?? "";
}

/** Ends the sessions that were active: whoever wrote them knows nothing of this server. */
export async function endLeftovers(engine: Engine): Promise<void> {
  const leftovers = [...engine.registry.all].filter(
    (session) => session.isActive && session !== engine.self && session.readOnly === undefined,
  );
  const refusals = await Promise.all(leftovers.map((session) => engine.end(session, restartReason, session.lastActivityMs)));
  for (const refusal of refusals)
    if (refusal !== undefined) engine.log.warn({ refusal }, "A session of the last server could not be ended");
}

function register(engine: Engine, found: RecoveredSession): void {
  for (const warning of found.warnings) engine.log.warn({ session: found.id }, warning);
  engine.counters.cutSizeBytes += found.cutBytes;
  engine.counters.damagedRangeCount += found.damage.length;
  if (found.cutBytes > 0) engine.log.warn({ session: found.id, bytes: found.cutBytes }, "A torn write was cut");
  for (const range of found.damage) engine.log.error({ session: found.id, ...range }, "Entries of a damaged file can't be read");
  const id = tryParseSessionId(found.id);
  if (id === undefined || (found.record === undefined && found.segments.length === 0)) return;
  const lastMs = lastActivityMsOf(found);
  const session: Session = engine.registry.add(id, found.record ?? recordFromSegments(id, lastMs), lastMs);
  session.tail = found.tail;
  session.segments = found.segments;
  session.first = found.first;
}

/** Of a session that did not end the record may be old: its last entry knows better. */
function lastActivityMsOf({ record, lastEntryTimeMs }: RecoveredSession): number {
  const recordedMs = Date.parse(record?.last_activity_at ?? new Date(0).toISOString());
  return record?.status === "ended" ? recordedMs : (lastEntryTimeMs ?? recordedMs);
}

/** A session whose session.json was lost still has its entries: what is known of it is that it was active. */
function recordFromSegments(id: SessionId, lastMs: number): SessionRecord {
  const at = new Date(lastMs).toISOString();
  const times = { created_at: at, updated_at: at, last_activity_at: at, ended_at: null, end_reason: null };
  return { id, metadata: {}, status: "active", ...times };
}
