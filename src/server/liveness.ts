/** Ends the sessions that have nobody behind them any more: their process is gone, or nothing was heard of them for long. */
import type { Processes } from "../storage/processes.ts";
import type { Refusal } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { hasProcess, isAlive } from "./process-tie.ts";
import type { Session } from "./session.ts";
import { inTurns } from "./turns.ts";

/** Processes looked up before the event loop turns to others: some 20 µs each. */
const lookCountMax = 64;
/** How long a session that was found to have a live process is not looked at for its silence. */
const aliveMs = 30_000;
/** Pause after an end that was refused: the disk is full, its worker is down. */
const retryAfterMs = 30_000;

export class Liveness {
  readonly #engine: Engine;
  readonly #processes: Processes;
  readonly #idleTimeoutMs: number;
  #isLooking = false;
  /** When a session's process was last seen alive, when its socket was last seen open. */
  readonly #aliveMs = new WeakMap<Session, number>();
  readonly #openMs = new WeakMap<Session, number>();
  readonly #retryAtMs = new WeakMap<Session, number>();

  constructor(engine: Engine, processes: Processes, idleTimeoutMs: number) {
    this.#engine = engine;
    this.#processes = processes;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** Ends the sessions whose local process is gone; resolves when they are. */
  async checkProcesses(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const gone: Promise<Refusal | undefined>[] = [];
    const named = [...this.#candidates()].filter((session) => hasProcess(session.record));
    await inTurns(named, lookCountMax, (session) => {
      if (session.isActive && !this.#hasLiveProcess(session)) gone.push(this.#end(session, "process exited"));
    });
    this.#isLooking = false;
    await this.#report(gone);
  }

  /** Ends the sessions that have not been heard of, unless a live local process stands behind them. */
  async checkIdle(): Promise<void> {
    const nowMs = this.#engine.clock.nowMs();
    const silent: Promise<Refusal | undefined>[] = [];
    let lookCount = 0;
    for (const session of this.#candidates()) {
      if (session.socketCount > 0 || session.waitingCount > 0) this.#openMs.set(session, nowMs);
      const silentMs = nowMs - Math.max(session.lastActivityMs, this.#openMs.get(session) ?? 0);
      if (silentMs < this.#idleTimeoutMs || nowMs - (this.#aliveMs.get(session) ?? Number.NEGATIVE_INFINITY) < aliveMs) continue;
      // Those with a process that are left over come next time, a second later.
      if (hasProcess(session.record) && (++lookCount > lookCountMax || this.#hasLiveProcess(session))) continue;
      silent.push(this.#end(session, `idle for ${durationText(silentMs)}`));
    }
    await this.#report(silent);
  }

  *#candidates(): Iterable<Session> {
    const nowMs = this.#engine.clock.nowMs();
    for (const session of [...this.#engine.registry.all]) {
      if (!session.isActive || session === this.#engine.self || session.readOnly !== undefined) continue;
      if (nowMs >= (this.#retryAtMs.get(session) ?? 0)) yield session;
    }
  }

  #hasLiveProcess(session: Session): boolean {
    const isFound = isAlive(this.#processes, session.record);
    if (isFound) this.#aliveMs.set(session, this.#engine.clock.nowMs());
    return isFound;
  }

  async #end(session: Session, reason: string): Promise<Refusal | undefined> {
    const refusal = await this.#engine.end(session, reason);
    if (refusal !== undefined) this.#retryAtMs.set(session, this.#engine.clock.nowMs() + retryAfterMs);
    return refusal;
  }

  async #report(ends: readonly Promise<Refusal | undefined>[]): Promise<void> {
    const refusals = (await Promise.all(ends)).filter((refusal) => refusal !== undefined);
    if (refusals.length === 0) return;
    this.#engine.log.warn({ refusal: refusals[0], count: refusals.length }, "Sessions could not be ended");
  }
}

/** Returns a duration as `15m 00s`, `2h 05m` or `42s`. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${two(Math.floor(seconds / 60) % 60)}m`;
}
