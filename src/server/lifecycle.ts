/** The life of sessions: which processes are gone, which clients are silent, what is too old, too many or too large. */
import { type Clock, every } from "../base/clock.ts";
import type { Processes } from "../storage/processes.ts";
import type { Refusal } from "../wire/outcome.ts";
import type { Archivist } from "./archivist.ts";
import type { Engine, EngineListener } from "./engine.ts";
import type { Session } from "./session.ts";
import type { Settings } from "./settings.ts";

/** What a prune removed, or would remove. */
export interface PruneReport {
  expired_by_age: number;
  expired_by_count: number;
  expired_by_bytes: number;
  /** Bytes of what was removed. */
  bytes: number;
  sessions: string[];
}

type PruneSettings = Pick<Settings, "retainAge" | "retainCount" | "retainBytes">;
export type LifecycleSettings = PruneSettings &
  Pick<Settings, "idleTimeout" | "livenessInterval" | "retainInterval" | "archiveAfter" | "sessionMaxBytes">;

/** First prune after the start. */
const firstPruneAfterMs = 30_000;
/** Sessions that are removed or archived before the event loop turns to others. */
const idleCheckMs = 1000;

export class Lifecycle implements EngineListener {
  readonly #engine: Engine;
  readonly #settings: LifecycleSettings;
  readonly #processes: Processes;
  readonly #archivist: Archivist;
  #pruning: Promise<PruneReport> | undefined;
  /** Sessions whose oldest segments are being dropped. */
  readonly #trimming = new Set<Session>();

  constructor(engine: Engine, settings: LifecycleSettings, processes: Processes, archivist: Archivist) {
    this.#engine = engine;
    this.#settings = settings;
    this.#processes = processes;
    this.#archivist = archivist;
    if (settings.sessionMaxBytes > 0) engine.listeners.add(this);
  }

  /** Drops the oldest segments of a session that has grown over its limit; its last one always stays. */
  onSession(session: Session): void {
    const { sessionMaxBytes } = this.#settings;
    if (session.segments.length < 2 || session.busy !== undefined || this.#trimming.has(session)) return;
    if (session.sizeBytes > sessionMaxBytes) void this.#trim(session, sessionMaxBytes);
  }

  onSessionRemoved(session: Session): void {
    this.#trimming.delete(session);
  }

  /** Starts the timers; returns their end. */
  start(clock: Clock): () => void {
    const { livenessInterval, idleTimeout, retainInterval } = this.#settings;
    const cancels: (() => void)[] = [];
    if (livenessInterval > 0) cancels.push(every(clock, livenessInterval, () => void this.checkProcesses()));
    if (idleTimeout > 0) cancels.push(every(clock, Math.min(idleCheckMs, idleTimeout), () => void this.checkIdle()));
    const tend = () => void this.#tend();
    cancels.push(clock.after(firstPruneAfterMs, tend));
    if (retainInterval > 0) cancels.push(every(clock, retainInterval, tend));
    return () => {
      for (const cancel of cancels) cancel();
    };
  }

  /** Ends the sessions whose local process is gone. */
  async checkProcesses(): Promise<void> {
    for (const session of this.#active()) {
      if (session.record.pid !== undefined && !this.#isAlive(session)) await this.#end(session, "process exited");
    }
  }

  /** Ends the sessions that have not been heard of, unless a live local process stands behind them. */
  async checkIdle(): Promise<void> {
    const nowMs = this.#engine.clock.nowMs();
    for (const session of this.#active()) {
      const silentMs = nowMs - session.lastActivityMs;
      if (silentMs < this.#settings.idleTimeout || session.socketCount > 0 || session.waitingCount > 0) continue;
      if (session.record.pid !== undefined && this.#isAlive(session)) continue;
      await this.#end(session, `idle for ${durationText(silentMs)}`);
    }
  }

  /** Removes what is too old, too many or too large: ended sessions only, oldest first. */
  prune(isDryRun: boolean): Promise<PruneReport> {
    if (isDryRun) return Promise.resolve(reportOf(choose(this.#engine, this.#settings)));
    this.#pruning ??= this.#removeChosen().finally(() => {
      this.#pruning = undefined;
    });
    return this.#pruning;
  }

  async #removeChosen(): Promise<PruneReport> {
    const removed: Choice[] = [];
    for (const choice of choose(this.#engine, this.#settings)) {
      // One at a time, each a job of its own: intake goes on between them.
      const refusal = await this.#engine.purge(choice.session);
      if (refusal === undefined) removed.push(choice);
      else this.#engine.log.warn({ session: choice.session.id, refusal }, "An expired session could not be removed");
    }
    const report = reportOf(removed);
    if (removed.length > 0) this.#engine.log.info({ ...report, sessions: removed.length }, "Expired sessions were removed");
    return report;
  }

  async #trim(session: Session, sizeBytesMax: number): Promise<void> {
    this.#trimming.add(session);
    try {
      const { id, segments } = session;
      const dropped = await this.#engine.background.run<readonly number[]>("drop", { id, segments, sizeBytesMax });
      // The session went on growing meanwhile: only what was dropped leaves its list.
      if (dropped.length > 0) session.dropSegments(new Set(dropped));
      this.#engine.log.info(
        { session: id, segments: dropped.length, first: session.first },
        "The oldest segments of a session were dropped",
      );
    } catch (error) {
      this.#engine.log.warn({ err: error, session: session.id }, "The oldest segments of a session could not be dropped");
    } finally {
      this.#trimming.delete(session);
    }
  }

  async #tend(): Promise<void> {
    await this.prune(false);
    const { archiveAfter } = this.#settings;
    if (archiveAfter > 0) await this.#archivist.archiveOlderThan(this.#engine.clock.nowMs() - archiveAfter);
  }

  #active(): Session[] {
    return [...this.#engine.registry.all].filter((session) => session.isActive && session !== this.#engine.self);
  }

  #isAlive(session: Session): boolean {
    const { pid, pid_start: start, boot_id: boot } = session.record;
    if (pid === undefined || (boot !== undefined && boot !== this.#processes.bootId())) return false;
    const found = this.#processes.startOf(pid);
    // A pid alone may be recycled; with its start time it is that very process.
    return found !== undefined && (start === undefined || found === start);
  }

  async #end(session: Session, reason: string): Promise<Refusal | undefined> {
    const refusal = await this.#engine.end(session, reason);
    if (refusal !== undefined) this.#engine.log.warn({ session: session.id, refusal }, "A session could not be ended");
    return refusal;
  }
}

interface Choice {
  readonly session: Session;
  readonly why: "age" | "count" | "bytes";
  readonly sizeBytes: number;
}

function choose(engine: Engine, settings: PruneSettings): Choice[] {
  const ended = [...engine.registry.all].filter((session) => !session.isActive && session.busy === undefined);
  ended.sort((a, b) => endedMs(a) - endedMs(b) || a.slot - b.slot);
  let count = engine.registry.count;
  let bytes = 0;
  for (const session of engine.registry.all) bytes += session.sizeBytes;
  const ageLimitMs = settings.retainAge > 0 ? engine.clock.nowMs() - settings.retainAge : Number.NEGATIVE_INFINITY;
  const choices: Choice[] = [];
  for (const session of ended) {
    const why = whyExpired(endedMs(session) < ageLimitMs, count, bytes, settings);
    if (why === undefined) break;
    choices.push({ session, why, sizeBytes: session.sizeBytes });
    count--;
    bytes -= session.sizeBytes;
  }
  return choices;
}

function whyExpired(isOld: boolean, count: number, bytes: number, settings: PruneSettings): Choice["why"] | undefined {
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

function endedMs(session: Session): number {
  return Date.parse(session.record.ended_at ?? session.record.updated_at);
}

/** Returns a duration as `15m 00s`, `2h 05m` or `42s`. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${two(Math.floor(seconds / 60) % 60)}m`;
}
