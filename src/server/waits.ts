/** Reads and claims that wait for an entry: woken by it, by the end of their time, by their peer's going, by the stop. */
import type { Clock } from "../base/clock.ts";
import { limits } from "../config.ts";
import type { Live } from "./live.ts";
import type { ReadFilter } from "./read-input.ts";
import type { Session } from "./session.ts";

/** What is waited for, and who waits. */
export interface Wait {
  readonly session: Session;
  readonly cursor: number;
  /** Entries that it does not choose wake nobody. */
  readonly filter: ReadFilter;
  readonly ms: number;
  /** Takes the call to make when the peer is gone. */
  onAborted(giveUp: () => void): void;
}

/** How a wait ended. */
export interface Waited {
  /** It is time to answer that there is nothing; else: look again. */
  readonly isOver: boolean;
  /** Nothing that is wanted lies before it. */
  readonly cursor: number;
}

export class Waits {
  readonly #clock: Clock;
  readonly #live: Live;
  /** Of each wait: its end. */
  readonly #waiting = new Set<() => void>();
  #isStopping = false;

  constructor(clock: Clock, live: Live) {
    this.#clock = clock;
    this.#live = live;
  }

  get isFull(): boolean {
    return this.#waiting.size >= limits.socketCountMax;
  }

  /** Waits until something that is wanted lies behind the cursor, or the session is removed. */
  wait(wait: Wait): Promise<Waited> {
    const { session, cursor } = wait;
    if (this.#isStopping || wait.ms <= 0) return Promise.resolve({ isOver: true, cursor });
    if (session.isRemoved) return Promise.resolve({ isOver: false, cursor });
    return new Promise((resolve) => {
      const finish = (waited: Waited) => {
        cancelTimer();
        watch.end();
        this.#waiting.delete(giveUp);
        resolve(waited);
      };
      const giveUp = () => finish({ isOver: true, cursor: watch.cursor() });
      const cancelTimer = this.#clock.after(wait.ms, giveUp);
      const watch = this.#watch(wait, (found) => finish({ isOver: false, cursor: found }));
      this.#waiting.add(giveUp);
      wait.onAborted(giveUp);
    });
  }

  /** Ends every wait, and those to come. */
  stop(): void {
    this.#isStopping = true;
    for (const giveUp of [...this.#waiting]) giveUp();
  }

  /** Live works filters out for all who want the same; without one there is nothing to work out. */
  #watch({ session, cursor, filter }: Wait, done: (cursor: number) => void): Watch {
    // An ended session has no followers, but it may be opened again.
    if (!filter.filter.isEmpty && session.isActive) {
      const follower = this.#live.watch({ session, cursor, filter }, done);
      return { cursor: () => follower.cursor, end: () => this.#live.unfollow(follower) };
    }
    const look = () => {
      if (session.head > cursor || session.isRemoved) done(cursor);
    };
    const listener = { onPublished: look };
    session.listeners.add(listener);
    // What came between the caller's look and this one.
    if (session.head > cursor) setImmediate(look);
    return { cursor: () => cursor, end: () => session.listeners.delete(listener) };
  }
}

interface Watch {
  /** How far it was looked in vain. */
  cursor(): number;
  end(): void;
}
