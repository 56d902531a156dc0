/** Removes sessions with their data: the shard's worker lets the files go, a background thread takes them away. */
import type { SessionId } from "../base/ids.ts";
import type { StorageFailure } from "../storage/types.ts";
import { type Refusal, refuse } from "../wire/outcome.ts";
import type { Engine } from "./engine.ts";
import { isRefusal } from "./query-input.ts";
import type { Session } from "./session.ts";

export class Remover {
  readonly #engine: Engine;
  #isSweeping = false;
  #mustSweepAgain = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Removes ended sessions and returns why those that are still there are. */
  async purge(sessions: readonly Session[]): Promise<Map<Session, Refusal>> {
    const refusals = new Map<Session, Refusal>();
    const frees = new Map<Session, () => void>();
    for (const session of sessions) {
      const free = this.#hold(session);
      if (isRefusal(free)) refusals.set(session, free);
      else frees.set(session, free);
    }
    await Promise.all([...frees.keys()].map((session) => this.#letGo(session, refusals)));
    await this.#trash(
      [...frees.keys()].filter((session) => !refusals.has(session)),
      refusals,
    );
    for (const [session, free] of frees) {
      if (!refusals.has(session)) this.#engine.forget(session);
      free();
    }
    if (frees.size > 0) this.sweep();
    return refusals;
  }

  /** Frees the bytes of removed sessions, behind everything else. Calls while it runs make it run once more, not each. */
  sweep(): void {
    this.#mustSweepAgain = true;
    if (!this.#isSweeping) void this.#sweepAll();
  }

  async #sweepAll(): Promise<void> {
    const { background, log, gate } = this.#engine;
    this.#isSweeping = true;
    while (this.#mustSweepAgain && !gate.isStopping) {
      this.#mustSweepAgain = false;
      try {
        const failure = await background.run<StorageFailure | undefined>("sweep", undefined);
        if (failure !== undefined) log.warn({ failure }, "A removed session still takes disk space");
      } catch (error) {
        log.warn({ err: error }, "Removed sessions still take disk space");
      }
    }
    this.#isSweeping = false;
  }

  #hold(session: Session): Refusal | (() => void) {
    if (!session.isActive) return this.#engine.hold(session, "purge");
    return refuse("session_active", `Session ${session.id} is active: end it before its data is removed.`);
  }

  async #letGo(session: Session, refusals: Map<Session, Refusal>): Promise<void> {
    const refusal = await this.#engine.releaseFiles(session);
    if (refusal !== undefined) refusals.set(session, refusal);
  }

  async #trash(sessions: readonly Session[], refusals: Map<Session, Refusal>): Promise<void> {
    if (sessions.length === 0) return;
    const ids = sessions.map((session) => session.id);
    try {
      const failures = await this.#engine.background.run<Map<SessionId, StorageFailure>>("trash", ids);
      for (const session of sessions) {
        const failure = failures.get(session.id);
        if (failure !== undefined) refusals.set(session, stillThere(failure.message));
      }
    } catch (error) {
      // What did vanish counts as removed when it is tried again.
      for (const session of sessions) refusals.set(session, stillThere((error as Error).message));
    }
  }
}

function stillThere(why: string): Refusal {
  return refuse("storage_unavailable", `The removal failed: ${why}`, { retryAfterSeconds: 5 });
}
