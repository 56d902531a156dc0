/** A clock whose hands the test turns. */
import type { Clock } from "#src/base/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly action: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1_000_000;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  /** Moves on and runs what is due, in order of time. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.action();
    }
    this.#nowMs = untilMs;
  }

  /** Moves on at once and then runs what was due, late: as in a process that was stopped. */
  jump(ms: number): void {
    this.#nowMs += ms;
    this.advance(0);
  }

  /** Lets promises run and moves on, until `isDone`. */
  async run(isDone: () => boolean, stepMs = 50): Promise<void> {
    for (let step = 0; step < 10_000; step++) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      if (isDone()) return;
      this.advance(stepMs);
    }
    throw new Error("it did not come to an end");
  }
}
