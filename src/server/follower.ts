/** One subscription: a cursor on a session, and where its messages go. */
import type { Delta, DeltaForm } from "../wire/delta.ts";
import type { Live } from "./live.ts";
import type { ReadFilter } from "./read-input.ts";
import type { Session, SessionListener } from "./session.ts";

export type GapReason = "slow" | "expired" | "damaged";

/** What a reader that is too slow wants: every entry, or the newest. */
export type FollowPolicy = "lossless" | "latest";

/** Where a follower's messages go: a WebSocket subscription, an event stream, a long poll. None of the calls may throw. */
export interface FollowSink {
  readonly form: DeltaForm;
  /** Bytes that may be sent now; 0 or less: wait for `Follower.onRoom`. What is sent may go beyond by one delta. */
  room(): number;
  /**
   * Asks to read files for this follower. False: others of the connection are at it, and what would be read now might find no
   * room; `Follower.onRoom` goes on. After true comes `endRead`.
   */
  beginRead(): boolean;
  endRead(): void;
  delta(delta: Delta, head: number): void;
  gap(from: number, to: number, reason: GapReason): void;
  /** The last call: the session has ended and everything was sent. */
  ended(cursor: number, reason: string): void;
}

/** What a subscription asks for. */
export interface FollowRequest {
  readonly session: Session;
  /** Entries behind it are sent. */
  readonly cursor: number;
  readonly filter: ReadFilter;
  readonly policy: FollowPolicy;
}

/** `live.ts` moves it on; nobody else writes its state. */
export class Follower implements SessionListener {
  readonly session: Session;
  readonly filter: ReadFilter;
  readonly policy: FollowPolicy;
  readonly sink: FollowSink;
  readonly #live: Live;
  /** Seq of the last entry that was sent or did not match. */
  cursor: number;
  /** The last cursor that the client was told. */
  told: number;
  /** It has its place in the next turn. */
  isReady = false;
  /** A query thread reads for it. */
  isReading = false;
  /** The socket had no room, or reads for another one; `onRoom` goes on. */
  isWaiting = false;
  /** With policy latest: go to the head when there is room. */
  isSkipping = false;
  isOver = false;

  constructor(live: Live, request: FollowRequest, sink: FollowSink) {
    this.#live = live;
    this.session = request.session;
    this.cursor = request.cursor;
    this.told = request.cursor;
    this.filter = request.filter;
    this.policy = request.policy;
    this.sink = sink;
  }

  onPublished(): void {
    if (!this.isWaiting) this.#live.wake(this);
  }

  /** The socket has room again. Returns whether that was waited for. */
  onRoom(): boolean {
    if (!this.isWaiting) return false;
    this.isWaiting = false;
    this.#live.wake(this);
    return true;
  }
}
