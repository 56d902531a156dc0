/** The life of sessions: when it is looked for those that are gone, silent, too old, too many or too large. */
import { type Clock, every } from "../base/clock.ts";
import type { Processes } from "../storage/processes.ts";
import type { Archivist } from "./archivist.ts";
import type { Engine } from "./engine.ts";
import { Liveness } from "./liveness.ts";
import { type PruneReport, Retention, type RetentionSettings } from "./retention.ts";
import type { Settings } from "./settings.ts";
import { Trimmer } from "./trimmer.ts";

export type LifecycleSettings = RetentionSettings &
  Pick<Settings, "idleTimeout" | "livenessInterval" | "retainInterval" | "archiveAfter" | "sessionMaxBytes">;

/** First look at retention and archiving after the start: whoever just restarted has other worries. */
const firstTendAfterMs = 30_000;
/** How late a silent session may be ended. */
const idleCheckMs = 1000;

export class Lifecycle {
  readonly #engine: Engine;
  readonly #settings: LifecycleSettings;
  readonly #archivist: Archivist;
  readonly #liveness: Liveness;
  readonly #retention: Retention;
  #isTending = false;

  constructor(engine: Engine, settings: LifecycleSettings, processes: Processes, archivist: Archivist) {
    this.#engine = engine;
    this.#settings = settings;
    this.#archivist = archivist;
    this.#liveness = new Liveness(engine, processes, settings.idleTimeout);
    this.#retention = new Retention(engine, settings);
    if (settings.sessionMaxBytes > 0) engine.listeners.add(new Trimmer(engine, settings.sessionMaxBytes));
  }

  /** Starts the timers; returns their end. */
  start(clock: Clock): () => void {
    const { livenessInterval, idleTimeout, retainInterval } = this.#settings;
    const cancels: (() => void)[] = [];
    if (livenessInterval > 0) cancels.push(every(clock, livenessInterval, () => void this.#liveness.checkProcesses()));
    if (idleTimeout > 0) cancels.push(every(clock, Math.min(idleCheckMs, idleTimeout), () => void this.#liveness.checkIdle()));
    if (retainInterval > 0) {
      const tend = () => void this.#tend();
      cancels.push(
        clock.after(firstTendAfterMs, () => {
          cancels.push(every(clock, retainInterval, tend));
          tend();
        }),
      );
    }
    return () => {
      for (const cancel of cancels) cancel();
    };
  }

  /** Removes what is too old, too many or too large: ended sessions only, oldest first. */
  prune(isDryRun: boolean): Promise<PruneReport> {
    return this.#retention.prune(isDryRun);
  }

  async #tend(): Promise<void> {
    if (this.#isTending) return;
    this.#isTending = true;
    const { archiveAfter } = this.#settings;
    try {
      await this.prune(false);
      if (archiveAfter > 0) await this.#archivist.archiveOlderThan(this.#engine.clock.nowMs() - archiveAfter);
    } finally {
      this.#isTending = false;
    }
  }
}
