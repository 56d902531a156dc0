/** The only place that reads time: the rest takes a `Clock`, so tests can turn the hands. */

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic milliseconds with fraction, for durations. */
  monotonicMs(): number;
  /** Calls `action` once after `delayMs`; the timer does not keep the process alive. Returns its cancel. */
  after(delayMs: number, action: () => void): () => void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    timer.unref?.();
    return () => clearTimeout(timer);
  },
};

/** The machine's own clock with timers that keep the process alive: for programs whose one job is to wait. */
export const waitingClock: Clock = {
  ...systemClock,
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Calls `action` every `periodMs` on `clock` until the returned cancel is called. */
export function every(clock: Clock, periodMs: number, action: () => void): () => void {
  let cancel = () => {};
  const arm = () => {
    cancel = clock.after(periodMs, () => {
      arm();
      action();
    });
  };
  arm();
  return () => cancel();
}

/** Resolves after `delayMs` of `clock`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}
