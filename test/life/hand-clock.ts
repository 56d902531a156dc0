/** A clock whose hands the test turns: timers run in the order of their time, and what each sets off is over before the next. */
import type { Clock } from "#src/base/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly action: () => void;
}

/** Noon of the day the hands point to at first. */
export const noonMs = Date.parse("2026-11-20T12:00:00.000Z");

export class HandClock implements Clock {
  #nowMs = noonMs;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - noonMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on by `ms` while nobody looks: what falls due meanwhile waits for `advance`. */
  skip(ms: number): void {
    this.#nowMs += ms;
  }

  /** Moves on by `ms`; `settle` resolves when everything that a timer set off is over. */
  async advance(ms: number, settle: () => Promise<void>): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.action();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}
