/**
 * Live: a subscription is a cursor on a session and nothing else. After a publication the followers behind the head are
 * moved on, one delta each per turn of the event loop, from the ring where the entries are still there and else from file,
 * and only as far as their sockets have room. Joining, catching up and following are the same step.
 */
import { assert } from "../base/assert.ts";
import { limits } from "../config.ts";
import { type Delta, deltaForm } from "../wire/delta.ts";
import { Connections } from "./connections.ts";
import type { DeltaSource, FileDelta } from "./delta-source.ts";
import type { Engine } from "./engine.ts";
import { Follower, type FollowRequest, type FollowSink, type GapReason } from "./follower.ts";
import { isRefusal } from "./query-input.ts";

export class Live {
  readonly #engine: Engine;
  readonly #source: DeltaSource;
  readonly #followers = new Set<Follower>();
  #ready: Follower[] = [];
  #isPlanned = false;
  readonly connections: Connections;

  constructor(engine: Engine, source: DeltaSource) {
    this.#engine = engine;
    this.#source = source;
    this.connections = new Connections(engine.clock);
  }

  get followerCount(): number {
    return this.#followers.size;
  }

  get isFull(): boolean {
    return this.#followers.size >= limits.followerCountMax;
  }

  /** Reads of files for followers, running or waiting. */
  get readCount(): number {
    return this.#source.readCount;
  }

  /** Entries that the slowest follower is behind its session's head, and how many followers wait for their sockets. */
  lag(): { readonly entryCountMax: number; readonly waitingCount: number } {
    let entryCountMax = 0;
    let waitingCount = 0;
    for (const { session, cursor, isWaiting } of this.#followers) {
      entryCountMax = Math.max(entryCountMax, session.head - cursor);
      if (isWaiting) waitingCount++;
    }
    return { entryCountMax, waitingCount };
  }

  /** Starts a subscription; its first delta comes in a later turn. */
  follow(request: FollowRequest, sink: FollowSink): Follower {
    const follower = new Follower(this, request, sink);
    this.#followers.add(follower);
    follower.session.listeners.add(follower);
    this.wake(follower);
    return follower;
  }

  /** Ends a subscription; nothing is sent any more. */
  unfollow(follower: Follower): void {
    follower.isOver = true;
    this.#followers.delete(follower);
    follower.session.listeners.delete(follower);
  }

  /**
   * Looks out for an entry behind the cursor that the filter chooses, with the filter's work shared as among followers.
   * @param done called once, with the cursor to read at; not when the returned follower was ended before.
   */
  watch(request: Omit<FollowRequest, "policy">, done: (cursor: number) => void): Follower {
    const over = (cursor: number) => {
      this.unfollow(follower);
      done(cursor);
    };
    const sink = {
      form: deltaForm.json,
      room: () => 1,
      beginRead: () => true,
      endRead: () => {},
      delta: (delta: Delta) => over(delta.from),
      gap: (from: number) => over(from - 1),
      ended: over,
    };
    const follower = this.follow({ ...request, policy: "lossless" }, sink);
    return follower;
  }

  /** Plans the follower's next step. */
  wake(follower: Follower): void {
    if (follower.isReady || follower.isReading || follower.isOver) return;
    follower.isReady = true;
    this.#ready.push(follower);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(() => this.#turn());
  }

  /** One step for each ready follower, as far as time allows; the rest comes first in the next turn, after sockets and workers. */
  #turn(): void {
    this.#isPlanned = false;
    const endMs = this.#engine.clock.monotonicMs() + limits.fanOutTurnMsMax;
    const ready = this.#ready;
    this.#ready = [];
    let index = 0;
    while (index < ready.length) {
      this.#step(ready[index] as Follower);
      index++;
      if (this.#engine.clock.monotonicMs() > endMs) break;
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
    if (follower.isOver) return;
    if (follower.cursor >= session.head) return this.#atHead(follower);
    const delta = this.#source.tryFromRing(session, follower.cursor, follower.filter, sink.form);
    if (delta === undefined) this.#readFile(follower);
    else this.#send(follower, delta);
  }

  #send(follower: Follower, delta: Delta): void {
    assert(delta.cursor > follower.cursor, "a delta moves its cursor on");
    follower.cursor = delta.cursor;
    if (delta.count > 0) {
      const { counters } = this.#engine;
      counters.deltaCount++;
      counters.deltaSizeBytes += delta.sizeBytes;
      follower.told = delta.cursor;
      follower.sink.delta(delta, follower.session.head);
    }
    if (follower.cursor < follower.session.head || !follower.session.isActive) this.wake(follower);
  }

  #readFile(follower: Follower): void {
    const { session, cursor, filter, sink } = follower;
    follower.isWaiting = !sink.beginRead();
    if (follower.isWaiting) return;
    follower.isReading = true;
    void this.#source.fromFile(session, cursor, filter, sink.form).then((found) => {
      sink.endRead();
      if (!isRefusal(found)) return this.#takeRead(follower, found);
      // Threads are busy, or the files changed hands: the next step looks again, after a pause so that it does not spin.
      this.#engine.clock.after(limits.followRetryMs, () => {
        follower.isReading = false;
        this.wake(follower);
      });
    });
  }

  #takeRead(follower: Follower, { delta, gap }: FileDelta): void {
    const { session } = follower;
    follower.isReading = false;
    if (follower.isOver) return;
    // Others of the connection may have filled it meanwhile: what was read is kept for a while, or read again.
    if (follower.sink.room() <= 0) return this.#wait(follower);
    if (gap !== undefined && gap.to > follower.cursor)
      this.#gap(follower, gap.to, gap.to < session.first ? "expired" : "damaged");
    if (follower.isOver) return;
    if (delta !== undefined && delta.cursor > follower.cursor) this.#send(follower, delta);
    else this.wake(follower);
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

  #gap(follower: Follower, to: number, reason: GapReason): void {
    const from = follower.cursor + 1;
    this.#engine.counters.gapCount++;
    follower.cursor = to;
    follower.told = to;
    follower.sink.gap(from, to, reason);
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
    if (follower.isOver) return;
    this.unfollow(follower);
    follower.sink.ended(follower.cursor, follower.session.record.end_reason ?? "");
  }
}
