/**
 * Live: a subscription is a cursor on a session and nothing else. After a publication the followers behind the head are
 * moved on, one delta each per turn of the event loop, from the ring where the entries are still there and else from file,
 * and only as far as their sockets have room. Joining, catching up and following are the same step.
 */
import { assert } from "../base/assert.ts";
import { limits } from "../config.ts";
import type { Delta, DeltaForm } from "../wire/delta.ts";
import type { DeltaSource } from "./delta-source.ts";
import type { Engine, EngineListener } from "./engine.ts";
import type { ReadFilter } from "./read-input.ts";
import type { Session, SessionListener } from "./session.ts";

/** Where a follower's messages go: a WebSocket subscription or an event stream. None of the calls may throw. */
export interface FollowSink {
  readonly form: DeltaForm;
  /** Bytes that may be sent now; 0: wait for `Follower.onRoom`. */
  room(): number;
  delta(delta: Delta, head: number): void;
  gap(from: number, to: number, reason: "slow" | "expired" | "damaged"): void;
  /** The last call: the session has ended and everything was sent. */
  ended(cursor: number, reason: string): void;
  heartbeat(head: number, cursor: number): void;
}

/** Time that one turn spends on deltas before sockets are read again, ms. */
const turnMsMax = 4;

export class Live implements EngineListener {
  readonly #engine: Engine;
  readonly #source: DeltaSource;
  readonly #followers = new Set<Follower>();
  #ready: Follower[] = [];
  #isPlanned = false;
  socketCount = 0;

  constructor(engine: Engine, source: DeltaSource) {
    this.#engine = engine;
    this.#source = source;
    engine.listeners.add(this);
  }

  onSession(): void {}

  /** The data is gone: whoever had not read all of it is told so. */
  onSessionRemoved(session: Session): void {
    for (const listener of [...session.listeners]) {
      if (!(listener instanceof Follower)) continue;
      if (listener.cursor < session.head) this.#gap(listener, session.head, "expired");
      this.unfollow(listener);
      listener.sink.ended(listener.cursor, "removed");
    }
  }

  get followerCount(): number {
    return this.#followers.size;
  }

  /** Entries that the slowest follower is behind its session's head. */
  lagMax(): number {
    let lag = 0;
    for (const follower of this.#followers) lag = Math.max(lag, follower.session.head - follower.cursor);
    return lag;
  }

  /** Starts a subscription behind `cursor`; its first delta comes in a later turn. */
  follow(session: Session, cursor: number, filter: ReadFilter, policy: "lossless" | "latest", sink: FollowSink): Follower {
    const follower = new Follower(this, session, cursor, filter, policy, sink);
    this.#followers.add(follower);
    session.listeners.add(follower);
    this.wake(follower);
    return follower;
  }

  /** Ends a subscription; nothing is sent any more. */
  unfollow(follower: Follower): void {
    follower.isOver = true;
    this.#followers.delete(follower);
    follower.session.listeners.delete(follower);
  }

  /** Plans the follower's next step. */
  wake(follower: Follower): void {
    if (follower.isReady || follower.isReading || follower.isOver) return;
    follower.isReady = true;
    this.#ready.push(follower);
    this.#plan();
  }

  /** Sends every follower its heartbeat. */
  heartbeat(): void {
    for (const follower of this.#followers)
      if (follower.sink.room() > 0) follower.sink.heartbeat(follower.session.head, follower.cursor);
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(() => this.#turn());
  }

  /** One step for each ready follower, as far as time allows; the rest goes on in the next turn. */
  #turn(): void {
    this.#isPlanned = false;
    const ready = this.#ready;
    this.#ready = [];
    const { clock } = this.#engine;
    const endMs = clock.monotonicMs() + turnMsMax;
    let index = 0;
    while (index < ready.length) {
      this.#step(ready[index] as Follower);
      index++;
      if (index % 16 === 0 && clock.monotonicMs() > endMs) break;
    }
    if (index < ready.length) this.#ready = ready.slice(index).concat(this.#ready);
    if (this.#ready.length > 0) this.#plan();
  }

  #step(follower: Follower): void {
    follower.isReady = false;
    const { session, sink } = follower;
    if (follower.isOver) return;
    if (sink.room() <= 0) return this.#wait(follower);
    if (session.isRemoved) return this.#finish(follower, session.head);
    if (follower.isSkipping) this.#skip(follower);
    if (follower.cursor + 1 < session.first) this.#gap(follower, session.first - 1, "expired");
    if (follower.cursor >= session.head) return this.#atHead(follower);
    if (follower.cursor + 1 >= session.residentFirst) {
      this.#send(follower, this.#source.fromRing(session, follower.cursor, follower.filter, sink.form));
    } else this.#readFile(follower);
  }

  #send(follower: Follower, delta: Delta): void {
    assert(delta.cursor > follower.cursor, "a delta moves its cursor on");
    follower.cursor = delta.cursor;
    if (delta.count > 0) {
      const { counters } = this.#engine;
      counters.deltaCount++;
      counters.deltaSizeBytes += delta.sizeBytes;
      follower.sink.delta(delta, follower.session.head);
      follower.told = delta.cursor;
    }
    this.wake(follower);
  }

  #readFile(follower: Follower): void {
    follower.isReading = true;
    const { session, cursor } = follower;
    this.#source.fromFile(session, cursor, follower.filter, follower.sink.form).then(
      ({ delta, gap }) => {
        follower.isReading = false;
        if (follower.isOver) return;
        if (gap !== undefined && gap.to > follower.cursor)
          this.#gap(follower, gap.to, gap.to < session.first ? "expired" : "damaged");
        if (delta !== undefined && delta.cursor > follower.cursor) this.#send(follower, delta);
        else this.wake(follower);
      },
      (error: unknown) => {
        // The thread died or the file went away: the next step looks again, after a pause so that it does not spin.
        this.#engine.log.warn({ err: error, session: session.id }, "Reading for a subscription failed");
        this.#engine.clock.after(limits.sessionFeedIntervalMs, () => {
          follower.isReading = false;
          this.wake(follower);
        });
      },
    );
  }

  #wait(follower: Follower): void {
    if (follower.isWaiting) return;
    follower.isWaiting = true;
    this.#engine.counters.slowReaderCount++;
    if (follower.policy === "latest") follower.isSkipping = true;
  }

  #skip(follower: Follower): void {
    follower.isSkipping = false;
    if (follower.session.head > follower.cursor) this.#gap(follower, follower.session.head, "slow");
  }

  #gap(follower: Follower, to: number, reason: "slow" | "expired" | "damaged"): void {
    this.#engine.counters.gapCount++;
    follower.sink.gap(follower.cursor + 1, to, reason);
    follower.cursor = to;
    follower.told = to;
  }

  #atHead(follower: Follower): void {
    const { session } = follower;
    // The end entry comes last: while it is queued the session is not over for its readers.
    if (session.isActive || session.waitingCount > 0) return;
    this.#finish(follower, follower.cursor);
  }

  /** The last message; entries up to `head` that are not there any more are a gap before it. */
  #finish(follower: Follower, head: number): void {
    if (follower.cursor < head) this.#gap(follower, head, "expired");
    this.unfollow(follower);
    follower.sink.ended(follower.cursor, follower.session.record.end_reason ?? "");
  }
}

/** One subscription. */
export class Follower implements SessionListener {
  readonly session: Session;
  readonly filter: ReadFilter;
  readonly policy: "lossless" | "latest";
  readonly sink: FollowSink;
  readonly #live: Live;
  /** Seq of the last entry that was sent or did not match. */
  cursor: number;
  /** The last cursor that the client was told. */
  told: number;
  isReady = false;
  isReading = false;
  /** The socket had no room; `onRoom` goes on. */
  isWaiting = false;
  isSkipping = false;
  isOver = false;

  constructor(live: Live, session: Session, cursor: number, filter: ReadFilter, policy: "lossless" | "latest", sink: FollowSink) {
    this.#live = live;
    this.session = session;
    this.cursor = cursor;
    this.told = cursor;
    this.filter = filter;
    this.policy = policy;
    this.sink = sink;
  }

  onPublished(): void {
    if (!this.isWaiting) this.#live.wake(this);
  }

  /** The socket has room again. */
  onRoom(): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.#live.wake(this);
  }
}
