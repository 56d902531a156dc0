/** Which ended sessions are too old, too many or too large to be kept, and their removal. */
import { sleep } from "../base/clock.ts";
import type { Engine } from "./engine.ts";
import type { Session } from "./session.ts";
import type { Settings } from "./settings.ts";
import { inTurns } from "./turns.ts";

/** What a prune removed, or would remove. */
export interface PruneReport {
  expired_by_age: number;
  expired_by_count: number;
  expired_by_bytes: number;
  /** Bytes of what was removed. */
  bytes: number;
  sessions: string[];
}

export type RetentionSettings = Pick<Settings, "retainAge" | "retainCount" | "retainBytes">;

/** Sessions that go together: their names become durable with one sync. */
const groupSessionCount = 16;
/** How much longer than a group took intake has the machine and the disk for itself, while it takes anything in at all. */
const restFactor = 12;
/** Sessions looked at in one turn of the event loop: well under a millisecond. */
const sessionsPerTurn = 500;

export class Retention {
  readonly #engine: Engine;
  readonly #settings: RetentionSettings;
  #running: Promise<PruneReport> | undefined;

  constructor(engine: Engine, settings: RetentionSettings) {
    this.#engine = engine;
    this.#settings = settings;
  }

  /** Removes what expired, or only says what that is; a prune that runs serves all who ask. */
  async prune(isDryRun: boolean): Promise<PruneReport> {
    if (isDryRun) return reportOf(await choose(this.#engine, this.#settings));
    this.#running ??= this.#removeChosen().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #removeChosen(): Promise<PruneReport> {
    const { clock, log, remover, gate } = this.#engine;
    const choices = await choose(this.#engine, this.#settings);
    const removed: Choice[] = [];
    for (let from = 0; from < choices.length && !gate.isStopping; from += groupSessionCount) {
      const startedMs = clock.monotonicMs();
      const group = choices.slice(from, from + groupSessionCount);
      const refusals = await remover.purge(group.map(({ session }) => session));
      for (const choice of group) if (!refusals.has(choice.session)) removed.push(choice);
      const [refused] = refusals;
      if (refused !== undefined)
        log.warn({ session: refused[0].id, refusal: refused[1], count: refusals.size }, "Expired sessions could not be removed");
      const isLast = from + groupSessionCount >= choices.length;
      const restMs = isLast || gate.intakeRefusal !== undefined ? 0 : restFactor * (clock.monotonicMs() - startedMs);
      if (restMs > 0) await sleep(clock, restMs);
    }
    const report = reportOf(removed);
    if (removed.length > 0) log.info({ ...report, sessions: removed.length }, "Expired sessions were removed");
    return report;
  }
}

interface Choice {
  readonly session: Session;
  readonly why: "age" | "count" | "bytes";
  readonly sizeBytes: number;
}

/** Oldest first; active sessions count and never go, and neither do those whose files are not ours to touch. */
async function choose(engine: Engine, settings: RetentionSettings): Promise<Choice[]> {
  const ended = await endedSessions(engine);
  let bytes = 0;
  await inTurns(engine.registry.all, sessionsPerTurn, (session) => {
    bytes += session.sizeBytes;
  });
  let count = engine.registry.count;
  const ageLimitMs = settings.retainAge > 0 ? engine.clock.nowMs() - settings.retainAge : Number.NEGATIVE_INFINITY;
  const choices: Choice[] = [];
  for (const session of ended) {
    // Opened again, or held by somebody, since it was looked at.
    if (session.isActive || session.isRemoved || session.busy !== undefined) continue;
    const why = whyExpired(endedMs(session) < ageLimitMs, count, bytes, settings);
    if (why === undefined) break;
    const { sizeBytes } = session;
    choices.push({ session, why, sizeBytes });
    count--;
    bytes -= sizeBytes;
  }
  return choices;
}

function whyExpired(isOld: boolean, count: number, bytes: number, settings: RetentionSettings): Choice["why"] | undefined {
  if (isOld) return "age";
  if (settings.retainCount > 0 && count > settings.retainCount) return "count";
  if (settings.retainBytes > 0 && bytes > settings.retainBytes) return "bytes";
  return undefined;
}

function reportOf(choices: readonly Choice[]): PruneReport {
  const by = (why: Choice["why"]) => choices.filter((choice) => choice.why === why).length;
  return {
    expired_by_age: by("age"),
    expired_by_count: by("count"),
    expired_by_bytes: by("bytes"),
    bytes: choices.reduce((sum, choice) => sum + choice.sizeBytes, 0),
    sessions: choices.map((choice) => choice.session.id),
  };
}

/** Returns the ended sessions whose files may be touched, the one that ended first first. */
export async function endedSessions(engine: Engine): Promise<Session[]> {
  const timed: { readonly session: Session; readonly atMs: number }[] = [];
  await inTurns([...engine.registry.all], sessionsPerTurn, (session) => {
    if (!session.isActive && session.readOnly === undefined) timed.push({ session, atMs: endedMs(session) });
  });
  timed.sort((a, b) => a.atMs - b.atMs || a.session.slot - b.session.slot);
  return timed.map(({ session }) => session);
}

/**
 * Returns when a session ended. One that a crash ended is dated by its last entry, whose time is its client's word: for its
 * age it is not believed beyond what our own clock saw, or old logs would be removed right after a restart.
 */
export function endedMs({ record }: Session): number {
  const endedAt = Date.parse(record.ended_at ?? record.updated_at);
  if (record.end_reason !== restartReason) return endedAt;
  return Math.min(Date.parse(record.updated_at), Math.max(Date.parse(record.created_at), endedAt));
}

/** Why sessions end that are found active at start. */
export const restartReason = "server restart";
