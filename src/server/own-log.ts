/**
 * The server's own log as a session: lines of pino are NDJSON already, so they go in like any client's. Lines logged before
 * the session exists wait here and keep their own time stamps.
 */
import type { Clock } from "../base/clock.ts";
import { limits } from "../config.ts";
import type { Engine } from "./engine.ts";
import type { Session } from "./session.ts";

/** Where own lines go. None of the calls may throw, nor log. */
export interface LineTarget {
  /** Takes NDJSON; false: the same lines are tried again later. */
  take(lines: string): Promise<boolean>;
  /** No more lines come. */
  end(reason: string): Promise<void>;
}

export class OwnLog {
  readonly #clock: Clock;
  #lines: string[] = [];
  /** Lines that the target has not taken yet; they stay together, so that trying again is telling the same. */
  #sending = "";
  #droppedCount = 0;
  #target: LineTarget | undefined;
  #flushing: Promise<void> | undefined;
  #isPlanned = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a line; the oldest go when too many wait. */
  readonly sink = (line: string): void => {
    if (this.#lines.length >= limits.ownLogLineCountMax) {
      this.#lines.shift();
      this.#droppedCount++;
    }
    this.#lines.push(line);
    this.#plan(0);
  };

  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** From here on lines go to `target`, those that waited first. */
  attach(target: LineTarget): void {
    this.#target = target;
    this.#plan(0);
  }

  /** Resolves when no line waits, or when the target takes none. */
  flush(): Promise<void> {
    this.#flushing ??= this.#sendAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** Sends what waits and says that no more comes. */
  async end(reason: string): Promise<void> {
    await this.flush();
    await this.#target?.end(reason);
    this.#target = undefined;
  }

  async #sendAll(): Promise<void> {
    while (this.#target !== undefined && (this.#sending !== "" || this.#lines.length > 0)) {
      if (this.#sending === "") this.#sending = this.#lines.splice(0, limits.ownLogBatchLineCount).join("");
      // Not logged: the line would come back here.
      if (!(await this.#target.take(this.#sending))) return this.#plan(limits.ownLogRetryMs);
      this.#sending = "";
    }
  }

  #plan(delayMs: number): void {
    if (this.#isPlanned || this.#target === undefined) return;
    this.#isPlanned = true;
    const flush = () => {
      this.#isPlanned = false;
      void this.flush();
    };
    if (delayMs === 0) setImmediate(flush);
    else this.#clock.after(delayMs, flush);
  }
}

/** Returns a target whose lines go into a session of this server. */
export function sessionTarget(engine: Engine, session: Session): LineTarget {
  return {
    take: async (lines) => session.isActive && (await engine.appendLines(session, lines)) === undefined,
    end: async (reason) => void (await engine.end(session, reason)),
  };
}
